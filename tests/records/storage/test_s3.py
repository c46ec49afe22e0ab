"""A run in an object store that is slow, drops connections and answers 5xx."""

import json
import shutil
from pathlib import Path

import pytest

from wsol_bench.cli.main import main
from wsol_bench.engine import shards
from wsol_bench.records.storage import remote, retry
from wsol_bench.records.storage.locate import storage_of
from wsol_bench.records.storage.retry import StorageError

pytestmark = pytest.mark.slow

OUT = Path("s3://bucket/run")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "DELAYS", (0.05,) * 7)
    monkeypatch.setattr(shards, "SHARD", 2)


@pytest.fixture
def command(small_dataset: Path, small_weights: Path) -> list[str]:
    given = [
        "run",
        "--arch=squeezenet1_1",
        f"--weights={small_weights}",
        "--batch-size=2",
        "--json",
    ]
    return [*given, f"--data={small_dataset}", "--methods=grad_cam,center", f"--out={OUT}"]


def records(store) -> dict[str, bytes]:
    storage = storage_of(OUT)
    folders = ("examples", *(f"rows/r{number:03d}" for number in range(5)))
    names = [f"{folder}/{name}" for folder in folders for name in storage.names(folder)]
    return {name: storage.read(name) for name in names}


def test_what_is_written_is_read_and_what_is_missing_is_missing(store) -> None:
    storage = storage_of(OUT)
    storage.make("records")
    storage.write("records/0", b"content")
    assert storage.read("records/0") == b"content"
    assert storage.names("records") == ["0"]
    assert storage.exists("records/0")
    assert not storage.exists("records/1")
    with pytest.raises(FileNotFoundError):
        storage.read("records/1")
    storage.remove("records/0")
    assert not storage.exists("records/0")


@pytest.mark.parametrize("fault", ["500", "503", "drop"])
def test_reading_is_repeated_until_the_store_answers(fault, store, capsys) -> None:
    storage = storage_of(OUT)
    storage.write("records/0", b"content")
    store.fail("GET", "records/0", fault, times=6)  # more than the client repeats by itself
    assert storage.read("records/0") == b"content"


@pytest.mark.parametrize("fault", ["500", "503"])
def test_reading_that_never_succeeds_removes_nothing(fault, store) -> None:
    storage = storage_of(OUT)
    storage.write("records/0", b"content")
    store.fail("GET", "records/0", fault)
    with pytest.raises(StorageError, match=r"s3:/bucket/run/records/0.*Nothing was removed"):
        storage.read("records/0")
    assert store.count("DELETE", "records/0") == 0


def test_no_access_is_not_waited_for(store) -> None:
    storage = storage_of(OUT)
    storage.write("records/0", b"content")
    store.fail("HEAD", "records/0", "403")
    before = len(store.requests)
    with pytest.raises(StorageError, match="ACCESS_DENIED"):
        storage.read("records/0")
    assert len(store.requests) - before <= 4


def test_a_request_may_take_longer_than_pyarrows_own_timeout(store) -> None:
    storage = storage_of(OUT)
    storage.write("records/0", b"content")
    store.fail("GET", "records/0", "delay:4", times=1)
    assert storage.read("records/0") == b"content"
    assert store.count("GET", "records/0") == 1


# Whole runs


def test_a_finished_run_behind_500s_is_neither_rescored_nor_made_again(
    store, command, capsys
) -> None:
    assert main([*command, "-q"]) == 0
    first = json.loads(capsys.readouterr().out)["rows"]
    before = records(store)
    store.fail("GET", "/rows/", "500")
    deleted = store.count("DELETE", "")
    for again in ([*command, "-q"], ["score", str(OUT)]):
        assert main(again) == 3
        said = capsys.readouterr().err
        assert "cannot be read" in said
        assert "Nothing was removed" in said
        assert "damaged" not in said
    assert store.count("DELETE", "/rows/") == 0
    assert store.count("DELETE", "") - deleted == 0
    store.fault = lambda method, path: ""
    assert records(store) == before
    assert main([*command, "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == first


def test_a_shard_whose_put_fails_is_kept_as_a_part_and_written_out_later(
    store, command, capsys
) -> None:
    assert main([*command, "-q"]) == 0
    expected = records(store)
    storage = storage_of(OUT)
    for name in expected:
        storage.remove(name)
    capsys.readouterr()
    store.fail("PUT", "/examples/00000001", "500")
    assert main(command) == 3
    assert "examples/00000001" in capsys.readouterr().err
    assert [name for name in storage.names("parts") if name.endswith(".parquet")]
    store.fault = lambda method, path: ""
    assert main(command) == 0
    said = capsys.readouterr().err
    assert "damaged" not in said
    assert records(store) == expected
    assert storage.names("parts") == []


def test_slow_requests_on_leases_are_waited_for_and_reported(
    store, command, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(remote, "REQUEST_SECONDS", 0.5)
    store.fail("PUT", "/leases/", "delay:2", times=8)
    assert main(command) == 0
    said = capsys.readouterr().err
    assert "unexpected" not in said
    assert "Waiting for" in said
    assert "leases" in said


@pytest.mark.parametrize("fault", ["500", "drop", "delay:1"])
def test_a_store_that_fails_now_and_then_changes_no_record(
    fault, store, command, capsys, tmp_path
) -> None:
    local = [each for each in command if not each.startswith("--out")]
    assert main([*local, f"--out={tmp_path / 'run'}", "-q"]) == 0
    expected = json.loads(capsys.readouterr().out)["rows"]
    seen: list[int] = []

    def every_fifth(method: str, path: str) -> str:
        seen.append(1)
        return fault if len(seen) % 5 == 0 else ""

    store.fault = every_fifth
    assert main([*command, "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == expected
    store.fault = lambda method, path: ""
    for name, content in records(store).items():
        assert (tmp_path / "run" / name).read_bytes() == content
    shutil.rmtree(tmp_path / "run")
