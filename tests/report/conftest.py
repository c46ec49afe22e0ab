"""Small runs made of chosen maps and classes, so that a page can be made without a network."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from wsol_bench.boxes.extract import extract_box
from wsol_bench.boxes.map_state import MapState
from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.index_hash import index_sha256
from wsol_bench.geometry import Size
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL, PROTOCOLS
from wsol_bench.protocols.views import VIEWS
from wsol_bench.records.record import Record
from wsol_bench.records.run_folder import as_plain
from wsol_bench.records.table import to_table
from wsol_bench.scoring.ilsvrc import label_iou

HOSTILE = '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">'
"""A class's name, as anybody can put it into a mapping file."""

CLASSES = ("fish & chips", HOSTILE, "shark", "newt", "toad", "frog", "box turtle")
WNIDS = tuple(f"n{number:08d}" for number in range(1, len(CLASSES) + 1))
TITLES = {"grad_cam": "Grad-CAM", "mwp": "MWP", "backprop": "Backprop", "center": "Centred box"}
SIDES = {"grad_cam": 7, "mwp": 28, "backprop": 56}
SIDE = 112
"""Of the network's input."""


@dataclass
class RunFiles:
    """A run on the disk, and what it was made of."""

    path: Path
    data: Path
    records: dict[str, list[Record]] = field(default_factory=dict)

    def wrong(self, method: str, metric: str) -> list[bool]:
        """Which images are wrong, counted here from the records and nothing else."""
        found = []
        for record in self.records[method]:
            first = record.classes[0] == record.label
            best = record.label in record.classes[:5]
            boxed = record.iou >= 0.5
            right = {
                "top1_cls": first,
                "top5_cls": best,
                "top1_loc": first and boxed,
                "top5_loc": best and boxed,
                "gt_known_loc": boxed,
            }
            found.append(not right[metric])
        return found


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty images of seven classes, some with two boxes, some with names meant to break pages."""
    folder = tmp_path_factory.mktemp("pictures") / "val-40"
    random = np.random.default_rng(3)
    (folder / "ILSVRC/Data/CLS-LOC/val").mkdir(parents=True)
    (folder / "ILSVRC/Annotations/CLS-LOC/val").mkdir(parents=True)
    lines = (f"{wnid} {name}\n" for wnid, name in zip(WNIDS, CLASSES, strict=True))
    (folder / "LOC_synset_mapping.txt").write_text("".join(lines))
    for number in range(40):
        name = f"img_{number:03d}" if number != 5 else "img_005<script>window.hacked=3<"
        width, height = 90 + number, 120 - number
        coarse = random.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        picture.save(folder / f"ILSVRC/Data/CLS-LOC/val/{name}.JPEG", quality=90)
        boxes = [(5, 6, width - 10 - number // 2, height - 12)] + [(3, 3, 30, 32)] * (number % 3)
        objects = "".join(
            f"<object><name>{WNIDS[number % 7]}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>"
            f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
            for x0, y0, x1, y1 in boxes
        )
        (folder / f"ILSVRC/Annotations/CLS-LOC/val/{name}.xml").write_text(
            f"<annotation><size><width>{width}</width><height>{height}</height></size>"
            f"{objects}</annotation>"
        )
    return folder


MakeRun = Callable[..., RunFiles]


@pytest.fixture(scope="session")
def make_run(images: Path, tmp_path_factory: pytest.TempPathFactory) -> MakeRun:
    """Writes a run: make_run(name, methods=..., keep_maps=..., protocol=..., seed=...)."""

    def make(
        name: str = "run",
        *,
        methods: Sequence[str] = ("grad_cam", "mwp", "center"),
        keep_maps: bool = True,
        protocol: str = DEFAULT_PROTOCOL,
        seed: int = 0,
        blob: float = 0.6,
        blacklisted: bool = False,
        unreadable: int = 0,
        data: Path | None = None,
        **identity: Any,
    ) -> RunFiles:
        path = tmp_path_factory.mktemp("runs") / name
        made = RunFiles(path, data or images)
        identity |= {"blacklisted": blacklisted, "unreadable": unreadable}
        _write(made, tuple(methods), keep_maps, protocol, seed, blob, identity)
        return made

    return make


@pytest.fixture(scope="session")
def run_files(make_run: MakeRun) -> RunFiles:
    """The run that most tests look at."""
    return make_run()


def _write(
    made: RunFiles,
    methods: tuple[str, ...],
    keep_maps: bool,
    protocol_name: str,
    seed: int,
    blob: float,
    changes: dict[str, Any],
) -> None:
    protocol, dataset = PROTOCOLS[protocol_name], open_dataset(made.data)
    view = VIEWS[protocol.view]
    random = np.random.default_rng(seed)
    guesses = [_classes(example.label, random) for example in dataset.examples]
    maps = {
        method: np.stack([_maps(view.count, SIDES[method], blob, random) for _ in guesses])
        for method in methods
        if method in SIDES
    }
    if "grad_cam" in maps:
        maps["grad_cam"][7] = 0  # a degenerate map
    for method in methods:
        made.records[method] = []
        for place, (example, (classes, scores)) in enumerate(
            zip(dataset.examples, guesses, strict=True)
        ):
            assert example.size is not None
            size, state = example.size, MapState.OK
            if method in maps:
                joined = view.join(maps[method][place].astype(np.float32), SIDE)
                box, state = extract_box(joined, size, protocol.box_rule, view.window(size, SIDE))
            else:
                box = _centred(size)
            record = Record(
                example.image_id,
                example.index,
                method,
                example.label,
                size.height,
                size.width,
                classes,
                scores,
                box,
                example.boxes,
                label_iou(box, example.boxes, protocol),
                state,
                blacklisted=changes["blacklisted"],
            )
            damaged = place < changes["unreadable"]
            made.records[method].append(_damaged(record) if damaged else record)
    _write_files(made, maps if keep_maps else {}, methods, protocol, dataset, keep_maps, changes)


def _damaged(record: Record) -> Record:
    """The record of an image that could not be read, as a run writes it."""
    return replace(
        record,
        height=0,
        width=0,
        classes=np.full(5, -1),
        scores=np.zeros(5, np.float32),
        box=np.zeros(4),
        iou=0.0,
        map_state=MapState.UNREADABLE,
    )


def _classes(label: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Five classes, the label first in most, later in some, absent in few."""
    others = random.permutation([each for each in range(len(CLASSES)) if each != label])
    rank = int(random.choice([0, 0, 0, 0, 1, 3, 5]))
    classes = np.insert(others, rank, label)[:5]
    return classes.astype(np.int64), np.linspace(9, 1, 5, dtype=np.float32)


