"""A run's folder: records value for value, whole shards, and nobody else's folder."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wsol_bench.boxes.map_state import MapState
from wsol_bench.errors import DataError, UsageError
from wsol_bench.protocols.catalog import PROTOCOLS
from wsol_bench.records.manifest import DataSource, Identity, Manifest, ManifestRow
from wsol_bench.records.map_files import decode_maps, encode_maps
from wsol_bench.records.opened_run import open_networks
from wsol_bench.records.record import Record
from wsol_bench.records.run_folder import RunFolder
from wsol_bench.records.shard_files import ShardState
from wsol_bench.records.table import (
    SCHEMA,
    column_in,
    count_states,
    decode_table,
    encode_table,
    outcomes_of,
    remade,
    to_table,
    with_columns,
)
from wsol_bench.scoring.pixel_histograms import PIXELS

IDENTITY = Identity(
    arch="vgg16",
    weights="demo:vgg16.safetensors",
    weights_sha256="1",
    preprocessing={"size": 224, "mean": [0.5, 0.5, 0.5]},
    dataset="demo",
    dataset_sha256="2",
    images=4,
    classes=5,
    is_ilsvrc=False,
    protocol=PROTOCOLS["gradcam-iccv17"],
    keep_maps=True,
    shard=2,
)


def row(name: str, layer: str | None = None, **options: object) -> ManifestRow:
    return ManifestRow(
        name=name,
        title=name,
        file="",
        method=name,
        options=options,
        layer=layer,
        makes_map=bool(layer),
    )


MANIFEST = Manifest(
    identity=IDENTITY,
    rows=(row("cam", "relu5_3"), row("center", share=0.71)),
    data=DataSource(path="demo"),
)


def record(number: int, method: str = "cam", state: MapState = MapState.OK) -> Record:
    """One record whose numbers need every bit of their types."""
    of_image = np.random.default_rng(number)
    random = np.random.default_rng([number, len(method)])
    return Record(
        image_id=f"ILSVRC2012_val_{number:08d}",
        index=number,
        method=method,
        label=number % 5,
        height=375 + number,
        width=500 - number,
        classes=of_image.permutation(5),
        scores=-np.sort(-of_image.normal(size=5)).astype(np.float32),
        box=random.uniform(0, 300, 4),
        true_boxes=of_image.uniform(0, 300, (number % 3 + 1, 4)),
        class_boxes=random.uniform(0, 300, (5 * (number % 2), 4)),
        iou=float(random.uniform()),
        map_state=state,
        blacklisted=number % 2 == 1,
    )


RECORDS = [record(n, method) for n in range(4) for method in ("cam", "center")]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    opened = RunFolder(tmp_path / "run")
    opened.begin(MANIFEST)
    return opened


def write(folder: RunFolder, *numbers: int) -> None:
    """Writes shards of two images each, with maps of one cell."""
    for number in numbers:
        images = [2 * number, 2 * number + 1]
        maps = {"cam": np.array([[[[image]]] for image in images], np.float16)}
        table = to_table(record(n, name) for n in images for name in ("cam", "center"))
        folder.files().write(number, table, maps)


def contents(folder: RunFolder) -> dict[str, bytes]:
    """Path -> content of every file but the manifest."""
    paths = [path for path in folder.path.rglob("*.*") if path.name != "run.json"]
    return {str(path.relative_to(folder.path)): path.read_bytes() for path in paths}


def assert_same(line: dict, one: Record) -> None:
    for name in ("image_id", "index", "method", "label", "height", "width", "iou", "blacklisted"):
        assert line[name] == getattr(one, name), name
    assert line["map_state"] == one.map_state.value
    assert line["classes"] == one.classes.tolist()
    assert np.array(line["scores"], np.float32).tobytes() == one.scores.tobytes()
    assert [line["x0"], line["y0"], line["x1"], line["y1"]] == one.box.tolist()
    for name in ("true_boxes", "class_boxes"):
        assert np.reshape(line[name], (-1, 4)).tolist() == getattr(one, name).tolist()


def test_records_come_back_value_for_value_and_in_order(folder):
    write(folder, 1, 0)
    lines = folder.read().to_pylist()
    assert len(lines) == len(RECORDS)
    for line, one in zip(lines, RECORDS, strict=True):
        assert_same(line, one)
    of_cam = folder.row("cam").to_pylist()
    assert of_cam == [line for line in lines if line["method"] == "cam"]
    assert [float(maps[0, 0, 0]) for maps in folder.read_maps("cam")] == [0, 1, 2, 3]


def test_some_columns_are_read_alone_and_in_the_order_asked_for(folder):
    write(folder, 0, 1)
    table = folder.row("center", ("iou", "method", "label"))
    assert table.column_names == ["iou", "method", "label"]
    assert table["iou"].to_pylist() == [one.iou for one in RECORDS if one.method == "center"]


def test_every_field_of_a_record_has_a_column():
    # A box is four columns; the columns of metrics are a run's choice.
    apart = {"box", "columns"} | {"x0", "y0", "x1", "y1"}
    assert {field.name for field in SCHEMA} - apart == set(Record.__slots__) - apart


def test_columns_of_metrics_survive_a_file_and_its_remaking():
    kept = {"pixels": np.arange(PIXELS.width, dtype=np.uint16), "energy": 0.25}
    table = to_table([replace(RECORDS[0], columns=kept)], list(kept))
    content = encode_table(table)
    again = decode_table(content, with_columns(SCHEMA, kept))
    assert encode_table(remade(again)) == content
    assert column_in(again, "pixels").tolist() == [kept["pixels"].tolist()]
    assert column_in(again, "energy").tolist() == [0.25]
    assert decode_table(content, SCHEMA) is None


def test_outcomes_are_those_of_one_methods_records_over_all_shards(folder):
    write(folder, 0, 1)
    of_method = [one for one in RECORDS if one.method == "center"]
    found = outcomes_of(folder.read(), "center")
    assert found.labels.tolist() == [one.label for one in of_method]
    assert found.classes.tolist() == [one.classes.tolist() for one in of_method]
    assert found.ious.tolist() == [one.iou for one in of_method]
    assert found.blacklisted.tolist() == [one.blacklisted for one in of_method]


def test_map_states_are_counted_by_method():
    made = [
        record(0),
        record(1, state=MapState.ZERO),
        record(2, state=MapState.ZERO),
        record(0, "center"),
    ]
    assert {name: count_states(to_table(made), name) for name in ("cam", "center", "mwp")} == {
        "cam": {"ok": 1, "zero": 2},
        "center": {"ok": 1},
        "mwp": {},
    }


# Whose folder it is


def test_the_folder_of_the_same_run_is_opened_again_and_keeps_its_shards(folder):
    write(folder, 0)
    finished = folder.update(status="finished", seconds=7.5, result={"rows": []})
    again = RunFolder(folder.path).begin(MANIFEST)
    assert again == finished
    assert folder.files().has(0)


def test_a_row_is_added_and_the_files_of_the_others_stay_byte_for_byte(folder):
    write(folder, 0, 1)
    before = contents(folder)
    more = replace(MANIFEST, rows=(row("cam", "relu5_3"), row("mwp", "pool4")))
    merged = folder.begin(more)
    assert [(each.name, each.file) for each in merged.rows] == [
        *(("cam", "r000"), ("center", "r001"), ("mwp", "r002")),
    ]
    new = folder.files(["mwp"])
    assert new.state_of(0) is ShardState.MISSING
    for number in (0, 1):
        images = [2 * number, 2 * number + 1]
        maps = {"mwp": np.zeros((2, 1, 1, 1), np.float16)}
        new.write(number, to_table(record(n, "mwp") for n in images), maps)
    assert {name: contents(folder)[name] for name in before} == before
    assert set(contents(folder)) - set(before) == {
        f"{kind}/r002/{number:08d}{suffix}"
        for kind, suffix in (("rows", ".parquet"), ("maps", ".npy"))
        for number in (0, 1)
    }
    assert folder.row("mwp")["iou"].to_pylist() == [record(n, "mwp").iou for n in range(4)]


CHANGES = {
    "arch": (replace(IDENTITY, arch="alexnet"), "arch: 'vgg16' there, 'alexnet' now"),
    "a field of the protocol": (
        replace(IDENTITY, protocol=replace(IDENTITY.protocol, iou=0.4)),
        "protocol.iou: 0.5 there, 0.4 now",
    ),
    "a field of the box rule": (
        replace(
            IDENTITY,
            protocol=replace(
                IDENTITY.protocol, box_rule=replace(IDENTITY.protocol.box_rule, threshold=0.2)
            ),
        ),
        "protocol.box_rule.threshold: 0.15 there, 0.2 now",
    ),
    "preprocessing": (
        replace(IDENTITY, preprocessing={"size": 227, "mean": [0.5, 0.5, 0.5]}),
        "preprocessing.size: 224 there, 227 now",
    ),
    "precision": (replace(IDENTITY, precision="bf16"), "precision: 'fp32' there, 'bf16' now"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_another_runs_folder_is_refused_and_the_difference_named(folder, what):
    write(folder, 0)
    identity, difference = CHANGES[what]
    with pytest.raises(UsageError) as refused:
        RunFolder(folder.path).begin(replace(MANIFEST, identity=identity))
    assert difference in str(refused.value)
    assert str(folder.path) in str(refused.value)
    assert folder.manifest().identity == IDENTITY  # and nothing was changed


def test_a_row_of_the_same_name_with_another_definition_is_refused(folder):
    with pytest.raises(UsageError, match=r"cam: layer: 'relu5_3' there, 'relu5_2' now"):
        folder.begin(replace(MANIFEST, rows=(row("cam", "relu5_2"),)))
    with pytest.raises(UsageError, match=r"center: options\.share: 0\.71 there, 0\.5 now"):
        folder.begin(replace(MANIFEST, rows=(row("center", share=0.5),)))


def test_records_without_a_manifest_are_refused(folder):
    write(folder, 0)
    (folder.path / "run.json").unlink()
    with pytest.raises(UsageError, match=r"records but no run\.json"):
        RunFolder(folder.path).begin(MANIFEST)


BAD_MANIFESTS = ("", '{"identity": {', "[]", "null", '"identity"', "{}", "\x00", "[" * 100_000)


@pytest.mark.parametrize("text", BAD_MANIFESTS, ids=range(len(BAD_MANIFESTS)))
def test_a_manifest_that_is_none_is_one_message(folder, text):
    (folder.path / "run.json").write_text(text)
    with pytest.raises(DataError, match=r"run\.json"):
        RunFolder(folder.path).begin(MANIFEST)


EDITS = {
    dict: lambda value: {**value, "added": 1},
    list: lambda value: [*value, "added"],
    str: lambda value: f"{value}x",
    int: lambda value: value + 1,
    float: lambda value: value + 1.5,
    type(None): lambda value: 3,
}


def test_a_manifest_that_was_edited_in_any_field_is_refused(folder):
    path = folder.path / "run.json"
    plain = json.loads(path.read_text())
    assert len(plain) > 15
    for name, value in plain.items():
        edited = EDITS[type(value)](value)
        path.write_text(json.dumps({**plain, name: edited}))
        with pytest.raises(DataError, match=r"run\.json"):
            folder.manifest()
    path.write_text(json.dumps(plain))
    assert folder.manifest().identity == IDENTITY


def test_a_folder_that_cannot_be_made_is_one_message(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="--out"):
        RunFolder(tmp_path / "file").begin(MANIFEST)


def test_a_folder_without_a_manifest_is_no_runs_folder(tmp_path):
    with pytest.raises(DataError, match="no run's folder"):
        RunFolder(tmp_path).manifest()


def test_the_manifest_is_json_that_people_can_read(folder):
    folder.update(settings={"out": "Wächter"})
    text = (folder.path / "run.json").read_text(encoding="utf-8")
    assert json.loads(text)["identity"]["arch"] == "vgg16"
    assert "Wächter" in text


# Whole or not there


@pytest.mark.parametrize("fails_in", ["fsync", "replace"])
def test_a_shard_that_could_not_be_finished_is_not_there(folder, monkeypatch, fails_in):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((Path, "replace") if fails_in == "replace" else ("os.fsync",)), fail)
    with pytest.raises(DataError, match="No space left on device"):
        write(folder, 0)
    assert not folder.files().has(0)
    assert contents(folder) == {}


class Killed(BaseException):
    """Ends a process in the middle of what it does: nothing cleans up after it."""


@pytest.mark.parametrize("after", range(4))
def test_a_shard_is_not_there_until_all_its_files_are(folder, monkeypatch, after):
    # A process killed at any moment leaves only what is under its own name by then.
    rename, renamed = Path.replace, []

    def dying(path: Path, target: Path) -> Path:
        if len(renamed) == after:
            raise Killed
        renamed.append(target)
        assert not folder.files().has(0)
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", dying)
        with pytest.raises(Killed):
            write(folder, 0)
    assert folder.files().state_of(0) is ShardState.MISSING
    folder.begin(MANIFEST)  # and the run goes on
    write(folder, 0, 1)
    assert folder.read().num_rows == len(RECORDS)


FILES = (
    *("examples/00000001.parquet", "rows/r000/00000001.parquet", "rows/r001/00000001.parquet"),
)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_file_cut_off_is_a_data_error_that_names_it(folder, name, share):
    write(folder, 0, 1)
    path = folder.path / name
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=f"{name}: not readable"):
        folder.read()


@pytest.mark.parametrize("name", FILES)
def test_a_file_with_a_flipped_bit_is_a_data_error_or_reads_the_same(folder, name):
    write(folder, 0, 1)
    path, whole = folder.path / name, folder.read()
    content = path.read_bytes()
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(content)
        damaged[int(random.integers(len(content)))] ^= 1 << int(random.integers(8))
        path.write_bytes(bytes(damaged))
        try:
            assert folder.read().equals(whole)
        except DataError:
            refused += 1
    assert refused > 150


SPOILED = {
    "a shard's examples are gone": lambda at: (at / FILES[0]).unlink(),
    "a row's file is gone": lambda at: (at / FILES[2]).unlink(),
    "a stray shard": lambda at: (at / "examples/00000002.parquet").write_bytes(
        (at / FILES[0]).read_bytes()
    ),
    "one shard over another": lambda at: (at / "rows/r000/00000000.parquet").write_bytes(
        (at / FILES[1]).read_bytes()
    ),
    "two shards swapped": lambda at: _swap(
        at / "examples/00000000.parquet", at / "examples/00000001.parquet"
    ),
    "two rows swapped": lambda at: _swap(at / FILES[1], at / FILES[2]),
}


def _swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


@pytest.mark.parametrize("how", SPOILED)
def test_a_folder_whose_files_are_not_its_own_gives_no_records(folder, how):
    write(folder, 0, 1)
    folder.read()
    SPOILED[how](folder.path)
    with pytest.raises(DataError, match=r"0000000\d\.parquet"):
        folder.read()


def test_a_file_of_another_run_is_refused(folder, tmp_path):
    write(folder, 0, 1)
    other = RunFolder(tmp_path / "other")
    other.begin(replace(MANIFEST, identity=replace(IDENTITY, weights_sha256="3")))
    write(other, 0, 1)
    (folder.path / FILES[1]).write_bytes((other.path / FILES[1]).read_bytes())
    with pytest.raises(DataError, match=f"{FILES[1]}: not this run's own file"):
        folder.read()


def test_maps_that_are_not_the_rows_own_are_refused(folder):
    write(folder, 0, 1)
    _swap(folder.path / "maps/r000/00000000.npy", folder.path / "maps/r000/00000001.npy")
    with pytest.raises(DataError, match=r"maps/r000/00000000\.npy"):
        list(folder.read_maps("cam"))


def test_maps_with_a_header_of_python_2_are_damaged_and_numpy_does_not_warn():
    maps = np.zeros((2, 1, 3, 3), np.float16)
    content = encode_maps(maps)
    assert np.array_equal(decode_maps(content), maps)
    old = content.replace(b"(2, 1, 3, 3), }  ", b"(2L, 1L, 3, 3), }")
    assert len(old) == len(content) != 0
    assert old != content
    with pytest.raises(ValueError, match="no header of maps"):
        decode_maps(old)


def test_a_folder_named_like_a_partition_is_read_like_any_other(tmp_path):
    # pyarrow takes "sigma=0.02" in a path for a column of a partitioned data set.
    opened = RunFolder(tmp_path / "sigma=0.02")
    opened.begin(MANIFEST)
    write(opened, 0, 1)
    assert opened.read().num_rows == len(RECORDS)


def test_changing_one_score_changes_the_shard(folder):
    one = RECORDS[0]
    changed = replace(one, scores=np.nextafter(one.scores, np.float32(np.inf)))
    assert to_table([one]) != to_table([changed])


def test_an_unfinished_run_is_no_run_to_read(folder):
    with pytest.raises(DataError, match="not finished"):
        open_networks(folder.path)
