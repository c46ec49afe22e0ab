"""NetParameters written field by field: valid, nearly valid and wild."""

import struct

from fuzz_bytes import WILD_NUMBERS, any_of, odd
from hypothesis import strategies as st

SIZES = st.integers(1, 3) | WILD_NUMBERS


def varint(number: int) -> bytes:
    number &= 2**64 - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def whole(field: int, number: int) -> bytes:
    return varint(field << 3) + varint(number)


def piece(field: int, content: bytes, length: int | None = None) -> bytes:
    return varint(field << 3 | 2) + varint(len(content) if length is None else length) + content


@st.composite
def shape(draw: st.DrawFn, sizes: list[int]) -> bytes:
    """In the old form, the new one, both or none, now and then another."""
    if odd(draw, 15):
        sizes = draw(st.lists(SIZES, max_size=5))
    old = b"".join(whole(1 + axis, size) for axis, size in enumerate(sizes[:4]))
    new = piece(7, piece(1, b"".join(map(varint, sizes))))
    loose = piece(7, b"".join(whole(1, size) for size in sizes))
    return b"" if odd(draw, 20) else draw(st.sampled_from((old, new, loose, old + new)))


@st.composite
def blob(draw: st.DrawFn) -> bytes:
    sizes = draw(st.lists(st.integers(1, 3), min_size=4, max_size=4))
    count = sizes[0] * sizes[1] * sizes[2] * sizes[3]
    number = draw(st.sampled_from((0.5, -1.0, float("nan"), float("inf"), 1e-40)))
    forms = {
        "floats": lambda: piece(5, struct.pack("<f", number) * count),
        "doubles": lambda: piece(8, struct.pack("<d", number) * count),
        "loose": lambda: (varint(5 << 3 | 5) + struct.pack("<f", number)) * count,
        "halved": lambda: piece(5, struct.pack("<f", number) * (count // 2)) * 2,
        "cut": lambda: piece(5, struct.pack("<f", number) * count + b"\0"),
        "wild": lambda: piece(5, b"\0" * 8, draw(WILD_NUMBERS)),
        "none": lambda: b"",
    }
    form = draw(st.sampled_from(tuple(forms))) if odd(draw, 5) else "floats"
    return draw(shape(sizes)) + forms[form]()


@st.composite
def layer(draw: st.DrawFn) -> bytes:
    outer, name, inner = draw(st.sampled_from(((2, 4, 6), (100, 1, 7))))
    label = draw(st.binary(max_size=4)) if odd(draw, 2) else b"conv1/7x7_s2"
    body = piece(name, label) + b"".join(
        piece(inner, each) for each in draw(st.lists(blob(), max_size=2))
    )
    extra = whole(5, 4) + piece(50, b"settings")
    if odd(draw, 20):
        extra = draw(st.sampled_from((whole(9, -1), varint(50 << 3 | 3), varint(50 << 3 | 4))))
    length = draw(WILD_NUMBERS) if odd(draw, 30) else None
    return piece(outer, body + extra, length)


@st.composite
def net(draw: st.DrawFn) -> bytes:
    layers = draw(st.lists(layer(), max_size=3))
    if odd(draw, 50):
        layers *= draw(st.integers(1, 2000))
    return piece(1, b"a net") + b"".join(layers)


CAFFE = any_of(net())