def _maps(tensors: int, side: int, blob: float, random: np.random.Generator) -> np.ndarray:
    """A bump at a random place, with some noise; half floats with the largest at 1."""
    y, x = np.mgrid[0:side, 0:side] / side
    centre = random.uniform(0.3, 0.7, 2)
    bump = np.exp(-(((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * (blob / 2) ** 2)))
    found = bump[None] + random.uniform(0, 0.1, (tensors, side, side))
    return (found / found.max()).astype(np.float16)


def _centred(size: Size) -> np.ndarray:
    x, y = size.width * 0.145, size.height * 0.145
    return np.array([x, y, size.width - x, size.height - y])


def _write_files(made, maps, methods, protocol, dataset, keep_maps, changes) -> None:
    (made.path / "records").mkdir(parents=True)
    if maps:
        (made.path / "maps").mkdir()
    records = [record for each in made.records.values() for record in each]
    pq.write_table(to_table(records), made.path / "records" / "00000.parquet")
    for method, values in maps.items():
        np.save(made.path / "maps" / f"00000-{method}.npy", values)
    ids = list(dataset.class_ids)
    if changes.pop("other_data", False):
        ids = [f"other {each}" for each in ids]
    identity = {
        "arch": "vgg16",
        "weights": "caffe:/secret/folder/net.caffemodel",
        "weights_sha256": "0123456789abcdef" * 4,
        "preprocessing": {"size": SIDE},
        "dataset": dataset.name,
        "dataset_sha256": index_sha256(SimpleNamespace(examples=dataset.examples, class_ids=ids)),
        "images": len(dataset.examples),
        "classes": len(dataset.class_ids),
        "is_ilsvrc": False,
        "protocol": as_plain(asdict(protocol)),
        "methods": {method: f"layer of {method}" for method in maps or SIDES if method in methods},
        "baselines": ["center"] if "center" in methods else [],
        "sigma": 0.02,
        "keep_maps": keep_maps,
        "blacklist": 0,
    } | changes
    rows = [
        {
            "method": method,
            "title": TITLES[method],
            "arch": identity["arch"],
            "weights": identity["weights"],
        }
        for method in methods
    ]
    manifest = {
        "identity": identity,
        "settings": {"arch": identity["arch"], "data": str(made.data), "keep_maps": keep_maps},
        "versions": {"python": "3", "wsol_bench": "0"},
        "device": "cpu",
        "wnids": ids,
        "class_names": list(dataset.class_names),
        "result": {"rows": rows, "not_applicable": {"cam": "CAM needs <one> linear layer"}},
        "seconds": 3.0,
    }
    (made.path / "run.json").write_text(json.dumps(manifest))
