"""A run's folder: records value for value, whole shards, and nobody else's folder."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wsol_bench.boxes.map_state import MapState
from wsol_bench.errors import DataError, UsageError
from wsol_bench.protocols.catalog import PROTOCOLS
from wsol_bench.records.record import Record
from wsol_bench.records.run_folder import SCHEMA, RunFolder, count_states, outcomes_of, to_table
from wsol_bench.scoring.catalog import measure

IDENTITY = {"arch": "vgg16", "methods": {"cam": "relu5_3"}, "sigma": 0.02, "images": 3}


def record(number: int, method: str = "cam", state: MapState = MapState.OK) -> Record:
    """One record whose numbers need every bit of their types."""
    random = np.random.default_rng([number, len(method)])
    return Record(
        image_id=f"ILSVRC2012_val_{number:08d}",
        index=number,
        method=method,
        label=number % 5,
        height=375 + number,
        width=500 - number,
        classes=random.permutation(5),
        scores=-np.sort(-random.normal(size=5)).astype(np.float32),
        box=random.uniform(0, 300, 4),
        true_boxes=random.uniform(0, 300, (number % 3 + 1, 4)),
        class_boxes=random.uniform(0, 300, (5 * (number % 2), 4)),
        iou=float(random.uniform()),
        map_state=state,
        blacklisted=number % 2 == 1,
    )


RECORDS = [record(n, method) for n in range(4) for method in ("cam", "center")]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    opened = RunFolder(tmp_path / "run")
    opened.begin(IDENTITY)
    return opened


def assert_same(row: dict, one: Record) -> None:
    for name in ("image_id", "index", "method", "label", "height", "width", "iou", "blacklisted"):
        assert row[name] == getattr(one, name), name
    assert row["map_state"] == one.map_state.value
    assert row["classes"] == one.classes.tolist()
    assert np.array(row["scores"], np.float32).tobytes() == one.scores.tobytes()
    assert [row["x0"], row["y0"], row["x1"], row["y1"]] == one.box.tolist()
    for name in ("true_boxes", "class_boxes"):
        assert np.reshape(row[name], (-1, 4)).tolist() == getattr(one, name).tolist()


def test_records_come_back_value_for_value_and_in_order(folder):
    folder.shards.write(1, to_table(RECORDS[4:]))
    folder.shards.write(0, to_table(RECORDS[:4]))
    rows = folder.read().to_pylist()
    assert len(rows) == len(RECORDS)
    for row, one in zip(rows, RECORDS, strict=True):
        assert_same(row, one)


def test_every_field_of_a_record_has_a_column():
    apart = {"box"} | {"x0", "y0", "x1", "y1"}  # a box is four columns
    assert {field.name for field in SCHEMA} - apart == set(Record.__slots__) - apart


def test_outcomes_are_those_of_one_methods_records_over_all_shards(folder):
    folder.shards.write(0, to_table(RECORDS[:4]))
    folder.shards.write(1, to_table(RECORDS[4:]))
    of_method = [one for one in RECORDS if one.method == "center"]
    found = outcomes_of(folder.read(), "center")
    assert found.labels.tolist() == [one.label for one in of_method]
    assert found.classes.tolist() == [one.classes.tolist() for one in of_method]
    assert found.ious.tolist() == [one.iou for one in of_method]
    assert found.blacklisted.tolist() == [one.blacklisted for one in of_method]


def test_a_table_without_records_is_scored_over_no_images():
    figures = measure(outcomes_of(to_table([]), "cam"), PROTOCOLS["gradcam-iccv17"])
    assert {(each.value, each.n) for each in figures.values()} == {(None, 0)}


def test_map_states_are_counted_by_method():
    made = [
        record(0),
        record(1, state=MapState.ZERO),
        record(2, state=MapState.ZERO),
        record(0, "center"),
    ]
    assert count_states(to_table(made), ["cam", "center", "mwp"]) == {
        "cam": {"ok": 1, "zero": 2},
        "center": {"ok": 1},
        "mwp": {},
    }


# Whose folder it is


def test_the_folder_of_the_same_run_is_opened_again_and_keeps_its_shards(folder):
    folder.shards.write(0, to_table(RECORDS))
    finished = {"identity": IDENTITY, "status": "finished", "seconds": 7.5}
    folder.write_manifest(finished)
    RunFolder(folder.path).begin(dict(IDENTITY))
    assert folder.shards.has(0)
    assert folder.manifest() == finished


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"arch": "alexnet"}, ("arch: 'vgg16' there, 'alexnet' now",)),
        ({"sigma": 0.0}, ("sigma: 0.02 there, 0.0 now",)),
        ({"methods": {"cam": "relu5_2"}}, ("relu5_3", "relu5_2")),
        ({"arch": "alexnet", "images": 4}, ("arch", "images: 3 there, 4 now")),
        ({"blacklist": 9}, ("blacklist: None there, 9 now",)),
    ],
)
def test_another_runs_folder_is_refused_and_the_difference_named(folder, change, names):
    folder.shards.write(0, to_table(RECORDS))
    with pytest.raises(UsageError) as refused:
        RunFolder(folder.path).begin(IDENTITY | change)
    for name in names:
        assert name in str(refused.value)
    assert str(folder.path) in str(refused.value)
    assert folder.manifest()["identity"] == IDENTITY  # and nothing was changed


def test_a_setting_that_the_other_run_has_and_this_one_lacks_is_a_difference(folder):
    without = {name: value for name, value in IDENTITY.items() if name != "sigma"}
    with pytest.raises(UsageError, match=r"sigma: 0\.02 there, None now"):
        RunFolder(folder.path).begin(without)


def test_records_without_a_manifest_are_refused(folder):
    folder.shards.write(0, to_table(RECORDS))
    (folder.path / "run.json").unlink()
    with pytest.raises(UsageError, match=r"records but no run\.json"):
        RunFolder(folder.path).begin(IDENTITY)


@pytest.mark.parametrize("text", ["", '{"identity": {', "[]", "null", '"identity"', "{}", "\x00"])
def test_a_manifest_that_is_none_is_one_message(folder, text):
    (folder.path / "run.json").write_text(text)
    with pytest.raises(DataError, match=r"run\.json"):
        RunFolder(folder.path).begin(IDENTITY)


def test_a_folder_that_cannot_be_made_is_one_message(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="--out"):
        RunFolder(tmp_path / "file").begin(IDENTITY)


def test_a_folder_without_a_manifest_is_no_runs_folder(tmp_path):
    with pytest.raises(DataError, match="no run's folder"):
        RunFolder(tmp_path).manifest()


# Whole or not there


@pytest.mark.parametrize("fails_in", ["fsync", "replace"])
def test_a_shard_that_could_not_be_finished_is_not_there(folder, monkeypatch, fails_in):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((Path, "replace") if fails_in == "replace" else ("os.fsync",)), fail)
    with pytest.raises(DataError, match="No space left on device"):
        folder.shards.write(0, to_table(RECORDS))
    assert not folder.shards.has(0)
    assert list((folder.path / "records").iterdir()) == []


class Killed(BaseException):
    """Ends a process in the middle of what it does: nothing cleans up after it."""


def test_a_shard_is_under_another_name_until_it_is_whole(folder, monkeypatch):
    # A process killed at any moment before the rename leaves only what is there then.
    seen = []

    def look(path: Path, _: Path) -> None:
        seen.append(path.read_bytes())
        assert not folder.shards.has(0)
        with pytest.raises(DataError, match="holds no records"):
            folder.read()
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", look)
        with pytest.raises(Killed):
            folder.shards.write(0, to_table(RECORDS))
    assert pq.read_table(pa.BufferReader(seen[0])).num_rows == len(RECORDS)
    assert not folder.shards.has(0)
    folder.begin(IDENTITY)  # and the run goes on
    folder.shards.write(0, to_table(RECORDS))
    assert folder.read().num_rows == len(RECORDS)


def test_a_shard_is_replaced_whole(folder):
    folder.shards.write(0, to_table(RECORDS))
    folder.shards.write(0, to_table(RECORDS[:1]))
    assert folder.read().num_rows == 1


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_shard_cut_off_is_a_data_error_that_names_it(folder, share):
    folder.shards.write(0, to_table(RECORDS))
    path = folder.path / "records" / "00000.parquet"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r"00000\.parquet: not a readable Parquet file"):
        folder.read()


def test_a_shard_with_a_flipped_bit_is_a_data_error_or_reads_as_a_table(folder):
    folder.shards.write(0, to_table(RECORDS))
    path = folder.path / "records" / "00000.parquet"
    content = path.read_bytes()
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        damaged = bytearray(content)
        # In the last quarter, which describes the rest: there a flipped bit makes
        # pyarrow raise all its kinds of exceptions.
        place = int(random.integers(3 * len(content) // 4, len(content)))
        damaged[place] ^= 1 << int(random.integers(8))
        path.write_bytes(bytes(damaged))
        try:
            folder.read()
        except DataError:
            refused += 1
    assert refused > 100


def test_a_shard_with_other_columns_is_refused(folder):
    path = folder.path / "records" / "00000.parquet"
    pq.write_table(to_table(RECORDS).drop_columns(["iou"]), path)
    with pytest.raises(DataError, match="columns"):
        folder.read()


def test_a_folder_named_like_a_partition_is_read_like_any_other(tmp_path):
    # pyarrow takes "sigma=0.02" in a path for a column of a partitioned data set.
    opened = RunFolder(tmp_path / "sigma=0.02")
    opened.begin(IDENTITY)
    opened.shards.write(0, to_table(RECORDS))
    assert opened.read().num_rows == len(RECORDS)


def test_the_manifest_is_json_that_people_can_read(folder):
    folder.write_manifest({"identity": IDENTITY, "title": "Wächter"})
    text = (folder.path / "run.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"identity": IDENTITY, "title": "Wächter"}
    assert "Wächter" in text


def test_changing_one_score_changes_the_shard(folder):
    one = RECORDS[0]
    changed = replace(one, scores=np.nextafter(one.scores, np.float32(np.inf)))
    assert to_table([one]) != to_table([changed])
