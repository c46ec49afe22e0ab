"""Annotations, the Kaggle table, the list of classes and the blacklist, as bytes."""

from fuzz_bytes import any_of, odd
from hypothesis import strategies as st

PLAIN_NUMBERS = ("0", "1", "5", "31", "499", "-1", "5.5", "+3", ".5", "1e6", " 7 ")
ODD_NUMBERS = (
    *("nan", "inf", "-inf", "1e309", "1000001", "1_0", "0x10", "-0", "1e-400"),
    *("\u0663", "\uff11\uff12", "", "9" * 400),
)
NUMBERS = st.sampled_from(PLAIN_NUMBERS + ODD_NUMBERS) | st.integers(-500, 5000).map(str)
WNIDS = ("n01440764", "n01443537", "n01484850")
ODD_WNIDS = ("n00000000", "", "n1", "N01440764", "é\u202e", "n01440764 n01440764")
CORNERS = ("xmin", "ymin", "xmax", "ymax")
HOSTILE = (
    '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]>',
    '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
    "<!DOCTYPE annotation>",
    "<!-- -- -->",
    "<?php x ?>",
    "&c;&lt;&#0;&#x110000;",
    "<![CDATA[<object>]]>",
    "]]>",
    "\x00",
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252", "utf-32")
DECLARED = ("utf-8", "utf-16", "latin-1", "ascii", "cp1252", "klingon", "utf-7", "hex", "idna")


def element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"


@st.composite
def class_id(draw: st.DrawFn) -> str:
    return draw(st.sampled_from(ODD_WNIDS if odd(draw, 20) else WNIDS))


@st.composite
def corners(draw: st.DrawFn) -> list[str]:
    """xmin, ymin, xmax, ymax as text, of a box or of anything."""
    if odd(draw, 12):
        return [draw(NUMBERS) for _ in CORNERS]
    x, y = draw(st.integers(-5, 500)), draw(st.integers(-5, 500))
    return [str(value) for value in (x, y, x + draw(st.integers(1, 99)), y + 7)]


@st.composite
def box(draw: st.DrawFn) -> str:
    parts = [element(*pair) for pair in zip(CORNERS, draw(corners()), strict=True)]
    if odd(draw, 20):
        parts = draw(st.lists(st.sampled_from(parts), max_size=6))
    return element("bndbox", "".join(parts))


@st.composite
def annotation(draw: st.DrawFn) -> bytes:
    objects = [
        element("object", element("name", draw(class_id())) + draw(box()))
        for _ in range(draw(st.integers(not odd(draw, 20), 3)))
    ]
    sizes = [draw(NUMBERS) if odd(draw, 12) else "500" for _ in range(2)]
    parts = [element("size", element("width", sizes[0]) + element("height", sizes[1])), *objects]
    if odd(draw, 4):
        del parts[0]
    if odd(draw, 12):
        parts.insert(draw(st.integers(0, len(parts))), draw(st.sampled_from(HOSTILE)))
    root = draw(st.sampled_from(("html", "object"))) if odd(draw, 30) else "annotation"
    text = element(root, "".join(parts))
    if odd(draw, 12):
        text = draw(st.sampled_from(HOSTILE)) + text
    encoding = draw(st.sampled_from(ENCODINGS)) if odd(draw, 5) else "utf-8"
    if odd(draw, 5):
        declared = draw(st.sampled_from(DECLARED)) if odd(draw, 2) else encoding
        text = f"<?xml version='1.0' encoding='{declared}'?>{text}"
    return text.encode(encoding, "backslashreplace")


@st.composite
def row(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(("a", "b", "c", "ILSVRC2012_val_00000001", "é")))
    if odd(draw, 12):
        name = draw(st.sampled_from(("", "../x", "\x1b[2J", "a b", "9" * 300)))
    label = draw(class_id())
    values = [value for _ in range(draw(st.integers(1, 3))) for value in (label, *draw(corners()))]
    if odd(draw, 20):
        del values[draw(st.integers(0, len(values) - 1))]
    text = " ".join(values)
    comma = draw(st.sampled_from((";", "\t", ",,", ""))) if odd(draw, 25) else ","
    if odd(draw, 8):
        opened, closed = draw(st.sampled_from((('"', '"'), ('"', ""), ('""', '""'), ("", '"'))))
        return f"{opened}{name}{closed}{comma}{opened}{text}{closed}"
    return f"{name}{comma}{text}"


@st.composite
def table(draw: st.DrawFn) -> bytes:
    header = "ImageId,PredictionString"
    if odd(draw, 12):
        header = draw(st.sampled_from(("", "id,boxes", '"ImageId","PredictionString"')))
    end = draw(st.sampled_from(("\n", "\r\n", "\r", "\n\n")))
    rows = draw(st.lists(row(), max_size=4))
    if odd(draw, 40):
        rows.append("d," + "9" * 140_000)
    text = end.join([header, *rows]) + draw(st.sampled_from(("", end)))
    encoding = draw(st.sampled_from(("utf-8-sig", "utf-16", "cp1252"))) if odd(draw, 8) else "utf-8"
    return text.encode(encoding, "replace")


@st.composite
def mapping(draw: st.DrawFn) -> bytes:
    names = sorted(
        {draw(class_id()) for _ in range(draw(st.integers(0, 4)))}, reverse=odd(draw, 12)
    )
    gap = draw(st.sampled_from(("", "  ", "\t"))) if odd(draw, 8) else " "
    words = st.text(max_size=6) if odd(draw, 8) else st.sampled_from(("tench, Tinca", "é", ""))
    end = draw(st.sampled_from(("\n", "\r\n")))
    return end.join(f"{name}{gap}{draw(words)}" for name in names).encode("utf-8", "replace")


@st.composite
def blacklist(draw: st.DrawFn) -> bytes:
    lines = draw(st.lists(st.integers(1, 50_000).map(str), max_size=5))
    if odd(draw, 3):
        lines.append(draw(NUMBERS | st.text(max_size=5)))
    return "\n".join(lines).encode("utf-8", "replace")


XML = any_of(annotation())
TABLE = any_of(table())
MAPPING = any_of(mapping())
BLACKLIST = any_of(blacklist())
