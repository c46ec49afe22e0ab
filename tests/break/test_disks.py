"""Disks that are full or read-only, and caches that cannot be written."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DATA = 3
"""The exit code of a folder that cannot be used."""


def mount(path: Path, *options: str) -> bool:
    """Mounts a small disk in memory, where this process may."""
    path.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(path)]
    return (
        shutil.which("mount") is not None
        and not subprocess.run(command, check=False, capture_output=True).returncode
    )


def remount(path: Path, *options: str) -> None:
    subprocess.run(["mount", "-o", ",".join(["remount", *options]), str(path)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for about half of a run."""
    path = tmp_path / "disk"
    if not mount(path, "size=96k"):
        pytest.skip("this process may not mount a disk")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def assert_told(run, folder: Path, *words: str) -> None:
    assert run.wait() == DATA, run.said
    assert "Traceback" not in run.said
    assert str(folder) in run.said
    for word in (*words, "run the same command again: everything finished is kept"):
        assert word in run.said


def test_a_full_disk_is_told_and_the_run_goes_on_once_there_is_room(
    program, shards, same_as_whole, small_disk
):
    folder = small_disk / "run"
    for _ in range(2):  # again while it is still full
        run = program.start(folder)
        assert_told(run, folder, "No space left on device", "Free some space")
    there = {path.name: path.stat().st_mtime_ns for path in folder.glob("examples/*.parquet")}
    assert 0 < len(there) < 12
    assert not [path for path in folder.rglob("*") if path.name.endswith(".tmp")]
    remount(small_disk, "size=10m")
    assert same_as_whole(folder, program.finish(folder))
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("examples/*.parquet")}
    assert {name: after[name] for name in there} == there


def test_a_limit_on_files_is_told_and_nothing_broken_is_left(program, same_as_whole, tmp_path):
    folder = tmp_path / "run"
    run = program.start(folder, file_limit=2500)  # the manifest fits, a shard does not
    assert_told(run, folder, "File too large", "ulimit")
    assert not list(folder.glob("examples/*"))
    assert same_as_whole(folder, program.finish(folder))


def test_a_read_only_folder_is_told_and_a_finished_run_in_one_is_printed(
    program, whole, small_disk
):
    remount(small_disk, "size=10m")
    finished = small_disk / "finished"
    rows = program.finish(finished)["rows"]
    begun = small_disk / "begun"
    run = program.start(begun)
    run.until(lambda: list(begun.glob("examples/*.parquet")))
    run.send(signal.SIGKILL)
    run.wait()
    remount(small_disk, "ro")
    assert program.finish(finished)["rows"] == rows
    assert_told(program.start(begun), begun, "Read-only file system")
    run = program.start(small_disk / "new")
    assert run.wait() == DATA
    assert "cannot make the folder (Read-only file system)" in run.said


@pytest.fixture
def nowhere(tmp_path: Path) -> str:
    """A folder that not even root can write to or make folders in."""
    file = tmp_path / "file"
    file.write_text("")
    return str(file / "cache")


def run_without(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wsol_bench", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_a_home_that_cannot_be_written_stops_nothing_that_needs_no_cache(demo_images, nowhere):
    finished = run_without(
        {"HOME": nowhere, "XDG_CACHE_HOME": nowhere, "MPLCONFIGDIR": nowhere},
        *["run", "--arch=alexnet", "--weights=demo", f"--data={demo_images}", "--limit=4"],
        *["--methods=grad_cam,center", "-q"],
    )
    assert finished.returncode == 0, finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_cache_for_the_demo_that_cannot_be_written_is_one_message(nowhere):
    finished = run_without({"XDG_CACHE_HOME": nowhere}, "run", "--arch=alexnet")
    assert finished.returncode == DATA
    assert "Traceback" not in finished.stderr
    assert "XDG_CACHE_HOME" in finished.stderr
