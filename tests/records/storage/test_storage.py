"""A folder's files are whole or not there, on a disk and in any file system of pyarrow's."""

import errno
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.fs as pafs
import pytest

from wsol_bench.errors import DataError, UsageError
from wsol_bench.records.storage.disk import OLD, Disk
from wsol_bench.records.storage.entry import Storage, is_left_over, temporary_name
from wsol_bench.records.storage.locate import storage_of
from wsol_bench.records.storage.messages import writing
from wsol_bench.records.storage.remote import Remote
from wsol_bench.runtime.process_owner import Owner


@pytest.fixture(params=["disk", "file uri", "memory", "subtree"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    made = {
        "disk": lambda: storage_of(tmp_path / "run"),
        "file uri": lambda: storage_of(Path(f"file://{tmp_path}/run")),
        "memory": lambda: Remote(pafs._MockFileSystem(), "bucket/run"),
        "subtree": lambda: Remote(
            pafs.SubTreeFileSystem(str(tmp_path), pafs.LocalFileSystem()), "run"
        ),
    }[request.param]()
    made.make("records")
    return made


def test_what_is_written_is_read(storage: Storage) -> None:
    storage.write("records/a", b"one")
    storage.write("records/a", b"two")
    storage.write("b", b"")
    assert storage.read("records/a") == b"two"
    assert storage.read("b") == b""
    assert storage.names("records") == ["a"]
    with storage.open("records/a") as file:
        file.seek(1)
        assert file.read() == b"wo"


def test_a_file_is_created_once(storage: Storage) -> None:
    assert storage.create("records/claim", b"mine")
    assert not storage.create("records/claim", b"yours")
    assert storage.read("records/claim") == b"mine"
    assert storage.names("records") == ["claim"]


def test_what_is_not_there_is_told(storage: Storage) -> None:
    with pytest.raises(FileNotFoundError):
        storage.read("records/none")
    storage.remove("records/none")
    assert not storage.exists("records/none")
    assert storage.names("nowhere") == []
    storage.clean("nowhere")


def test_a_removed_file_is_gone(storage: Storage) -> None:
    storage.write("records/a", b"one")
    assert storage.exists("records/a")
    storage.remove("records/a")
    assert not storage.exists("records/a")


def dead_owner() -> Owner:
    """A process of this machine that has ended."""
    code = (
        "from wsol_bench.runtime.process_owner import Owner; o = Owner.here(); "
        "print(o.host, o.machine, o.pid, o.started)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    host, machine, pid, started = out.stdout.split()
    return Owner(host, machine, int(pid), int(started))


def test_only_what_the_dead_left_behind_is_cleaned(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = temporary_name("records/a")
    dead = dead_owner()
    left = mine.replace(Owner.here().tag, dead.tag)
    elsewhere = mine.replace(Owner.here().machine, "0" * 12)
    for name in (mine, left, elsewhere, "records/whole"):
        storage.write(name, b"x")
    storage.clean("records")
    assert storage.exists(mine)
    assert storage.exists(elsewhere)
    assert not storage.exists(left)
    assert storage.names("records") == ["whole"]


def test_what_another_machine_left_yesterday_is_cleaned(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    name = temporary_name("a").replace(Owner.here().machine, "0" * 12)
    disk.write(name, b"x")
    disk.clean("")
    assert disk.exists(name)
    yesterday = time.time() - OLD - 60
    os.utime(tmp_path / name, (yesterday, yesterday))
    disk.clean("")
    assert not disk.exists(name)


@pytest.mark.parametrize("fails_in", ["fsync", "replace", "link"])
def test_a_write_that_fails_leaves_nothing(
    fails_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(tmp_path)
    disk.write("a", b"before")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    target = {"fsync": "os.fsync", "link": "os.link"}.get(fails_in)
    if target:
        monkeypatch.setattr(target, fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        disk.create("b", b"x") if fails_in == "link" else disk.write("a", b"after")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert disk.read("a") == b"before"


def test_a_disk_without_links_still_creates_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    disk = Disk(tmp_path)
    assert disk.create("a", b"mine")
    monkeypatch.setattr(Disk, "exists", lambda *_: False)  # as between two looks
    assert not disk.create("a", b"yours")
    assert disk.read("a") == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_an_object_store_gets_one_request_and_no_other_name() -> None:
    class Store(Remote):
        def __init__(self) -> None:
            self.put: list[str] = []
            super().__init__(_Named("s3"), "bucket/run")

        def _put(self, path: str, content: bytes) -> None:
            self.put.append(path)

    store = Store()
    store.write("records/a", b"x")
    assert store.put == ["bucket/run/records/a"]


class _Named:
    """Stands for one of pyarrow's file systems."""

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("wat://bucket/run", "wat://bucket/run: cannot be opened"),
        ("s3://bucket/run?region=x", "AWS_REGION"),
    ],
)
def test_a_uri_that_cannot_be_opened_is_one_message(uri: str, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("?", r"\?")):
        storage_of(Path(uri))


def test_a_uri_with_a_folder_beneath_it_is_still_one(tmp_path: Path) -> None:
    storage = storage_of(Path(f"file://{tmp_path}/run") / "alexnet_cam").wrapped
    assert isinstance(storage, Disk)
    assert storage.path == tmp_path / "run" / "alexnet_cam"
    remote = storage_of(Path("gs://bucket/run") / "alexnet_cam").wrapped
    assert isinstance(remote, Remote)
    assert (remote.system.type_name, remote.base) == ("gcs", "bucket/run/alexnet_cam")


# Who


def test_this_process_lives_and_is_told_from_one_that_had_its_id() -> None:
    me = Owner.here()
    assert not me.is_gone()
    assert me.host == socket.gethostname()
    if me.started:
        assert Owner(me.host, me.machine, me.pid, me.started - 1).is_gone()


def test_a_dead_process_is_gone_but_none_of_another_machine_ever_is() -> None:
    dead = dead_owner()
    assert dead.is_gone()
    assert not Owner(dead.host, "0" * 12, dead.pid, dead.started).is_gone()


def test_a_zombie_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        me = Owner.here()
        assert not Owner(me.host, me.machine, process.pid, 0).is_gone()
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet reaped
        if Path(f"/proc/{process.pid}/stat").exists():
            assert Owner(me.host, me.machine, process.pid, 0).is_gone()
        process.wait()


def test_a_temporary_name_tells_its_writer() -> None:
    name = temporary_name("records/00001.parquet")
    folder, _, last = name.rpartition("/")
    assert folder == "records"
    assert last.startswith(".00001.parquet.")
    assert not is_left_over(last)
    assert temporary_name("a") != temporary_name("a")


# What is said


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "The disk is full. Free some space, then run the same command again"),
        (errno.EFBIG, "Raise the limit"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "Fix this, then"),
    ],
)
def test_a_failed_write_says_which_file_why_and_what_to_do(number: int, said: str) -> None:
    with pytest.raises(DataError, match=said) as told, writing(Path("out/records/1")):
        raise OSError(number, os.strerror(number))
    assert os.strerror(number) in str(told.value)
    assert "out/records/1" in str(told.value)


# Disks that fill up or go away


def test_a_full_disk_without_links_leaves_no_empty_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    flush, calls = os.fsync, []

    def fill(handle: int) -> None:
        calls.append(handle)
        if len(calls) > 1:  # the temporary file still fitted
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(handle)

    monkeypatch.setattr("os.fsync", fill)
    with pytest.raises(OSError, match="No space"):
        Disk(tmp_path).create("run.json", b"{}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("replaced", [False, True])
def test_a_run_folder_that_was_removed_is_noticed_at_the_next_write(
    replaced: bool, tmp_path: Path
) -> None:
    disk = Disk(tmp_path / "run")
    disk.make("records")
    disk.make("parts")
    (tmp_path / "run").rename(tmp_path / "moved")
    if replaced:
        (tmp_path / "run").mkdir()
    with pytest.raises(FileNotFoundError, match="removed or replaced") as told:
        disk.make("records")
    assert told.value.errno == errno.ENOENT
    assert not (tmp_path / "run" / "records").exists()
