"""Images of a PDF recompressed as JPEG, which makes photographs under maps ten times smaller.

matplotlib writes every image losslessly, which compresses photographs little. Here the finished
file is parsed by its cross-reference table (ISO 32000-1, 7.5.4), colour images are recompressed as
JPEG, and everything else is copied byte by byte.
"""

import re
import struct
import zlib
from io import BytesIO

from PIL import Image

QUALITY = 92
"""JPEG quality; chroma stays at full resolution, so that the edges of maps stay sharp."""
MIN_PIXELS = 10_000
"""Minimum number of pixels of an image that is recompressed; the colour bar stays exact."""

_PICTURE = re.compile(
    rb"(\d+) 0 obj\n<<(?=[^>]*/Subtype /Image)(?=[^>]*/ColorSpace /DeviceRGB)"
    rb"(?=.*?/Filter /FlateDecode)(?=.*?/Predictor 10).*?"
    rb">>\nstream\n(?P<data>.*)\nendstream\nendobj\n",
    re.S,
)
_WIDTH, _HEIGHT = re.compile(rb"/Width (\d+)"), re.compile(rb"/Height (\d+)")
_TABLE = re.compile(rb"xref\n0 (\d+)\n(?P<rows>(?:\d{10} \d{5} [fn] \n)+)")
_ROW = 20
"""Length of a row of the cross-reference table in bytes."""


def with_jpegs(pdf: bytes) -> bytes:
    """The same document with its large colour images as JPEG.

    Args:
        pdf: as matplotlib writes it, with one cross-reference table; any other PDF is
            returned unchanged.
    """
    table = _TABLE.search(pdf, int(pdf.rpartition(b"startxref\n")[2].split()[0]))
    if table is None:
        return pdf
    rows = [table["rows"][at : at + _ROW] for at in range(0, len(table["rows"]), _ROW)]
    offsets = {number: int(row[:10]) for number, row in enumerate(rows) if row[17:18] == b"n"}
    order = sorted(offsets, key=lambda number: offsets[number])
    ends = [*(offsets[number] for number in order[1:]), table.start()]
    out = BytesIO()
    out.write(pdf[: min(offsets.values())])
    for number, end in zip(order, ends, strict=True):
        body = pdf[offsets[number] : end]
        rows[number] = b"%010d 00000 n \n" % out.tell()
        out.write(_as_jpeg(body))
    start = out.tell()
    out.write(b"xref\n0 %d\n" % len(rows) + b"".join(rows))
    trailer = pdf[table.end() :].rpartition(b"startxref\n")[0]
    out.write(trailer + b"startxref\n%d\n%%%%EOF\n" % start)
    return out.getvalue()


def _as_jpeg(body: bytes) -> bytes:
    """An object of the file, recompressed if it is a large colour image, else unchanged."""
    found = _PICTURE.fullmatch(body)
    if found is None:
        return body
    head = body[: found.start("data")]
    width, height = (int(each.findall(head)[0]) for each in (_WIDTH, _HEIGHT))
    if width * height < MIN_PIXELS:
        return body
    jpeg = BytesIO()
    _picture(found["data"], width, height).save(jpeg, "JPEG", quality=QUALITY, subsampling=0)
    content = jpeg.getvalue()
    facts = (
        b"%s 0 obj\n<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB "
        b"/BitsPerComponent 8 /Filter /DCTDecode /Length %d >>\nstream\n"
    ) % (found[1], width, height, len(content))
    return facts + content + b"\nendstream\nendobj\n"


def _picture(data: bytes, width: int, height: int) -> Image.Image:
    """The image: rows deflated with PNG predictors are the content of a PNG's IDAT chunk."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
    return Image.open(BytesIO(png))
