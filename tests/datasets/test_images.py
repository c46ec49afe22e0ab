"""Decoding: stored orientation, every colour model as RGB, damaged files named."""

import errno
import io
import os
import pickle
import re
import struct
import threading
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from wsol_bench.datasets import images
from wsol_bench.datasets.images import decode_image, read_bytes, read_image
from wsol_bench.errors import DataError, UnreadableImage, UsageError

RED = (255, 0, 0)
NEARLY = 4
"""JPEG at quality 100 rounds twice: in the colour transform and in the DCT."""


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def plain_jpeg(image: Image.Image, **options: object) -> bytes:
    return encode(image, "JPEG", quality=100, subsampling=0, **options)


def noise(height: int, width: int) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG by hand, for depths that Pillow does not write."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def assert_colour(data: bytes, expected: tuple[int, int, int], tolerance: int = 0) -> None:
    image = decode_image(data, "x.JPEG")
    assert image.mode == "RGB"
    difference = np.abs(np.asarray(image).astype(int) - expected)
    assert difference.max() <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_never_applied(orientation):
    image = Image.new("RGB", (40, 20))
    image.paste(RED, (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation

    decoded = decode_image(plain_jpeg(image, exif=exif), "x.JPEG")

    assert decoded.size == (40, 20)
    assert np.abs(np.subtract(decoded.getpixel((2, 2)), RED)).max() <= NEARLY
    assert np.abs(decoded.getpixel((37, 17))).max() <= NEARLY


def test_grey_becomes_three_equal_channels():
    assert_colour(plain_jpeg(Image.new("L", (8, 8), 77)), (77, 77, 77), NEARLY)


def test_cmyk_with_adobes_inversion_gives_its_colour():
    data = plain_jpeg(Image.new("CMYK", (8, 8), (0, 255, 255, 0)))

    assert b"Adobe" in data
    assert_colour(data, RED, NEARLY)


def test_ycck_gives_its_colour():
    # Adobe stores inverted CMYK. The inverse of red's (0, 255, 255, 0) has (C, M, Y) =
    # (255, 0, 0), which YCCK holds as the YCbCr of the RGB (0, 255, 255): (179, 171, 1).
    # Pillow inverts when it writes, and the marker's last byte says YCCK.
    stored = (179, 171, 1, 255)
    written = tuple(255 - value for value in stored)
    data = bytearray(plain_jpeg(Image.new("CMYK", (8, 8), written)))
    data[data.index(b"Adobe") + 11] = 2

    assert_colour(bytes(data), RED, NEARLY)


def test_sixteen_bit_grey_keeps_its_high_byte():
    rows = b"".join(b"\0" + struct.pack(">3H", 0, 0x7FFF, 0xFFFF) for _ in range(2))

    decoded = decode_image(png(3, 2, 16, 0, rows), "x.png")

    np.testing.assert_array_equal(np.asarray(decoded)[..., 0], [[0, 0x7F, 0xFF]] * 2)


def test_sixteen_bit_colour_keeps_its_high_bytes():
    rows = b"\0" + struct.pack(">3H", 0x12FF, 0x3400, 0x5680)

    assert_colour(png(1, 1, 16, 2, rows), (0x12, 0x34, 0x56))


def test_one_bit_grey_is_black_and_white():
    decoded = decode_image(png(2, 1, 1, 0, b"\0\x40"), "x.png")

    assert [decoded.getpixel((x, 0)) for x in range(2)] == [(0, 0, 0), (255, 255, 255)]


@pytest.mark.parametrize("alpha", [0, 128, 255])
def test_alpha_is_dropped(alpha):
    assert_colour(encode(Image.new("RGBA", (4, 4), (9, 80, 200, alpha)), "PNG"), (9, 80, 200))
    assert_colour(encode(Image.new("LA", (4, 4), (50, alpha)), "PNG"), (50, 50, 50))


@pytest.mark.parametrize("transparency", [None, 0, b"\x80\xff"])
def test_a_palette_gives_its_colours_without_a_warning(transparency):
    image = Image.new("P", (4, 4), 0)
    image.putpalette([9, 80, 200, 0, 0, 0])
    options = {} if transparency is None else {"transparency": transparency}

    assert_colour(encode(image, "PNG", **options), (9, 80, 200))


def test_a_png_named_jpeg_is_decoded_by_its_content(tmp_path):
    path = tmp_path / "x.JPEG"
    path.write_bytes(encode(Image.new("RGB", (5, 3), (1, 2, 3)), "PNG"))

    image = read_image(path)

    assert (image.size, image.getpixel((0, 0))) == ((5, 3), (1, 2, 3))


def test_a_photograph_with_a_preview_behind_it_gives_the_photograph():
    pictures = [Image.new("RGB", (8, 6), RED), Image.new("RGB", (4, 3))]
    data = encode(pictures[0], "MPO", save_all=True, append_images=pictures[1:], quality=100)

    assert decode_image(data, "x.JPEG").size == (8, 6)


def test_corrupt_exif_neither_warns_nor_prints(capfd):
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0" + b"\x1a\x01\x05\0\x01\0\0\0\xff\xff\xff\x7f"
    data = plain_jpeg(Image.new("RGB", (8, 8), RED), exif=exif)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_colour(data, RED, NEARLY)

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animated_image_is_refused(kind):
    frames = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (0, 128, 255)]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])

    with pytest.raises(DataError, match=r"the image x\.JPEG is animated"):
        decode_image(data, "x.JPEG")


