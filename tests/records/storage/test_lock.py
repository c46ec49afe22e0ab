"""The manifest is changed by one process at a time, on a disk and in an object store."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from wsol_bench.records.run_folder import RunFolder
from wsol_bench.records.storage import lock
from wsol_bench.records.storage.disk import Disk
from wsol_bench.records.storage.lock import LOCKS, locked

PROCESSES, CHANGES = 3, 5

ADD_ROWS = """
import sys
from dataclasses import replace
from pathlib import Path
from wsol_bench.protocols.catalog import PROTOCOLS
from wsol_bench.records.manifest import DataSource, Identity, Manifest, ManifestRow
from wsol_bench.records.run_folder import RunFolder

folder, process, changes = RunFolder(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
identity = Identity(
    arch="vgg16", weights="demo", weights_sha256="1", preprocessing={"size": 224},
    dataset="demo", dataset_sha256="2", images=4, classes=5, is_ilsvrc=False,
    protocol=PROTOCOLS["gradcam-iccv17"],
)
for number in range(changes):
    name = f"{process}-{number}"
    row = ManifestRow(name=name, title=name, file="", method="center", makes_map=False)
    folder.begin(Manifest(identity=identity, rows=(row,), data=DataSource(path="demo")))
    folder.rewrite(lambda there: replace(there, seconds=there.seconds + 1))
"""


def add_rows_from_processes(folder: Path | str) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", ADD_ROWS, str(folder), str(number), str(CHANGES)],
            stderr=subprocess.PIPE,
            env=dict(os.environ),
        )
        for number in range(PROCESSES)
    ]
    for process in started:
        said = process.communicate()[1]
        assert process.returncode == 0, said.decode()


def check_that_nothing_is_lost(folder: RunFolder) -> None:
    manifest = folder.manifest()
    names = {row.name for row in manifest.rows}
    assert names == {f"{p}-{number}" for p in range(PROCESSES) for number in range(CHANGES)}
    assert [row.file for row in manifest.rows] == [f"r{n:03d}" for n in range(len(names))]
    assert manifest.seconds == PROCESSES * CHANGES
    assert folder.storage.names(LOCKS) == []


def test_rows_that_processes_add_at_the_same_moment_are_all_kept(tmp_path: Path) -> None:
    add_rows_from_processes(tmp_path / "run")
    check_that_nothing_is_lost(RunFolder(tmp_path / "run"))


@pytest.mark.slow
def test_so_they_are_in_an_object_store(store) -> None:
    add_rows_from_processes("s3://bucket/run")
    check_that_nothing_is_lost(RunFolder(Path("s3://bucket/run")))


def test_threads_hold_the_lock_one_after_the_other(tmp_path: Path) -> None:
    storage, inside, most = Disk(tmp_path), [0], [0]

    def work() -> None:
        for _ in range(3):
            with locked(storage, "run.json"):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                threading.Event().wait(0.01)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert storage.names(LOCKS) == []


def test_a_claim_of_an_ended_process_holds_up_nobody(tmp_path: Path) -> None:
    storage = Disk(tmp_path)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with locked(storage, "run.json"):
        (mine,) = storage.names(LOCKS)
    tag = mine.removeprefix("run.json-").split("-")
    storage.write(f"{LOCKS}/run.json-{tag[0]}-{ended.pid}-1-0", b"")
    with locked(storage, "run.json"):
        assert len(storage.names(LOCKS)) == 1


def test_a_claim_of_another_machine_expires(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(lock, "EXPIRY", 0.1)
    storage = Disk(tmp_path)
    storage.make(LOCKS)
    storage.write(f"{LOCKS}/run.json-{'0' * 12}-1-1-0", b"")
    with locked(storage, "run.json"):
        assert len(storage.names(LOCKS)) == 1


def test_another_file_has_a_lock_of_its_own(tmp_path: Path) -> None:
    storage = Disk(tmp_path)
    with locked(storage, "run.json"), locked(storage, "other-run.json"):
        assert len(storage.names(LOCKS)) == 2


def test_an_error_inside_releases_the_lock(tmp_path: Path) -> None:
    storage = Disk(tmp_path)
    with pytest.raises(ZeroDivisionError), locked(storage, "run.json"):
        raise ZeroDivisionError
    assert storage.names(LOCKS) == []
