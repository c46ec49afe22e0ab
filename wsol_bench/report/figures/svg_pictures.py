"""Images of an SVG recompressed as JPEG, which makes photographs under maps far smaller."""

import re
from base64 import b64decode, b64encode
from io import BytesIO

from PIL import Image

from wsol_bench.report.figures.pdf_pictures import MIN_PIXELS, QUALITY

_PICTURE = re.compile(rb"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)")


def with_jpegs(svg: bytes) -> bytes:
    """The same document with its large opaque images as JPEG."""
    return _PICTURE.sub(_as_jpeg, svg)


def _as_jpeg(found: re.Match[bytes]) -> bytes:
    picture = Image.open(BytesIO(b64decode(found[1])))
    clear = picture.mode == "RGBA" and picture.getchannel("A").getextrema() != (255, 255)
    if clear or picture.width * picture.height < MIN_PIXELS:
        return found[0]
    jpeg = BytesIO()
    picture.convert("RGB").save(jpeg, "JPEG", quality=QUALITY, subsampling=0)
    return b"data:image/jpeg;base64," + b64encode(jpeg.getvalue())
