"""A run that is stopped at any batch and resumed comes to the very same files."""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow.fs as pafs
import pytest

from wsol_bench.cli.main import main
from wsol_bench.engine import messages, shards, worker
from wsol_bench.records import run_folder as store
from wsol_bench.records.storage.disk import Disk
from wsol_bench.records.storage.remote import Remote
from wsol_bench.runs import execute as make

METHODS = "grad_cam,c_mwp,center"
ROW_FOLDERS = tuple(f"{kind}/r{i:03d}" for kind in ("rows", "maps") for i in range(3))
BATCHES = 6
"""Of 2 images but the last of a shard of 3: nine images in three shards."""


@pytest.fixture(autouse=True, scope="module")
def _small_shards() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(shards, "SHARD", 3)
        yield


@pytest.fixture(scope="module")
def command(small_dataset: Path, small_weights: Path) -> list[str]:
    command = ["run", "--arch=squeezenet1_1", f"--weights={small_weights}", "--batch-size=2"]
    return [*command, f"--data={small_dataset}", f"--methods={METHODS}", "--keep-maps"]


@pytest.fixture
def interrupt_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Has the next run get a Ctrl-C when it has done so many batches."""

    def arrange(batch: int) -> None:
        @contextmanager
        def progress(*_: object, **__: object) -> Iterator[Callable[..., None]]:
            done = 0

            def advance(images: int, *_: object) -> None:
                nonlocal done
                done += 1
                if done == batch:
                    os.kill(os.getpid(), signal.SIGINT)

            yield advance

        monkeypatch.setattr(make, "progress", progress)

    return arrange


def files_of(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if path.suffix in (".parquet", ".npy")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def uninterrupted(command: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("uninterrupted") / "run"
    assert main([*command, f"--out={out}", "-q"]) == 0
    return out


@pytest.fixture(scope="module")
def whole(uninterrupted: Path) -> dict[str, bytes]:
    return files_of(uninterrupted)


@pytest.fixture
def finished(uninterrupted: Path, tmp_path: Path) -> Path:
    """A copy of the uninterrupted run for a test to damage."""
    return Path(shutil.copytree(uninterrupted, tmp_path / "finished"))


@pytest.mark.parametrize("batch", range(1, BATCHES))
def test_stopped_after_any_batch_a_run_goes_on_from_there(
    batch: int,
    command: list[str],
    whole: dict[str, bytes],
    interrupt_at: Callable[[int], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    interrupt_at(batch)
    assert main([*command, f"--out={out}"]) == 130
    images = 3 * (batch // 2) + 2 * (batch % 2)
    assert f"interrupted; {images} of 9 images are done and kept" in capsys.readouterr().err
    assert len(list((out / "examples").iterdir())) == batch // 2
    assert len(list((out / "parts").glob("*.parquet")) if batch % 2 else []) == batch % 2
    assert not list((out / "leases").iterdir())
    interrupt_at(0)
    assert main([*command, f"--out={out}"]) == 0
    assert f"{images} of 9 images are already in" in capsys.readouterr().err
    assert files_of(out) == whole
    assert not list((out / "parts").glob("*"))


def test_a_beginning_whose_maps_are_cut_off_is_made_again_and_named(
    command: list[str],
    whole: dict[str, bytes],
    interrupt_at: Callable[[int], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    interrupt_at(1)
    main([*command, f"--out={out}", "-q"])
    maps = out / "parts" / "00000000-r000.npy"
    maps.write_bytes(maps.read_bytes()[:-1])
    interrupt_at(0)
    assert main([*command, f"--out={out}"]) == 0
    assert "1 shard in" in capsys.readouterr().err
    assert files_of(out) == whole


def test_maps_of_a_later_beginning_serve_an_earlier_one(
    command: list[str],
    uninterrupted: Path,
    whole: dict[str, bytes],
    interrupt_at: Callable[[int], None],
    tmp_path: Path,
) -> None:
    # Killed between writing maps and records: there are maps of more images than records.
    out = tmp_path / "run"
    interrupt_at(1)
    main([*command, f"--out={out}", "-q"])
    for row in ("r000", "r001"):
        all_maps = np.load(uninterrupted / "maps" / row / "00000000.npy")
        np.save(out / "parts" / f"00000000-{row}.npy", all_maps)
    interrupt_at(0)
    assert main([*command, f"--out={out}", "-q"]) == 0
    assert files_of(out) == whole


class Killed(BaseException):
    """What no part of the program handles."""


@pytest.mark.parametrize("removed", range(3))
def test_killed_while_it_removes_a_beginning_a_run_leaves_nothing_for_good(
    removed: int,
    command: list[str],
    whole: dict[str, bytes],
    interrupt_at: Callable[[int], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "run"
    interrupt_at(1)
    main([*command, f"--out={out}", "-q"])
    interrupt_at(0)
    remove = Disk.remove
    done: list[str] = []

    def dying(self: Disk, name: str) -> None:
        if name.startswith("parts/"):
            if len(done) == removed:
                raise Killed
            done.append(name)
        remove(self, name)

    with monkeypatch.context() as patched:
        patched.setattr(Disk, "remove", dying)
        with pytest.raises(Killed):
            main([*command, f"--out={out}", "-q"])
    assert len(list((out / "parts").iterdir())) == 3 - removed
    assert main([*command, f"--out={out}", "-q"]) == 0
    assert files_of(out) == whole


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-4] + b"PAR0",
        lambda content: content[:300] + bytes(40) + content[340:],  # a page of zeros
        lambda content: bytes(len(content)),
    ],
    ids=["empty", "cut off", "another end", "zeros within", "zeros"],
)
@pytest.mark.parametrize("name", ["examples", "rows/r000", "rows/r002"])
def test_a_damaged_shard_is_named_once_and_made_again(
    name: str,
    damage: Callable[[bytes], bytes],
    command: list[str],
    whole: dict[str, bytes],
    finished: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shard = finished / name / "00000001.parquet"
    shard.write_bytes(damage(shard.read_bytes()))
    untouched = (finished / name / "00000000.parquet").stat().st_mtime_ns
    capsys.readouterr()
    assert main([*command, f"--out={finished}"]) == 0
    assert "1 shard in" in (said := capsys.readouterr().err)
    assert "damaged (00000001) and is made again" in said
    assert files_of(finished) == whole
    assert (finished / name / "00000000.parquet").stat().st_mtime_ns == untouched
    assert main([*command, f"--out={finished}"]) == 0
    assert "damaged (" not in capsys.readouterr().err


def test_a_shard_whose_maps_are_gone_is_made_again(
    command: list[str], whole: dict[str, bytes], finished: Path
) -> None:
    (finished / "maps" / "r001" / "00000002.npy").unlink()
    assert main([*command, f"--out={finished}", "-q"]) == 0
    assert files_of(finished) == whole


def test_a_finished_run_is_printed_again_and_not_written(
    command: list[str],
    finished: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    manifest = finished / "run.json"
    before = manifest.stat().st_mtime_ns
    capsys.readouterr()
    assert main([*command, f"--out={finished}", "--json", "-q"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(manifest.read_text())["result"]
    assert manifest.stat().st_mtime_ns == before


def test_a_manifest_names_the_machines_of_all_sessions(
    command: list[str],
    interrupt_at: Callable[[int], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "run"

    def on(cpu: str, batch: int) -> list[dict]:
        monkeypatch.setattr(worker, "machine", lambda device: {"cpu": cpu})
        interrupt_at(batch)
        main([*command, f"--out={out}", "-q"])
        return json.loads((out / "run.json").read_text())["machines"]

    monkeypatch.setattr(worker, "versions", lambda: {"torch": version("torch")})
    facts = {"deterministic": True, "torch": version("torch")}
    assert on("one", 1) == [{"cpu": "one", **facts}]
    both = [{"cpu": name, **facts} for name in ("one", "two")]
    assert on("two", 2) == both
    assert on("one", 0) == both


def test_records_of_another_version_of_ours_are_kept_and_told_of(
    command: list[str],
    interrupt_at: Callable[[int], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    interrupt_at(3)
    main([*command, f"--out={out}", "-q"])
    interrupt_at(0)
    for module in (make, messages):
        monkeypatch.setattr(module, "version_of", lambda name: "99")
    monkeypatch.setattr(worker, "versions", lambda: {"wsol_bench": "99"})
    assert main([*command, f"--out={out}"]) == 0
    told = capsys.readouterr().err
    assert told.count(f"were made by wsol_bench {version('wsol_bench')}; this is 99.") == 1
    sessions = json.loads((out / "run.json").read_text())["machines"]
    assert [each["wsol_bench"] for each in sessions] == [version("wsol_bench"), "99"]


def test_shards_of_another_size_are_another_run(
    command: list[str],
    finished: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(shards, "SHARD", 4)
    assert main([*command, f"--out={finished}", "-q"]) == 2
    assert "shard: 3 there, 4 now" in capsys.readouterr().err


def test_a_gate_cannot_be_passed_by_starting_again(
    command: list[str],
    interrupt_at: Callable[[int], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    interrupt_at(3)
    assert main([*command, f"--out={tmp_path / 'run'}", "-q"]) == 130
    interrupt_at(0)
    for _ in range(3):  # whether images are missing, or none
        assert main([*command, f"--out={tmp_path / 'run'}", "-q", "--gate=0"]) == 1
        assert "on the first 9 images" in capsys.readouterr().err


def test_without_out_an_interrupted_run_leaves_nothing(
    command: list[str],
    interrupt_at: Callable[[int], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    interrupt_at(2)
    bare = [each for each in command if each != "--keep-maps"]  # maps are kept in --out alone
    assert main(bare) == 130
    said = capsys.readouterr().err
    assert "without --out nothing is kept" in said
    assert "Continue with" not in said
    assert not list(tmp_path.iterdir())


def test_a_signal_is_handled_as_before_once_a_run_is_over(
    uninterrupted: Path,
) -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_run_in_a_file_system_of_pyarrows_is_the_same_run(
    command: list[str],
    whole: dict[str, bytes],
    interrupt_at: Callable[[int], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # As an object store would be: no links, no flushes, no folder that `Path` could see.
    memory = pafs._MockFileSystem()
    monkeypatch.setattr(store, "storage_of", lambda path: Remote(memory, f"bucket/{path.name}"))
    out = tmp_path / "nowhere" / "run"
    interrupt_at(3)
    assert main([*command, f"--out={out}", "-q"]) == 130
    interrupt_at(0)
    assert main([*command, f"--out={out}", "--json"]) == 0
    printed = capsys.readouterr()
    assert "5 of 9 images are already in" in printed.err
    storage = Remote(memory, "bucket/run")
    found = {
        f"{folder}/{name}": storage.read(f"{folder}/{name}")
        for folder in (*("examples", "parts", "leases"), *ROW_FOLDERS)
        for name in storage.names(folder)
    }
    assert found == whole
    assert main(["score", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == json.loads(printed.out)["rows"]
    assert not (tmp_path / "nowhere").exists()
