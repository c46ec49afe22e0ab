"""What `export` writes: a run's boxes in the forms of outside scorers."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa

from wsol_bench.coco import coco_results, image_numbers_of, write_coco
from wsol_bench.datasets.devkit_ids import DevkitIds, devkit_ids
from wsol_bench.devkit import write_predictions
from wsol_bench.errors import find
from wsol_bench.guesses import Corners, Guesses, guesses_of
from wsol_bench.progress import say
from wsol_bench.rescore import open_parts


def export_run(path: Path, out: Path, method: str, form: str, class_map: Path | None) -> None:
    """Writes one method's boxes of a run to a file.

    Raises:
        UsageError: the run has no such method.
        DataError: no run lies there, or a file cannot be read or written.
    """
    carriers = {name: part for part in open_parts(path) for name in part.methods}
    part = find("method of this run", method, carriers)
    table = part.of(method)
    ids = devkit_ids(part.folder.manifest()["wnids"], class_map)
    boxes = class_boxes_of(table)
    if boxes is None:
        say(
            "The run kept the box of the label's class only; other classes get an empty box, "
            "which changes no error. --boxes top5 makes all five."
        )
    guesses = guesses_of(table, method, boxes, empty_others=boxes is None)
    FORMS[form](guesses, table, out, ids)


def class_boxes_of(table: pa.Table) -> dict[str, dict[int, Corners]] | None:
    """Image id -> class -> box, where the run made one for each of its best classes."""
    found = {}
    columns = (table[name].to_pylist() for name in ("image_id", "classes", "class_boxes"))
    for image_id, classes, flat in zip(*columns, strict=True):
        if not flat:
            return None
        corners = [tuple(flat[at : at + 4]) for at in range(0, len(flat), 4)]
        found[image_id] = dict(zip(classes, corners, strict=True))
    return found


def _devkit(guesses: Guesses, table: pa.Table, out: Path, ids: DevkitIds) -> None:
    write_predictions(guesses, out, ids)


def _coco(guesses: Guesses, table: pa.Table, out: Path, ids: DevkitIds) -> None:
    write_coco(coco_results(guesses, image_numbers_of(table), ids.ids), out)


FORMS: Mapping[str, Callable[[Guesses, pa.Table, Path, DevkitIds], None]] = MappingProxyType(
    {"devkit": _devkit, "coco": _coco}
)
