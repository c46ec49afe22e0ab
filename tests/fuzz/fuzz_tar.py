"""Tars whose headers are well-formed and say anything at all."""

import tarfile

from fuzz_bytes import WILD_NUMBERS, any_of, odd, packed
from hypothesis import strategies as st

BLOCK = 512
NAMES = (
    "a.JPEG",
    "b.jpg",
    "val/c.png",
    "a.JPEG/",
    "../x.JPEG",
    "/etc/x.JPEG",
    "notes.txt",
    ".hidden.JPEG",
    "",
    "\x1b[2J.JPEG",
    "é" * 30 + ".JPEG",
    "caf\udce9.JPEG",
)
TYPES = (b"0",) * 6 + tuple(b"%c" % each for each in b"\x0012345679SLKxgXVM\xff")
PAX_KEYS = (
    "path",
    "size",
    "linkpath",
    "mtime",
    "GNU.sparse.map",
    "GNU.sparse.realsize",
    "GNU.sparse.size",
    "GNU.sparse.numblocks",
    "GNU.sparse.major",
    "GNU.sparse.minor",
    "GNU.sparse.name",
    "hdrcharset",
    "GNU.sparse.offset",
)
PAX_VALUES = (
    "0",
    "1",
    "-1",
    "-1024",
    "512",
    "99999999999999999999",
    "a.JPEG",
    "BINARY",
    "1,2",
    "nan",
    "",
    "\n",
    "1,1,1",
    "é",
)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % BLOCK)


def header(name: bytes, size: bytes, kind: bytes, tail: bytes = b"", mended: bool = True) -> bytes:
    """One header block, its checksum right or not."""
    block = bytearray(BLOCK)
    block[0:100] = name[:100].ljust(100, b"\0")
    block[100:124] = b"0000644\0" * 3
    block[124:136] = size[:12].ljust(12, b"\0")
    block[136:148] = b"00000000000\0"
    block[156:157] = kind
    block[157:257] = b"/etc/passwd".ljust(100, b"\0")
    block[257:265] = b"ustar\x0000"
    block[345 : 345 + len(tail)] = tail
    if mended:
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@st.composite
def pax_records(draw: st.DrawFn) -> bytes:
    records = b""
    for _ in range(draw(st.integers(0, 3))):
        key, value = draw(st.sampled_from(PAX_KEYS)), draw(st.sampled_from(PAX_VALUES))
        text = f" {key}={value}\n".encode()
        length = len(text) + 2 + (len(text) > 96)
        records += str(draw(WILD_NUMBERS) if odd(draw, 10) else length).encode() + text
    return records


@st.composite
def size_field(draw: st.DrawFn, length: int) -> bytes:
    if not odd(draw, 12):
        return b"%011o\0" % length
    number = draw(WILD_NUMBERS)
    kind = draw(st.sampled_from(("octal", "binary", "text")))
    if kind == "octal":
        return b"%011o\0" % (abs(number) % 8**11)
    if kind == "binary":
        return (b"\x80" if number >= 0 else b"\xff") + packed(number, 11, "big")
    return draw(st.sampled_from((b"", b"x" * 12, b" 7 ", b"-0000000001\0", b"9" * 12)))


@st.composite
def member(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(TYPES))
    name = draw(st.sampled_from(NAMES)).encode("utf-8", "surrogateescape")
    content = draw(pax_records()) if kind in b"xgX" else draw(st.binary(max_size=700))
    tail = draw(st.binary(max_size=160)) if kind == b"S" else b""
    size = draw(size_field(len(content)))
    return header(name, size, kind, tail, not odd(draw, 25)) + padded(content)


@st.composite
def tar(draw: st.DrawFn) -> bytes:
    members = draw(st.lists(member(), max_size=5))
    if odd(draw, 50):
        members *= 300
    return b"".join(members) + draw(st.sampled_from((bytes(1024), bytes(10240), b"", bytes(512))))


TAR = any_of(tar(), 1200)
assert tarfile.BLOCKSIZE == BLOCK
