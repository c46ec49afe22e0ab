"""Writes a finished run of simulated records, for timing what reads runs.

    python scripts/simulated_run.py OUT --images 1000000
    python scripts/simulated_run.py OUT --images 50000 --maps

The records are of four methods: true boxes at random, and boxes that are off by a normal error of
each method's own size. With `--maps` each map is a Gaussian on the grid of a 14 x 14 layer.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.protocols.catalog import PROTOCOLS
from wsol_bench.records.manifest import DataSource, Identity, Manifest, ManifestRow
from wsol_bench.records.run_folder import RunFolder
from wsol_bench.records.table import SCHEMA, outcomes_of
from wsol_bench.scoring.catalog import metrics_of
from wsol_bench.scoring.metric import measure_all

PROTOCOL = PROTOCOLS["gradcam-iccv17"]
ERRORS = {"grad_cam": 20.0, "cam": 25.0, "c_mwp": 30.0, "backprop": 40.0}
"""Method -> the standard deviation of its boxes' corners, in pixels."""
CLASSES, BEST, SIDE, GRID, SHARD = 1000, 5, 500, 14, 500

Array = NDArray[np.float64]


def records(start: int, stop: int) -> tuple[pa.Table, Array]:
    """The records of the images from start to stop, each with every method; their true boxes."""
    rng, n, m = np.random.default_rng(start), stop - start, len(ERRORS)
    low = rng.integers(0, SIDE // 2, (n, 2))
    truth = np.concatenate([low, low + rng.integers(50, SIDE // 2, (n, 2))], axis=1).astype(float)
    labels = rng.integers(0, CLASSES, n)
    ranks = rng.geometric(0.4, n)  # the label's; beyond the best it is missing
    classes = (labels[:, None] + np.arange(BEST) - ranks[:, None] + 1) % CLASSES
    spread = np.array(list(ERRORS.values()))[None, :, None]
    boxes = truth[:, None] + spread * rng.normal(size=(n, m, 4))
    boxes[..., 2:] = np.maximum(boxes[..., 2:], boxes[..., :2] + 1)
    flat = boxes.reshape(-1, 4)
    ids = [f"simulated_{at:08d}" for at in range(start, stop)]
    values = {
        "image_id": np.repeat(ids, m),
        "index": np.repeat(np.arange(start, stop) + 1, m),
        "method": list(ERRORS) * n,
        "label": np.repeat(labels, m),
        "height": np.full(n * m, SIDE),
        "width": np.full(n * m, SIDE),
        "classes": _lists(np.repeat(classes, m, axis=0)),
        "scores": _lists(np.repeat(-np.sort(-rng.normal(size=(n, BEST))), m, axis=0)),
        **dict(zip(("x0", "y0", "x1", "y1"), flat.T, strict=True)),
        "true_boxes": _lists(np.repeat(truth, m, axis=0)),
        "class_boxes": _lists(np.zeros((n * m, 0))),
        "iou": _ious(flat, np.repeat(truth, m, axis=0)),
        "map_state": ["ok"] * (n * m),
        "blacklisted": np.zeros(n * m, bool),
    }
    columns = [_column(values[each.name], each.type) for each in SCHEMA]
    return pa.Table.from_arrays(columns, schema=SCHEMA), truth


def maps(truth: Array) -> NDArray[np.float16]:
    """A Gaussian over each box, (n, 1, GRID, GRID): 0.15 of its maximum at the box's edges."""
    cells = (np.arange(GRID) + 0.5) * SIDE / GRID
    centres, sides = (truth[:, :2] + truth[:, 2:]) / 2, truth[:, 2:] - truth[:, :2]
    x, y = (np.exp(-((2.75 * (cells - centres[:, [at]]) / sides[:, [at]]) ** 2)) for at in (0, 1))
    return (y[:, :, None] * x[:, None, :])[:, None].astype(np.float16)


def _lists(values: Array) -> pa.ListArray:
    n, width = values.shape
    offsets = pa.array(np.arange(n + 1) * width, pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(values.ravel()))


def _column(values: object, kind: pa.DataType) -> pa.Array:
    return (values if isinstance(values, pa.Array) else pa.array(values)).cast(kind, safe=False)


def _ious(a: Array, b: Array) -> Array:
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    common = np.clip(sides, 0, None).prod(axis=1)
    areas = [(each[:, 2:] - each[:, :2]).prod(axis=1) for each in (a, b)]
    shares: Array = common / (areas[0] + areas[1] - common)
    return shares


def write(out: Path, images: int, keep_maps: bool) -> None:
    """Writes the run's folder; the whole table is held in memory once, for the stated figures."""
    ids = tuple(f"n{at:08d}" for at in range(CLASSES))
    names = {"arch": "simulated", "weights": "none"}
    identity = Identity(
        arch="simulated",
        weights="none",
        weights_sha256="",
        preprocessing={"size": 224},
        dataset="simulated",
        dataset_sha256="0" * 64,
        images=images,
        classes=CLASSES,
        is_ilsvrc=False,
        protocol=PROTOCOL,
        keep_maps=keep_maps,
        shard=SHARD,
    )
    rows = tuple(
        ManifestRow(name=each, title=each, file="", method=each, layer="last") for each in ERRORS
    )
    source = DataSource(path="nowhere")
    folder = RunFolder(out)
    folder.begin(
        Manifest(identity=identity, rows=rows, data=source, class_ids=ids, class_names=ids)
    )
    files, tables = folder.files(), []
    for number, start in enumerate(range(0, images, SHARD)):
        table, truth = records(start, min(start + SHARD, images))
        files.write(number, table, dict.fromkeys(ERRORS, maps(truth)) if keep_maps else {})
        tables.append(table)
    whole, metrics = pa.concat_tables(tables), metrics_of(PROTOCOL)
    figures = {each: measure_all(metrics, outcomes_of(whole, each), PROTOCOL) for each in ERRORS}
    result = {
        "schema": 2,
        **names,
        "dataset": "simulated",
        "protocol": PROTOCOL.name,
        "n": images,
        "metrics": [{"name": each.name, "unit": each.metric.unit} for each in metrics],
        "rows": [
            {"method": each, "title": each, **names, "n_loc": images}
            | {name: figure.value for name, figure in of.items()}
            for each, of in figures.items()
        ],
    }
    settings = {"arch": "simulated", "methods": list(ERRORS), "data": "nowhere"}
    folder.update(status="finished", settings=settings, result=result, digests=files.digests_now())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--maps", action="store_true")
    asked = parser.parse_args()
    write(asked.out, asked.images, asked.maps)