def test_an_empty_file_is_named(tmp_path):
    path = tmp_path / "x.JPEG"
    path.touch()

    with pytest.raises(DataError, match=r"x.JPEG is empty \(0 bytes\)"):
        read_image(path)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"cannot read the image .*x\.JPEG"):
        read_image(tmp_path / "x.JPEG")


def test_a_folder_named_like_an_image_is_unreadable(tmp_path):
    (tmp_path / "x.JPEG").mkdir()

    with pytest.raises(UnreadableImage, match=r"cannot read the image .*x\.JPEG: Is a directory"):
        read_image(tmp_path / "x.JPEG")


@pytest.mark.parametrize(
    ("number", "one_image"),
    [
        (errno.ENOENT, True),
        (errno.EACCES, True),
        (errno.EIO, False),
        (errno.ESTALE, False),
        (errno.EMFILE, False),
        (errno.ENOTCONN, False),
    ],
)
def test_what_is_wrong_with_one_file_is_told_from_a_disk_that_fails(
    tmp_path, monkeypatch, number, one_image
):
    def fail(*_arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(DataError, match=os.strerror(number)) as caught:
        read_bytes(tmp_path / "x.JPEG")

    assert isinstance(caught.value, UnreadableImage) == one_image
    assert ("Other images would fail" in str(caught.value)) != one_image


def test_a_folder_that_is_gone_is_no_fault_of_the_image(tmp_path):
    with pytest.raises(DataError, match="Other images would fail too") as caught:
        read_image(tmp_path / "gone" / "x.JPEG")

    assert not isinstance(caught.value, UnreadableImage)


def test_too_little_memory_is_no_fault_of_the_image(monkeypatch):
    def fail(*_arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(images, "_to_rgb", fail)
    with pytest.raises(DataError, match="not enough memory to decode") as caught:
        decode_image(encode(noise(8, 8), "PNG"), "x.JPEG")

    assert not isinstance(caught.value, UnreadableImage)


def test_an_unreadable_image_survives_the_way_between_processes():
    with pytest.raises(UnreadableImage) as caught:
        decode_image(b"", "x.JPEG")

    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again)) == (UnreadableImage, str(caught.value))


@pytest.mark.parametrize("name", ["a\udcff.JPEG", "a\nb.JPEG", "\x1b[2J.JPEG", "\u202egpj.JPEG"])
def test_a_message_is_one_line_that_can_be_printed_whatever_the_name(name):
    with pytest.raises(UnreadableImage) as caught:
        decode_image(b"", name)

    assert str(caught.value).isprintable()


