"""The tar that is read in place: hostile and damaged ones included."""

import gzip
import io
import re
import tarfile
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.tar_files import scan_tar
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
    path = builder.tar(tmp_path / "x.tar", {"a/x.JPEG": b"1", "b/x.JPEG": b"2", "c.JPEG": b""})

    images = scan_tar(path)

    assert (images.read("x"), sorted(images.ids())) == (b"1", ["c", "x"])
    (fault,) = images.faults
    assert re.search(r"two files in .*x.tar have the id 'x': a/x.JPEG and b/x.JPEG", fault)


@pytest.mark.parametrize(("keep", "whole"), [(100, []), (700, []), (1100, ["a"]), (1500, ["a"])])
def test_a_tar_that_is_cut_off_is_a_fault_and_gives_what_is_whole(builder, tmp_path, keep, whole):
    path = builder.tar(tmp_path / "x.tar", {"a.JPEG": b"1" * 500, "b.JPEG": b"2" * 500})
    path.write_bytes(path.read_bytes()[:keep])

    images = scan_tar(path)

    (fault,) = images.faults
    assert re.search(r"cannot read the tar .*x.tar", fault)
    assert sorted(images.ids()) == whole


def test_a_damaged_header_is_not_taken_for_the_end(builder, tmp_path):
    path = builder.tar(tmp_path / "x.tar", {"a.JPEG": b"1", "b.JPEG": b"2"})
    data = bytearray(path.read_bytes())
    data[1024 + 5] ^= 1  # in the second member's name: its checksum fails
    path.write_bytes(data)

    images = scan_tar(path)

    assert images.ids() == {"a"}
    assert "damaged at byte 1,024" in images.faults[0]


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
    images.root.write_bytes(images.root.read_bytes()[:600])

    with pytest.raises(DataError, match=r"ends inside a.JPEG"):
        images.read("a")


def test_a_tar_that_is_gone_when_read_is_named(builder, tmp_path):
    images = scan_tar(builder.tar(tmp_path / "x.tar", {"a.JPEG": b"1"}))
    images.root.unlink()

    with pytest.raises(DataError, match=r"cannot read the tar .*x.tar"):
        images.read("a")


def edited(path: Path, place: int, content: bytes) -> Path:
    """Overwrites bytes of the first header and mends its checksum."""
    data = bytearray(path.read_bytes())
    data[place : place + len(content)] = content
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    path.write_bytes(data)
    return path


SIZE, TYPE = 124, 156


@pytest.mark.parametrize(
    ("size", "kind", "message"),
    [
        (b"\xff" * 12, b"0", "declares -1 bytes"),
        (b"77777777777\0", b"0", "ends inside a.JPEG"),
        (b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7, b"0", "ends inside a.JPEG"),
        (b"77777777777\0", b"L", "declares 8,589,934,591 bytes"),
        (b"77777777777\0", b"x", "declares 8,589,934,591 bytes"),
        (b"\xff" * 12, b"g", "declares -1 bytes"),
    ],
    ids=["negative", "8 GB", "2^63", "a long name of 8 GB", "attributes of 8 GB", "-1 attributes"],
)
def test_a_wild_size_is_a_fault_and_costs_no_memory(builder, tmp_path, size, kind, message):
    path = edited(builder.tar(tmp_path / "x.tar", {"a.JPEG": b"1"}), SIZE, size)
    tracemalloc.start()
    try:
        images = scan_tar(edited(path, TYPE, kind))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert not images.ids()
    assert message in images.faults[0]
    assert peak < 2_000_000


def test_a_size_in_an_extended_header_cannot_lead_backwards(tmp_path):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for number in range(2):
            info = tarfile.TarInfo(f"{number}.JPEG")
            info.pax_headers = {"size": "-1024"}
            tar.addfile(info)

    images = scan_tar(path)

    assert "not a whole, uncompressed tar" in images.faults[0]


def test_a_chain_of_headers_deeper_than_the_stack_is_a_fault(tmp_path):
    long_name = tarfile.TarInfo("long")
    long_name.type, long_name.size = tarfile.GNUTYPE_LONGNAME, 1
    link = long_name.tobuf(tarfile.USTAR_FORMAT) + b"x".ljust(512, b"\0")
    (tmp_path / "x.tar").write_bytes(link * 2000)

    assert "not a whole, uncompressed tar" in scan_tar(tmp_path / "x.tar").faults[0]


def test_a_sparse_member_whose_map_is_cut_off_is_a_fault(tmp_path):
    header = bytearray(tarfile.TarInfo("a.JPEG").tobuf(tarfile.GNU_FORMAT))
    header[482] = 1  # its map goes on in a block that is not there
    (tmp_path / "x.tar").write_bytes(header)

    assert scan_tar(edited(tmp_path / "x.tar", TYPE, b"S")).faults


@settings(deadline=None)  # it writes files
@given(data=st.data())
def test_a_damaged_tar_is_scanned_or_refused(builder, data):
    with tempfile.TemporaryDirectory() as folder:
        path = builder.tar(Path(folder) / "x.tar", {"a.JPEG": b"1", "é" * 80 + ".JPEG": b"2"})
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, 4095))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        images = scan_tar(path)
        outcomes = [images.where(each) for each in images.ids() if len(images.read(each)) < 9]

    assert all("x.tar" in outcome for outcome in [*outcomes, *images.faults])
