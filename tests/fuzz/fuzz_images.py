"""Small images of every kind that is decoded, and PNGs and JPEGs taken apart."""

import io
import struct
import zlib
from functools import cache

from fuzz_bytes import WILD_NUMBERS, any_of, damaged
from hypothesis import strategies as st
from PIL import Image

KINDS = {
    "JPEG": {},
    "progressive": {"progressive": True},
    "CMYK": {},
    "PNG": {},
    "palette": {"transparency": b"\x80\xff"},
    "deep": {},
    "GIF": {},
    "animated": {"save_all": True},
    "BMP": {},
    "WEBP": {},
}
MODES = {"CMYK": "CMYK", "palette": "P", "deep": "I;16"}
FORMATS = {
    "progressive": "JPEG",
    "CMYK": "JPEG",
    "palette": "PNG",
    "deep": "PNG",
    "animated": "GIF",
}
PNG_CHUNKS = (
    b"IHDR",
    b"IDAT",
    b"IEND",
    b"PLTE",
    b"tRNS",
    b"gAMA",
    b"iCCP",
    b"zTXt",
    b"iTXt",
    b"eXIf",
    b"acTL",
    b"fcTL",
    b"fdAT",
    b"pHYs",
    b"cHRM",
    b"xxxx",
)


@cache
def encoded(kind: str) -> bytes:
    """A small image."""
    mode = MODES.get(kind, "RGB")
    frames = [Image.new(mode, (9, 7), shade) for shade in (0, 1)]
    options = dict(KINDS[kind])
    if kind == "animated":
        options["append_images"] = frames[1:]
    buffer = io.BytesIO()
    frames[0].save(buffer, FORMATS.get(kind, kind), **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


@st.composite
def png(draw: st.DrawFn) -> bytes:
    """Chunks in order or not, each with a right checksum."""
    side = st.integers(1, 9) | WILD_NUMBERS.map(lambda number: number % 2**32)
    depth, colour = (
        draw(st.sampled_from((1, 2, 4, 8, 16, 3))),
        draw(st.sampled_from((0, 2, 3, 4, 6, 1))),
    )
    width = draw(side) if draw(st.integers(0, 5)) == 0 else 5
    head = struct.pack(">IIBBBBB", width, 3, depth, colour, 0, 0, draw(st.integers(0, 1)))
    rows = zlib.compress(draw(st.binary(max_size=200)) + bytes(200))
    chunks = [chunk(b"IHDR", head), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    for _ in range(draw(st.integers(0, 2))):
        content = draw(st.binary(max_size=40))
        if draw(st.integers(0, 5)) == 0:
            content = b"a\0\0" + zlib.compress(bytes(300_000))
        more = chunk(draw(st.sampled_from(PNG_CHUNKS)), content)
        chunks.insert(draw(st.integers(0, len(chunks))), more)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@st.composite
def jpeg(draw: st.DrawFn) -> bytes:
    """A JPEG with segments doubled, moved, or of another kind."""
    data = encoded(draw(st.sampled_from(("JPEG", "progressive", "CMYK"))))
    parts = [b"\xff" + part for part in data.split(b"\xff")[1:]]
    for _ in range(draw(st.integers(0, 2))):
        marker = bytes(
            [0xFF, draw(st.sampled_from((0xE0, 0xE1, 0xE2, 0xEE, 0xDB, 0xC4, 0xDD, 0xC0)))]
        )
        body = draw(
            st.sampled_from((b"Exif\0\0II*\0\x08\0\0\0", b"MPF\0MM\0*\0\0\0\x08", b"Adobe", b""))
        )
        body += draw(st.binary(max_size=30))
        parts.insert(
            draw(st.integers(0, len(parts))), marker + struct.pack(">H", len(body) + 2) + body
        )
    return b"".join(parts)


IMAGE = any_of(
    st.one_of(
        st.sampled_from(sorted(KINDS)).map(encoded),
        png(),
        damaged(jpeg()),
    )
)
