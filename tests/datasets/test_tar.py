"""The tar that is read in place: hostile and damaged ones included."""

import gzip
import io
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.tar import scan_tar
from wsol_bench.errors import DataError


def special(path: Path, name: str, kind: bytes) -> Path:
    """A tar with one good image and one member of another kind."""
    with tarfile.open(path, "w") as tar:
        good = tarfile.TarInfo("good.JPEG")
        good.size = 3
        tar.addfile(good, io.BytesIO(b"abc"))
        info = tarfile.TarInfo(name)
        info.type = kind
        info.linkname = "/etc/passwd"
        tar.addfile(info)
    return path


def test_members_are_read_at_their_place(builder, tmp_path):
    members = {
        "a.JPEG": b"first",
        "val/b.JPEG": b"",
        "notes.txt": b"no image",
        "c.jpg": b"x" * 1000,
    }

    images = scan_tar(builder.tar(tmp_path / "x.tar", members))

    assert images.ids() == {"a", "b", "c"}
    assert [images.read(each) for each in "abc"] == [b"first", b"", b"x" * 1000]
    assert images.where("b").endswith("x.tar:val/b.JPEG")
    assert images.skipped == ()


def test_long_and_foreign_names_in_extended_headers_are_read(builder, tmp_path):
    long = f"{'d' * 200}/{'é' * 60}.JPEG"

    images = scan_tar(builder.tar(tmp_path / "x.tar", {long: b"abc"}))

    assert images.read("é" * 60) == b"abc"


@pytest.mark.parametrize("name", ["../evil.JPEG", "a/../../evil.JPEG", "/etc/evil.JPEG"])
def test_members_that_lead_outside_are_left_out_and_named(builder, tmp_path, name):
    images = scan_tar(builder.tar(tmp_path / "x.tar", {"good.JPEG": b"abc", name: b"abc"}))

    assert images.ids() == {"good"}
    (skipped,) = images.skipped
    assert (skipped.name, skipped.reason) == (name, "its path leads outside the tar")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.FIFOTYPE, "not a plain file"),
        (tarfile.CHRTYPE, "not a plain file"),
    ],
)
def test_links_and_devices_are_left_out_and_named(tmp_path, kind, reason):
    images = scan_tar(special(tmp_path / "x.tar", "odd.JPEG", kind))

    assert images.ids() == {"good"}
    assert [(each.name, each.reason) for each in images.skipped] == [("odd.JPEG", reason)]


def test_a_name_that_is_not_utf8_is_left_out_and_named(tmp_path):
    with tarfile.open(
        tmp_path / "x.tar", "w", format=tarfile.USTAR_FORMAT, encoding="latin-1"
    ) as tar:
        tar.addfile(tarfile.TarInfo("caf\xe9.JPEG"))

    images = scan_tar(tmp_path / "x.tar")

    assert images.ids() == frozenset()
    assert images.skipped[0].name == r"caf\udce9.JPEG"


def test_two_members_of_one_id_are_refused(builder, tmp_path):
    path = builder.tar(tmp_path / "x.tar", {"a/x.JPEG": b"1", "b/x.JPEG": b"2"})

    with pytest.raises(DataError, match=r"two files in .*x.tar have the id 'x'"):
        scan_tar(path)


@pytest.mark.parametrize("keep", [100, 700, 1500])
def test_a_tar_that_is_cut_off_is_refused(builder, tmp_path, keep):
    path = builder.tar(tmp_path / "x.tar", {"a.JPEG": b"1" * 500, "b.JPEG": b"2" * 500})
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(DataError, match=r"cannot read the tar .*x.tar"):
        scan_tar(path)


def test_a_damaged_header_is_not_taken_for_the_end(builder, tmp_path):
    path = builder.tar(tmp_path / "x.tar", {"a.JPEG": b"1", "b.JPEG": b"2"})
    data = bytearray(path.read_bytes())
    data[1024 + 5] ^= 1  # in the second member's name: its checksum fails
    path.write_bytes(data)

    with pytest.raises(DataError, match="damaged at byte 1,024"):
        scan_tar(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a tar" * 200, gzip.compress(b"\0" * 10240)],
    ids=["empty", "text", "gzip"],
)
def test_another_kind_of_file_is_refused(builder, tmp_path, content):
    builder.layouts["tar"](tmp_path)
    (tmp_path / "ILSVRC2012_img_val.tar").write_bytes(content)

    with pytest.raises(DataError, match="not a whole, uncompressed tar"):
        open_dataset(tmp_path)


def test_a_tar_that_shrinks_after_it_was_scanned_is_named_when_read(builder, tmp_path):
    images = scan_tar(builder.tar(tmp_path / "x.tar", {"a.JPEG": b"1" * 500}))
    images.path.write_bytes(images.path.read_bytes()[:600])

    with pytest.raises(DataError, match=r"ends inside a.JPEG"):
        images.read("a")


def test_a_tar_that_is_gone_when_read_is_named(builder, tmp_path):
    images = scan_tar(builder.tar(tmp_path / "x.tar", {"a.JPEG": b"1"}))
    images.path.unlink()

    with pytest.raises(DataError, match=r"cannot read the tar .*x.tar"):
        images.read("a")


@settings(deadline=None)  # it writes files
@given(data=st.data())
def test_a_damaged_tar_is_scanned_or_refused(builder, data):
    with tempfile.TemporaryDirectory() as folder:
        path = builder.tar(Path(folder) / "x.tar", {"a.JPEG": b"1", "é" * 80 + ".JPEG": b"2"})
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, 4095))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        try:
            images = scan_tar(path)
            outcomes = [images.where(each) for each in images.ids() if len(images.read(each)) < 9]
        except DataError as error:
            outcomes = [str(error)]

    assert all("x.tar" in outcome for outcome in outcomes)
