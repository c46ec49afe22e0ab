"""Maps as files, one per image, for other programs and for `--methods maps:DIR`.

`write_maps` writes `NAME.npy`, float32, at the resolution at which the method makes the map.
`write_scoremaps` writes what wsolevaluation reads: the map on a square of 224 x 224, scaled to
0..1, under the image's own path, such as `val/ILSVRC2012_val_00000001.JPEG.npy`.

Source: Choe et al. 2020; the authors' code, inference.py, `CAMComputer.compute_and_evaluate_cams`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsol_bench.errors import UsageError
from wsol_bench.geometry import Size, Window
from wsol_bench.records.opened_run import NetworkRecords, joined_maps, window_of
from wsol_bench.runtime.files import writing_file
from wsol_bench.runtime.names import shown
from wsol_bench.scoring.scoremap import scoremap

_ANY = Size(300, 400)
"""A size by which a view shows whether its maps cover the whole image."""


def write_maps(records: NetworkRecords, method: str, folder: Path) -> int:
    """Writes the kept maps of a method, joined by the view, as `NAME.npy`; returns their number."""
    return _write(records, method, folder, lambda image_id: image_id, lambda values: values)


def write_scoremaps(
    records: NetworkRecords, method: str, folder: Path, paths: Mapping[str, str]
) -> int:
    """Writes the maps of a method as wsolevaluation reads them; returns their number.

    Args:
        records: of one network, with kept maps.
        method: a row that makes maps.
        folder: the root of the maps.
        paths: image id -> the image's path as wsolevaluation's metadata names it.
    """
    return _write(
        records,
        method,
        folder,
        lambda image_id: paths.get(image_id, image_id),
        lambda values: scoremap(values).astype(np.float32),
    )


def _write(
    records: NetworkRecords,
    method: str,
    folder: Path,
    name_of: Callable[[str], str],
    form: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> int:
    """Writes a file per image.

    Raises:
        UsageError: the method makes no maps, or its maps do not show the whole image.
        DataError: no maps were kept, or a file cannot be written.
    """
    if not records.has_map(method):
        raise UsageError(f"export: {method} makes no maps. Name a row that does with --methods.")
    if window_of(records.identity, _ANY) != Window.whole(_ANY):
        raise UsageError(
            f"export: under the view {records.identity.protocol.view} a map shows only a part of "
            "the image, and a file is read as the whole of it. Run under a protocol that warps the "
            "image."
        )
    ids = records.of(method, ("image_id",))["image_id"].to_pylist()
    for image_id, values in zip(ids, joined_maps(records, method), strict=True):
        path = folder / f"{name_of(image_id)}.npy"
        with writing_file(shown(str(path))):
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, form(values), allow_pickle=False)
    return len(ids)
