"""One file of a small dataset of each layout, damaged or with odd values in it.

The first line of the bytes names the file, so that one input is all that a finding needs.
"""

import re
import sys
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path

import numpy as np
from fuzz_bytes import damaged, odd
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))

import layout_writers as writers

from wsol_bench.datasets.annotations import MAX_COORDINATE
from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.errors import DataError

LAYOUTS = (
    *("cub", "wsol-metadata", "voc", "coco", "box-table", "ts-cam-list", "bas-lists"),
    *("hugging-face", "webdataset"),
)
IMAGES = (".jpg", ".JPEG", ".png")
TOKENS = (
    *("", "0", "-1", "1", "7", "2", "nan", "inf", "-inf", "1e309", "1000001", "1_0", "0x10"),
    *("9" * 400, "\u0663", "null", "true", "[]", "{}", '"', "'", ",", ";", "\\", "/", "../x"),
    *("n01440764", "n99999999", "\x1b[2J", "\u202e", "é", "half-open", "a.jpg", "\x00", "1.5"),
)
TOKEN = re.compile(rb"[^\s,;:{}\[\]<>]+")


def files_of(layout: str, root: Path) -> dict[str, bytes]:
    """The files of a valid dataset that are no images."""
    writers.WRITERS[layout](root)
    paths = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in paths
        if path.suffix not in IMAGES
    }


@st.composite
def retold(draw: st.DrawFn, valid: bytes) -> bytes:
    """Text with some of its words replaced, or lines taken out or doubled."""
    lines = valid.splitlines(keepends=True)
    if lines and odd(draw, 4):
        at = draw(st.integers(0, len(lines) - 1))
        lines[at : at + 1] = draw(st.sampled_from(([], [lines[at]] * 2, lines[::-1])))
    text = b"".join(lines)
    for _ in range(draw(st.integers(0, 3))):
        words = list(TOKEN.finditer(text))
        if words:
            word = draw(st.sampled_from(words))
            new = draw(st.sampled_from(TOKENS)).encode("utf-8")
            text = text[: word.start()] + new + text[word.end() :]
    return text


def content_of(files: Mapping[str, bytes]) -> st.SearchStrategy[bytes]:
    """The name of a file on the first line, then what it holds."""

    def one(name: str) -> st.SearchStrategy[bytes]:
        valid = files[name]
        kinds = [damaged(st.just(valid)), st.binary(max_size=200)]
        if not name.endswith((".parquet", ".tar")):
            kinds += [retold(valid), retold(valid), retold(valid)]
        return st.one_of(*kinds).map(lambda content: name.encode() + b"\n" + content)

    return st.sampled_from(sorted(files)).flatmap(one)


def reader_of(
    layout: str,
    files: Mapping[str, bytes],
    expect: Callable[[object, str], None],
    check_message: Callable[[str, Path], None],
) -> Callable[[Path], bool]:
    """Opens the dataset with the one file; whether some of it was refused."""

    def read(path: Path) -> bool:
        name, _, content = path.read_bytes().partition(b"\n")
        root = path.with_name(path.name + ".d")
        if not root.exists():
            writers.WRITERS[layout](root)
        changed = root / name.decode()
        try:
            changed.write_bytes(content)
            try:
                dataset = open_dataset(root, layout, allow_missing=True, list_faults=True)
            except DataError as error:
                if "does not have the layout" in str(error):
                    return True
                raise
            for fault in dataset.faults:
                check_message(fault, path)
            _check(dataset, expect)
            return bool(dataset.faults or dataset.missing)
        finally:
            changed.write_bytes(files[name.decode()])

    return read


def _check(dataset: ImageDataset, expect: Callable[[object, str], None]) -> None:
    keys = [(example.image_id, example.label) for example in dataset.examples]
    expect(keys == sorted(set(keys)), "examples out of order or twice")
    present = dataset.images.ids()
    for example in dataset.examples:
        boxes = example.boxes
        expect(boxes.ndim == 2 and boxes.shape[1] == 4, f"boxes {boxes.shape}")
        expect(len(boxes) or dataset.has_masks, "neither a box nor a mask")
        expect(all(map(isfinite, boxes.ravel())), f"boxes {boxes}")
        expect(np.all(boxes[:, :2] < boxes[:, 2:]), f"boxes {boxes}")
        expect(np.abs(boxes).max(initial=0) <= 2 * MAX_COORDINATE + 1, f"boxes {boxes}")
        expect(0 <= example.label < len(dataset.class_ids), f"label {example.label}")
        expect(example.size is None or min(example.size) >= 1, f"size {example.size}")
        expect(example.image_id in present, f"no image {example.image_id!r}")
        expect(isinstance(dataset.images.read(example.image_id), bytes), "no bytes")
        if dataset.has_masks:
            masks = dataset.masks(example)
            expect(not (masks.ignore & masks.ground_truth).any(), "ignored ground truth")
    for skipped in dataset.skipped:
        expect(skipped.name.isprintable() and skipped.reason.isprintable(), f"{skipped}")
