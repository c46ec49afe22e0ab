"""The table of layouts, and opening a dataset by its path."""

from pathlib import Path

from wsol_bench.datasets.dataset import ImageDataset, Selection
from wsol_bench.datasets.layouts.class_folders import CLASS_FOLDERS
from wsol_bench.datasets.layouts.flat import FLAT
from wsol_bench.datasets.layouts.kaggle import KAGGLE
from wsol_bench.datasets.layouts.layout import Layout
from wsol_bench.datasets.layouts.tar import TAR
from wsol_bench.datasets.scanning import folder_entries
from wsol_bench.errors import DataError, UsageError, unknown_name
from wsol_bench.runtime.names import shown

LAYOUTS: dict[str, Layout] = {
    "kaggle": KAGGLE,
    "class-folders": CLASS_FOLDERS,
    "flat": FLAT,
    "tar": TAR,
}
"""By name, in the order in which they are tried: unpacked images before the tar."""


def open_dataset(
    path: Path,
    layout: str | None = None,
    *,
    limit: int | None = None,
    allow_missing: bool = False,
    list_faults: bool = False,
) -> ImageDataset:
    """Opens a dataset; reads annotations, no image.

    Args:
        path: a folder, or a tar.
        layout: a name in `LAYOUTS`, or None to look at the path.
        limit: take the first so many images, sorted by id.
        allow_missing: go on without annotated images whose file is absent; the
            dataset's `missing` says how many.
        list_faults: go on without what is bad; the dataset's `faults` lists it.

    Raises:
        UsageError: an unknown layout, or a limit below 1.
        DataError: no such path, no layout fits, or the dataset is bad; the
            message names the file.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"a limit of {limit} leaves no image. Expected a whole number from 1 on.")
    if layout is not None and layout not in LAYOUTS:
        raise unknown_name("layout", layout, LAYOUTS)
    _require(path)
    candidates = LAYOUTS.values() if layout is None else (LAYOUTS[layout],)
    entry = next((each for each in candidates if each.recognises(path)), None)
    if entry is None:
        raise DataError(f"{_unrecognised(path, layout)} {_expected()}")
    return entry.load(path, Selection(limit, allow_missing, list_faults))


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
    return f"Expected one of these layouts (data/README.md says more):{''.join(lines)}"
