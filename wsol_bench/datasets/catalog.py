"""The table of layouts, and opening a dataset by its path."""

from dataclasses import replace
from pathlib import Path

from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.layouts.bas_lists import BAS_LISTS
from wsol_bench.datasets.layouts.box_table import BOX_TABLE
from wsol_bench.datasets.layouts.class_folders import CLASS_FOLDERS
from wsol_bench.datasets.layouts.coco import COCO
from wsol_bench.datasets.layouts.cub import CUB
from wsol_bench.datasets.layouts.flat import FLAT
from wsol_bench.datasets.layouts.hugging_face import HUGGING_FACE
from wsol_bench.datasets.layouts.kaggle import KAGGLE
from wsol_bench.datasets.layouts.layout import Layout
from wsol_bench.datasets.layouts.tar import TAR
from wsol_bench.datasets.layouts.ts_cam_list import TS_CAM_LIST
from wsol_bench.datasets.layouts.voc import VOC
from wsol_bench.datasets.layouts.webdataset import WEBDATASET
from wsol_bench.datasets.layouts.wsol_metadata import WSOL_METADATA
from wsol_bench.datasets.scanning import folder_entries
from wsol_bench.datasets.selection import BOX_ENDS, BoxEnds, Selection
from wsol_bench.errors import DataError, UsageError, unknown_name
from wsol_bench.runtime.names import shown

__all__ = ["LAYOUTS", "open_dataset"]

OWN = "one file of the package and a line in its table (docs/how-to/add-a-dataset.md)"
"""How to read another layout, for messages."""

LAYOUTS: dict[str, Layout] = {
    "cub": CUB,
    "wsol-metadata": WSOL_METADATA,
    "voc": VOC,
    "coco": COCO,
    "box-table": BOX_TABLE,
    "ts-cam-list": TS_CAM_LIST,
    "bas-lists": BAS_LISTS,
    "hugging-face": HUGGING_FACE,
    "webdataset": WEBDATASET,
    "kaggle": KAGGLE,
    "class-folders": CLASS_FOLDERS,
    "flat": FLAT,
    "tar": TAR,
}
"""By name, in the order in which they are tried: layouts that rare names identify come first."""


def open_dataset(
    path: Path,
    layout: str | None = None,
    *,
    limit: int | None = None,
    allow_missing: bool = False,
    list_faults: bool = False,
    split: str | None = None,
    box_ends: str | None = None,
    images_needed: bool = True,
) -> ImageDataset:
    """Opens a dataset; reads annotations, no image.

    Args:
        path: a folder, a tar, or a table or list of boxes.
        layout: a name in `LAYOUTS`; default: recognised by the path's content.
        limit: take at most N images, the first by id.
        allow_missing: continue without annotated images whose file is absent; the
            dataset's `missing` counts them.
        list_faults: continue without what is bad; the dataset's `faults` lists it.
        split: such as "train"; default: the first of the layout's `splits`.
        box_ends: a name in `BOX_ENDS`; default: what the format or the file states.
        images_needed: False where only annotations are used, as for methods that need
            no network: images may then be absent.

    Raises:
        UsageError: an unknown layout, split or kind of box ends, or a limit below 1.
        DataError: no such path, no layout fits, or the dataset is bad; the
            message names the file.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"a limit of {limit} leaves no image. Expected a whole number from 1 on.")
    if layout is not None and layout not in LAYOUTS:
        raise unknown_name("layout", layout, LAYOUTS, OWN)
    _require(path)
    for name in LAYOUTS if layout is None else (layout,):
        if found := LAYOUTS[name].find(path):
            break
    else:
        raise DataError(f"{_unrecognised(path, layout)} {_expected()}")
    selection = Selection(
        limit=limit,
        allow_missing=allow_missing,
        list_faults=list_faults,
        split=_split(name, path, found, split),
        box_ends=_box_ends(name, box_ends),
        images_needed=images_needed,
    )
    entry = LAYOUTS[name]
    dataset = entry.load(path, found, selection)
    return replace(dataset, layout=name, corners=dataset.box_ends or entry.box_ends)


def _split(layout: str, path: Path, found: object, asked: str | None) -> str | None:
    splits = LAYOUTS[layout].splits(path, found)
    if asked is None:
        return splits[0] if splits else None
    if not splits:
        raise UsageError(
            f"--split {asked}: {shown(str(path))} has the layout {layout}, with one set of images "
            "only. Leave --split out."
        )
    if asked not in splits:
        raise unknown_name("split", asked, splits)
    return asked


def _box_ends(layout: str, asked: str | None) -> BoxEnds | None:
    if asked is None:
        return None
    if asked not in BOX_ENDS:
        raise unknown_name("kind of box ends", asked, BOX_ENDS)
    if not LAYOUTS[layout].takes_box_ends:
        raise UsageError(
            f"--box-ends {asked}: the layout {layout} states how its corners are meant. "
            "Leave --box-ends out."
        )
    return asked


def _require(path: Path) -> None:
    try:
        path.stat()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"cannot open the dataset {shown(str(path))}: {reason}. {_expected()}"
        ) from error


def _unrecognised(path: Path, layout: str | None) -> str:
    if path.is_dir() and not folder_entries(path):
        return f"the folder {shown(str(path))} is empty."
    which = "any known layout" if layout is None else f"the layout {layout!r}"
    return f"{shown(str(path))} does not have {which}."


def _expected() -> str:
    lines = (f"\n  {name}: {entry.description}" for name, entry in LAYOUTS.items())
    return (
        f"Expected one of these layouts (data/README.md describes them):{''.join(lines)}\n"
        "Your own images and boxes: box-table (docs/how-to/use-your-own-boxes.md)."
    )
