"""A run's folder and batches of records without a network."""

from pathlib import Path

import numpy as np
import pytest

from wsol_bench.boxes.map_state import MapState
from wsol_bench.engine.messages import BatchResult
from wsol_bench.engine.shards import Shard
from wsol_bench.protocols.catalog import PROTOCOLS
from wsol_bench.records.manifest import DataSource, Identity, Manifest, ManifestRow
from wsol_bench.records.record import Record
from wsol_bench.records.run_folder import RunFolder
from wsol_bench.records.table import to_table

METHODS = ("cam", "center")
SIZES = (3, 3, 2)
"""Images of each shard."""


def record(number: int, method: str) -> Record:
    random = np.random.default_rng([number, len(method)])
    return Record(
        image_id=f"image{number}",
        index=number + 1,
        method=method,
        label=number % 5,
        height=10,
        width=20,
        classes=random.permutation(5),
        scores=random.normal(size=5).astype(np.float32),
        box=random.uniform(0, 9, 4),
        true_boxes=random.uniform(0, 9, (1, 4)),
        iou=float(random.uniform()),
        map_state=MapState.OK,
    )


def batch(shard: Shard, images: int = 1) -> BatchResult:
    """The first images of what is left of a shard, as a worker would give them."""
    numbers = range(shard.start, min(shard.start + images, shard.stop))
    table = to_table(record(number, method) for number in numbers for method in METHODS)
    maps = {"cam": np.array([[[[number]]] for number in numbers], np.float16)}
    return BatchResult(shard.number, numbers.start, len(numbers), table, maps)


def manifest_of(*, keep_maps: bool = True, shard: int = 3, **identity: object) -> Manifest:
    """Of a run of eight images, with a row that makes maps and one that makes none."""
    return Manifest(
        identity=Identity(
            **{
                "arch": "none",
                "weights": "none",
                "weights_sha256": "1",
                "preprocessing": {"size": 8},
                "dataset": "eight",
                "dataset_sha256": "2",
                "images": sum(SIZES),
                "classes": 5,
                "is_ilsvrc": False,
                "protocol": PROTOCOLS["gradcam-iccv17"],
                "keep_maps": keep_maps,
                "shard": shard,
                **identity,
            }
        ),
        rows=tuple(
            ManifestRow(name=name, title=name, file="", method=name, makes_map=name == "cam")
            for name in METHODS
        ),
        data=DataSource(path="eight"),
    )


@pytest.fixture
def shards() -> list[Shard]:
    stops = np.cumsum(SIZES).tolist()
    return [
        Shard(number, stop - size, stop)
        for number, (size, stop) in enumerate(zip(SIZES, stops, strict=True))
    ]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    opened = RunFolder(tmp_path / "run")
    opened.begin(manifest_of())
    return opened


@pytest.fixture
def make_batch():
    return batch