@pytest.mark.parametrize("data", [b"<html>404</html>", b"\xff\xd8", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_a_file_that_is_no_image_is_named(data):
    with pytest.raises(DataError, match=r"x\.JPEG is not an image: expected one of JPEG, PNG"):
        decode_image(data, "x.JPEG")


@pytest.mark.parametrize("kind", ["ICO", "PPM"])
def test_a_kind_of_image_that_is_not_read_is_refused(kind):
    with pytest.raises(DataError, match=r"x\.JPEG is not an image"):
        decode_image(encode(noise(16, 16), kind), "x.JPEG")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {})]
)
def test_a_file_that_is_cut_off_is_named(kind, options, share):
    data = encode(noise(64, 64), kind, **options)

    with pytest.raises(DataError, match=r"the image x\.JPEG cannot be decoded"):
        decode_image(data[: int(len(data) * share)], "x.JPEG")


def test_pillows_leniency_with_cut_off_files_is_refused(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)

    with pytest.raises(UsageError, match="LOAD_TRUNCATED_IMAGES is on"):
        decode_image(encode(noise(8, 8), "JPEG"), "x.JPEG")


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (11_000, 10_000)])
def test_a_decompression_bomb_is_named_and_not_decoded(width, height):
    with pytest.raises(DataError, match=r"the image x\.JPEG is too large"):
        decode_image(png(width, height, 8, 2, b""), "x.JPEG")


def repeated_scans(count: int) -> bytes:
    """A progressive JPEG whose second scan, a dozen bytes, stands there many times."""
    data = plain_jpeg(Image.new("L", (64, 64), 128), progressive=True)
    second, third = (place.start() for place in list(re.finditer(b"\xff\xda", data))[1:3])
    scan = data[second:third].partition(b"\xff\xc4")[0]
    return data[:second] + scan * count + data[second:]


def test_a_progressive_jpeg_of_endless_scans_is_named_and_not_decoded():
    assert decode_image(repeated_scans(400), "x.JPEG").size == (64, 64)
    with pytest.raises(UnreadableImage, match=r"x\.JPEG has more than 500 scans"):
        decode_image(repeated_scans(5000), "x.JPEG")


def test_large_images_are_decoded_one_at_a_time(monkeypatch):
    monkeypatch.setattr(images, "MANY_PIXELS", 60)
    decoding, most = 0, 0
    lock = threading.Lock()
    to_rgb = images._to_rgb

    def slowly(image: Image.Image) -> Image.Image:
        nonlocal decoding, most
        with lock:
            decoding += 1
            most = max(most, decoding)
        time.sleep(0.01)
        with lock:
            decoding -= 1
        return to_rgb(image)

    monkeypatch.setattr(images, "_to_rgb", slowly)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: decode_image(encode(noise(8, 8), "PNG"), "x"), range(8)))
        assert most == 1
        list(pool.map(lambda _: decode_image(encode(noise(7, 7), "PNG"), "x"), range(8)))
        assert most > 1


def test_an_image_just_within_the_limit_is_decoded_without_a_warning(monkeypatch):
    monkeypatch.setattr(images, "MOST_PIXELS", 64)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)

    assert decode_image(encode(noise(8, 8), "PNG"), "x.JPEG").size == (8, 8)
    with pytest.raises(DataError, match="too large: 9 x 8 pixels"):
        decode_image(encode(noise(8, 9), "PNG"), "x.JPEG")


def test_a_file_of_too_many_bytes_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(images, "MOST_BYTES", 100)
    (tmp_path / "x.JPEG").write_bytes(encode(noise(16, 16), "PNG"))

    with pytest.raises(DataError, match="too large: more than 100 bytes"):
        read_image(tmp_path / "x.JPEG")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
@settings(deadline=None)
@given(data=st.data())
def test_a_damaged_image_is_decoded_or_named(kind, data):
    content = bytearray(encode(noise(9, 7), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))

    try:
        outcome = decode_image(bytes(content), "x.JPEG").mode
    except UnreadableImage as error:
        outcome = str(error)

    assert outcome == "RGB" or "x.JPEG" in outcome


@pytest.mark.parametrize("size", [(images.LONGEST_SIDE + 1, 1), (1, images.LONGEST_SIDE + 1)])
def test_an_image_that_is_longer_than_a_jpeg_can_be_is_refused_undecoded(size):
    data = io.BytesIO()
    Image.new("L", size).save(data, "PNG")
    with pytest.raises(UnreadableImage, match=r"x\.png is too long: [0-9,]+ x [0-9,]+ pixels"):
        decode_image(data.getvalue(), "x.png")
