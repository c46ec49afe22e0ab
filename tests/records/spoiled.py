"""Finished run folders made by code, and ways to spoil them."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wsol_bench.boxes.map_state import MapState
from wsol_bench.datasets.index_hash import index_sha256
from wsol_bench.protocols.catalog import PROTOCOLS
from wsol_bench.records.manifest import DataSource, Identity, Manifest, ManifestRow, digest_of
from wsol_bench.records.map_files import encode_maps
from wsol_bench.records.record import Record
from wsol_bench.records.run_folder import RunFolder
from wsol_bench.records.table import encode_table, outcomes_of, to_table
from wsol_bench.scoring.catalog import metrics_of
from wsol_bench.scoring.ilsvrc import label_iou
from wsol_bench.scoring.metric import measure_all

PROTOCOL = PROTOCOLS["gradcam-iccv17"]
IMAGES, SHARD = 7, 2
SHARDS = -(-IMAGES // SHARD)
METHODS = ("cam", "center")
CLASS_IDS = ("n1", "n2", "n3", "n4", "n5", "n6")

Spoil = Callable[[Path], object]


def record(at: int, method: str) -> Record:
    """Right on some images and wrong on others, and not the same ones under both methods."""
    image, own = np.random.default_rng(at), np.random.default_rng([at, len(method)])
    truth = image.uniform(0, 100, (1, 4)) + np.array([0, 0, 150, 150])
    box = truth[0] if (at + len(method)) % 3 else own.uniform(0, 40, 4) + np.array([0, 0, 50, 50])
    classes = image.permutation(6)[:5]
    return Record(
        image_id=f"image{at:02d}",
        index=at + 1,
        method=method,
        label=int(classes[0]) if at % 3 else int(classes[4]),
        height=300,
        width=280,
        classes=classes,
        scores=-np.sort(-image.normal(size=5)).astype(np.float32),
        box=box,
        true_boxes=truth,
        iou=label_iou(box, truth, PROTOCOL),
        map_state=MapState.OK,
    )


def make_run(path: Path) -> None:
    """A finished run of two rows, one with maps, in shards of two images."""
    records = {method: [record(at, method) for at in range(IMAGES)] for method in METHODS}
    examples = [
        SimpleNamespace(image_id=one.image_id, label=one.label, boxes=one.true_boxes)
        for one in records["cam"]
    ]
    dataset = SimpleNamespace(class_ids=CLASS_IDS, examples=examples)
    identity = Identity(
        arch="alexnet",
        weights="demo",
        weights_sha256="1",
        preprocessing={"size": 224},
        dataset="made",
        dataset_sha256=index_sha256(dataset),
        images=IMAGES,
        classes=len(CLASS_IDS),
        is_ilsvrc=False,
        protocol=PROTOCOL,
        keep_maps=True,
        shard=SHARD,
    )
    rows = (
        ManifestRow(name="cam", title="CAM", file="", method="cam", layer="relu5"),
        ManifestRow(name="center", title="Centre", file="", method="center", makes_map=False),
    )
    folder = RunFolder(path)
    folder.begin(
        Manifest(
            identity=identity,
            rows=rows,
            data=DataSource(path="nowhere"),
            class_ids=CLASS_IDS,
            class_names=CLASS_IDS,
        )
    )
    files = folder.files()
    for number in range(SHARDS):
        at = range(number * SHARD, min((number + 1) * SHARD, IMAGES))
        maps = np.random.default_rng(number).uniform(size=(len(at), 1, 6, 6)).astype(np.float16)
        table = to_table(records[method][n] for n in at for method in METHODS)
        files.write(number, table, {"cam": maps})
    folder.update(
        status="finished",
        settings={"arch": "alexnet", "methods": list(METHODS), "data": "nowhere"},
        result=result_of({m: to_table(records[m]) for m in METHODS}),
        digests=files.digests_now(),
    )


def result_of(tables: Mapping[str, pa.Table]) -> dict[str, Any]:
    """What a run of these records states."""
    metrics = metrics_of(PROTOCOL)
    rows = []
    for row, table in tables.items():
        figures = measure_all(metrics, outcomes_of(table, row), PROTOCOL)
        values = {name: figure.value for name, figure in figures.items()}
        names = {"method": row, "title": row, "arch": "alexnet", "weights": "demo"}
        rows.append({**names, **values, "n_loc": IMAGES})
    return {
        "schema": 2,
        "arch": "alexnet",
        "weights": "demo",
        "dataset": "made",
        "protocol": PROTOCOL.name,
        "n": IMAGES,
        "metrics": [{"name": each.name, "unit": "%"} for each in metrics],
        "rows": rows,
    }


def make_schema1_run(path: Path) -> None:
    """The same run as schema 1 had it."""
    make_run(path)
    folder = RunFolder(path)
    plain = json.loads((path / "run.json").read_text())
    (path / "records").mkdir()
    for number in range(SHARDS):
        table = folder.files().table(number)
        (path / f"records/{number:05d}.parquet").write_bytes(encode_table(table))
        maps = folder.files().maps(number, "cam")
        (path / f"maps/{number:05d}-cam.npy").write_bytes(encode_maps(maps))
    for each in ("examples", "rows", "maps/r000"):
        shutil.rmtree(path / each)
    identity = plain["identity"] | {"methods": {"cam": "relu5"}, "baselines": ["center"]}
    kept = ("status", "settings", "class_names", "result")
    old = {"identity": identity, "wnids": CLASS_IDS} | {name: plain[name] for name in kept}
    (path / "run.json").write_text(json.dumps(old))


# Ways to spoil


def remove(name: str, folder: Path) -> None:
    path = folder / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def exchange(one: str, other: str, folder: Path) -> None:
    aside = folder / "aside"
    (folder / one).rename(aside)
    (folder / other).rename(folder / one)
    aside.rename(folder / other)


def copy(source: str, target: str, folder: Path) -> None:
    (folder / target).parent.mkdir(exist_ok=True, parents=True)
    shutil.copy(folder / source, folder / target)


def cut(name: str, share: float, folder: Path) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(share * len(content))])


def flip(name: str, share: float, folder: Path) -> None:
    content = bytearray((folder / name).read_bytes())
    content[int(share * (len(content) - 1))] ^= 0x10
    (folder / name).write_bytes(bytes(content))


def put(name: str, content: bytes, folder: Path) -> None:
    (folder / name).parent.mkdir(exist_ok=True, parents=True)
    (folder / name).write_bytes(content)


def set_value(name: str, column: str, value: object, folder: Path) -> None:
    """One value of a Parquet file, which is written again with its own header."""
    table = pq.read_table(folder / name, partitioning=None)
    values = table[column].to_pylist()
    values[0] = value
    at = table.schema.get_field_index(column)
    field = table.schema.field(column)
    changed = table.set_column(at, field, pa.array(values, field.type))
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), folder / name)


def drop_line(name: str, folder: Path) -> None:
    table = pq.read_table(folder / name, partitioning=None)
    pq.write_table(table.slice(1), folder / name)


def drop_shard(folder: Path) -> None:
    """The last shard, and the number of images in the manifest with its digest."""
    for name in ("examples", "rows/r000", "rows/r001"):
        (folder / f"{name}/{SHARDS - 1:08d}.parquet").unlink()
    set_field(("identity", "images"), (SHARDS - 1) * SHARD, folder, digest=True)


def of_another_run(name: str, folder: Path) -> None:
    """A file of a run that differs in its weights only."""
    other = folder.parent / "other"
    if not other.exists():
        make_run(other)
        opened = RunFolder(other)
        manifest = opened.manifest()
        changed = replace(manifest.identity, weights_sha256="2")
        rows = {row.name: opened.row(row.name) for row in manifest.rows}
        opened.update(identity=changed, digests={})
        for number in range(SHARDS):
            at = slice(number * SHARD, (number + 1) * SHARD)
            each = [table[at] for table in rows.values()]
            maps = {"cam": np.load(other / f"maps/r000/{number:08d}.npy")}
            opened.files().write(number, pa.concat_tables(each), maps)
    shutil.copy(other / name, folder / name)


def set_field(path: tuple[str | int, ...], value: object, folder: Path, *, digest: bool) -> None:
    """One value of the manifest; its digest too where asked for."""
    plain = json.loads((folder / "run.json").read_text())
    inner = plain
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value(inner[path[-1]]) if callable(value) else value
    if digest:
        plain.pop("digest")
        plain = {"digest": digest_of(plain), **plain}
    (folder / "run.json").write_text(json.dumps(plain))


def note_digest(name: str, folder: Path) -> None:
    """The digest of a file as it is now, in the manifest with its own digest."""
    digest = sha256((folder / name).read_bytes()).hexdigest()
    parent, number = name.rpartition("/")[0], int(Path(name).stem)
    set_field(("digests", parent, number), digest, folder, digest=True)


def forge_value(name: str, column: str, value: object, folder: Path) -> None:
    set_value(name, column, value, folder)
    note_digest(name, folder)


def changed(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, list):
        return [*value, "added"]
    if isinstance(value, dict):
        return {**value, "added": 1}
    return 3


E0, E1, E3 = (f"examples/{n:08d}.parquet" for n in (0, 1, SHARDS - 1))
R0, R1, R3 = (f"rows/r000/{n:08d}.parquet" for n in (0, 1, SHARDS - 1))
C0, C1 = (f"rows/r001/{n:08d}.parquet" for n in (0, 1))
M0, M1 = (f"maps/r000/{n:08d}.npy" for n in (0, 1))
ALL_FILES = (E0, E3, R0, R3, C1, M0, "run.json")
HUGE_MAPS = b"\x93NUMPY\x01\x00v\x00" + (
    b"{'descr': '<f2', 'fortran_order': False, 'shape': (2, 1, 313000, 313000), }".ljust(117)
    + b"\n"
)
"""A header that promises 365 GiB."""
VALUES: Mapping[str, tuple[tuple[str, str, object], ...]] = {
    "row": (
        *((R0, "iou", 0.123), (R0, "x0", 3.0), (C0, "map_state", "zero")),
        *((R1, "class_boxes", [1.0, 2.0, 3.0, 4.0]),),
    ),
    "example": (
        *((E0, "label", 5), (E1, "classes", [5, 4, 3, 2, 1]), (E0, "image_id", "other")),
        *((E0, "blacklisted", True), (E1, "true_boxes", [0.0, 0.0, 9.0, 9.0])),
        *((E0, "scores", [9.0, 1.0, 1.0, 1.0, 1.0]), (E0, "height", 10), (E0, "index", 77)),
    ),
}


def ways() -> dict[str, Spoil]:
    """Name -> what is done to a folder of schema 2."""
    found: dict[str, Spoil] = {}
    for name in (*ALL_FILES, "examples", "rows", "rows/r001", "maps", "maps/r000"):
        found[f"delete {name}"] = partial(remove, name)
    for one, other in ((E0, E1), (R0, R1), (C0, R0), (M0, M1), (E0, R0)):
        found[f"exchange {one} and {other}"] = partial(exchange, one, other)
    found["exchange the files of two rows"] = partial(exchange, "rows/r000", "rows/r001")
    for source, target in ((E0, E1), (R0, R1), (R0, C0), (M0, M1)):
        found[f"copy {source} over {target}"] = partial(copy, source, target)
    for target in ("examples/00000004.parquet", "rows/r000/00000009.parquet"):
        found[f"stray {target}"] = partial(copy, E0, target)
    for target in ("examples/1.parquet", "examples/note.txt", "rows/r007/00000000.parquet"):
        found[f"stray {target}"] = partial(copy, E0, target)
    found["stray maps"] = partial(copy, M0, "maps/r000/00000009.npy")
    for name in ALL_FILES:
        for share in (0.0, 0.5, 0.99):
            found[f"cut {name} at {share}"] = partial(cut, name, share)
        for share in (0.02, 0.5, 0.98):
            found[f"flip a bit of {name} at {share}"] = partial(flip, name, share)
    found["maps of 365 GiB"] = partial(put, M0, HUGE_MAPS)
    found["a manifest of brackets"] = partial(put, "run.json", b"[" * 100_000)
    found["maps that are a pickle"] = partial(put, M0, b"\x80\x04N.")
    for each in (E0, R0, C0, M0):
        found[f"{each} of another run"] = partial(of_another_run, each)
    for cells in VALUES.values():
        for name, column, value in cells:
            found[f"edit {column} in {name}"] = partial(set_value, name, column, value)
    found["drop a line of a shard"] = partial(drop_line, R1)
    found["drop the last shard and its images"] = drop_shard
    found["edit iou and every digest"] = partial(forge_value, R0, "iou", 0.99)
    found["blacklist an image and every digest"] = partial(forge_value, E0, "blacklisted", True)
    return found


IDENTITY = (
    *("arch", "weights", "weights_sha256", "preprocessing", "dataset", "dataset_sha256"),
    *("images", "classes", "is_ilsvrc", "precision", "keep_maps", "class_boxes", "blacklist"),
    *("blacklist_sha256", "shard"),
)


def manifest_ways() -> dict[str, Spoil]:
    """Name -> an edit of each field of the manifest, with and without its digest."""
    found: dict[str, Spoil] = {}
    top = ("identity", "rows", "data", "status", "settings", "versions", "machines", "seconds")
    more = ("class_ids", "class_names", "digests", "result", "schema", "digest", "device")
    for name in (*top, *more):
        found[f"edit {name}"] = partial(set_field, (name,), changed, digest=False)
    for name in IDENTITY:
        path = ("identity", name)
        found[f"edit identity.{name}"] = partial(set_field, path, changed, digest=False)
        found[f"edit identity.{name} and the digest"] = partial(
            set_field, path, changed, digest=True
        )
    for name in ("iou", "topk", "threshold"):
        path = ("identity", "protocol", *(("box_rule",) if name == "threshold" else ()), name)
        found[f"edit {name} and the digest"] = partial(set_field, path, changed, digest=True)
    for name in ("name", "file", "method", "options", "layer"):
        path = ("rows", 0, name)
        found[f"edit row.{name}"] = partial(set_field, path, changed, digest=False)
        found[f"edit row.{name} and the digest"] = partial(set_field, path, changed, digest=True)
    for name in ("top1_loc", "gt_known_loc", "method", "arch"):
        path = ("result", "rows", 0, name)
        found[f"edit result.{name}"] = partial(set_field, path, changed, digest=False)
        found[f"edit result.{name} and the digest"] = partial(set_field, path, changed, digest=True)
    hostile = partial(set_field, ("rows", 0, "file"), "../../x", digest=True)
    found["files of a row outside the folder"] = hostile
    found["an arch outside the folder"] = partial(
        set_field, ("result", "rows", 0, "arch"), "../other", digest=True
    )
    return found


def schema1_ways() -> dict[str, Spoil]:
    """Name -> what is done to a folder of schema 1."""
    s0, s1, s3 = (f"records/{n:05d}.parquet" for n in (0, 1, SHARDS - 1))
    found: dict[str, Spoil] = {f"delete {name}": partial(remove, name) for name in (s0, s1, s3)}
    found["delete the records"] = partial(remove, "records")
    found["exchange two shards"] = partial(exchange, s0, s1)
    found["copy a shard over another"] = partial(copy, s0, s1)
    for target in (f"records/{SHARDS:05d}.parquet", "records/00009.parquet"):
        found[f"stray {target}"] = partial(copy, s0, target)
    found["stray records/1.parquet"] = partial(copy, s0, "records/1.parquet")
    for share in (0.0, 0.5, 0.99):
        found[f"cut a shard at {share}"] = partial(cut, s1, share)
        found[f"cut the manifest at {share}"] = partial(cut, "run.json", share)
    found["drop a line"] = partial(drop_line, s1)
    cells = (("label", 5), ("image_id", "other"), ("true_boxes", [0.0, 0.0, 9.0, 9.0]))
    for column, value in (*cells, ("iou", 0.0), ("method", "center"), ("blacklisted", True)):
        found[f"edit {column}"] = partial(set_value, s1, column, value)
    for name in ("images", "classes", "dataset_sha256", "methods"):
        found[f"edit identity.{name}"] = partial(
            set_field, ("identity", name), changed, digest=False
        )
    for name in ("top1_loc", "gt_known_loc"):
        found[f"edit result.{name}"] = partial(
            set_field, ("result", "rows", 0, name), changed, digest=False
        )
    found["edit iou"] = partial(set_field, ("identity", "protocol", "iou"), 0.05, digest=False)
    found["maps of 365 GiB"] = partial(put, "maps/00000-cam.npy", HUGE_MAPS)
    found["delete maps"] = partial(remove, "maps/00001-cam.npy")
    found["cut maps"] = partial(cut, "maps/00001-cam.npy", 0.9)
    return found
