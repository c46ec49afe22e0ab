"""Images that a dataset can hold: what each becomes, or why it is refused."""

import errno
import io
import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.errors import UnreadableImage

REFUSED = "Refused images"
TAKEN = "Accepted images"


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise() -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    return Image.fromarray(values)


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (32, 24), (shade, 0, 0)) for shade in (0, 90)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


def bomb() -> bytes:
    """A PNG of 69 bytes that says it has 3.6 billion pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def many_scans() -> bytes:
    data = encoded(Image.new("L", (32, 24), 128), "JPEG", progressive=True)
    second, third = (place.start() for place in list(re.finditer(b"\xff\xda", data))[1:3])
    return data[:second] + data[second:third].partition(b"\xff\xc4")[0] * 5000 + data[second:]


UNREADABLE: dict[str, Callable[[], bytes]] = {
    "a file of 0 bytes": lambda: b"",
    "a JPEG that is cut off": lambda: encoded(noise(), "JPEG")[:600],
    "a PNG that is cut off": lambda: encoded(noise(), "PNG")[:600],
    "a web page": lambda: b"<html>404 Not Found</html>",
    "a PPM": lambda: encoded(noise(), "PPM"),
    "an animated GIF": lambda: animated("GIF"),
    "an animated PNG": lambda: animated("PNG"),
    "an animated WebP": lambda: animated("WEBP"),
    "a decompression bomb of 3.6 billion pixels": bomb,
    "a progressive JPEG of 5,000 scans": many_scans,
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_an_unreadable_image_is_listed_and_the_others_are_read(what, spoiled, command, expect_row):
    spoiled.image.write_bytes(UNREADABLE[what]())

    told = command("data", "check", spoiled.root)

    (message,) = told.under("unreadable images")
    expect_row(REFUSED, what, message, told.code)
    with pytest.raises(UnreadableImage):
        open_dataset(spoiled.root).open("a")
    assert open_dataset(spoiled.root).open("b").size == (32, 24)


def as_folder(image: Path) -> None:
    image.mkdir()


def as_dangling_link(image: Path) -> None:
    image.symlink_to("nowhere.JPEG")


def as_loop(image: Path) -> None:
    image.symlink_to(image.name)


def as_pipe(image: Path) -> None:
    os.mkfifo(image)


def as_name_that_is_not_utf8(image: Path) -> None:
    try:
        image.with_name(os.fsdecode(b"caf\xe9.JPEG")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system refuses names that are not UTF-8")


NO_FILE = {
    "a folder named a.JPEG": as_folder,
    "a link that leads nowhere": as_dangling_link,
    "a link to itself": as_loop,
    "a pipe": as_pipe,
    "a file name that is not UTF-8": as_name_that_is_not_utf8,
}


@pytest.mark.parametrize("what", NO_FILE)
def test_what_is_no_file_is_left_out_and_its_image_is_absent(what, spoiled, command, expect_row):
    spoiled.image.unlink()
    NO_FILE[what](spoiled.image)

    told = command("data", "check", spoiled.root)

    (message,) = told.under("files left out")
    expect_row(REFUSED, what, message, told.code)
    assert "absent images: 1: a" in told.out
    assert command("data", "check", spoiled.root, "--allow-missing").code == 0


def test_a_file_that_vanishes_after_the_listing_is_one_unreadable_image(spoiled, expect_row):
    dataset = open_dataset(spoiled.root)
    spoiled.image.unlink()

    with pytest.raises(UnreadableImage) as caught:
        dataset.open("a")

    message = str(caught.value).replace(f"{spoiled.root.parent}/", "")
    what = "a file that vanishes while a run goes on"
    expect_row(REFUSED, what, message, caught.value.exit_code)


def test_a_file_that_may_not_be_read_is_unreadable(spoiled, command, expect_row, monkeypatch):
    opened = Path.open

    def refuse(path: Path, *arguments: object, **options: object) -> object:
        if path.name == "a.JPEG":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    told = command("data", "check", spoiled.root)

    (message,) = told.under("unreadable images")
    expect_row(REFUSED, "a file that may not be read", message, told.code)


def rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(noise(), "JPEG", exif=exif)


def sixteen_bit() -> bytes:
    return encoded(Image.fromarray(np.full((24, 32), 0x7FFF, np.uint16)), "PNG")


def palette() -> bytes:
    image = Image.new("P", (32, 24), 0)
    image.putpalette([9, 80, 200])
    return encoded(image, "PNG", transparency=0)


def preview() -> bytes:
    pictures = [Image.new("RGB", (32, 24), (9, 80, 200)), Image.new("RGB", (4, 3))]
    options = {"quality": 100, "subsampling": 0}
    return encoded(pictures[0], "MPO", save_all=True, append_images=pictures[1:], **options)


READ: dict[str, tuple[Callable[[], bytes], tuple[int, int, int] | None]] = {
    "grey": (lambda: encoded(Image.new("L", (32, 24), 77), "PNG"), (77, 77, 77)),
    "CMYK": (
        lambda: encoded(Image.new("CMYK", (32, 24), (0, 255, 255, 0)), "JPEG", quality=100),
        (255, 0, 0),
    ),
    "16 bits a channel": (sixteen_bit, (0x7F, 0x7F, 0x7F)),
    "a palette, with or without transparency": (palette, (9, 80, 200)),
    "an alpha channel": (
        lambda: encoded(Image.new("RGBA", (32, 24), (9, 80, 200, 0)), "PNG"),
        (9, 80, 200),
    ),
    "an EXIF rotation": (rotated, None),
    "a GIF of one frame": (lambda: encoded(Image.new("RGB", (32, 24), (9, 80, 200)), "GIF"), None),
    "a PNG named .JPEG": (lambda: encoded(noise(), "PNG"), None),
    "a photograph with a preview in the file (MPO)": (preview, (9, 80, 200)),
}


@pytest.mark.parametrize("what", READ)
def test_an_image_of_another_colour_model_becomes_rgb(what, spoiled, command, page):
    content, colour = READ[what]
    spoiled.image.write_bytes(content())

    told = command("data", "check", spoiled.root)
    image = open_dataset(spoiled.root).open("a")

    assert what in page[TAKEN]
    assert (told.code, image.mode, image.size) == (0, "RGB", (32, 24))
    if colour:
        assert np.abs(np.asarray(image).astype(int) - colour).max() <= 4  # JPEG rounds twice


def test_the_page_has_no_other_rows_on_images(page):
    alone = {"a file that vanishes while a run goes on", "a file that may not be read"}
    assert set(page[REFUSED]) == {*UNREADABLE, *NO_FILE, *alone}
    assert set(page[TAKEN]) == set(READ)
