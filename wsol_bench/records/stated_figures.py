"""The figures that a manifest states, compared with the records that it describes.

Each of ILSVRC's errors is a count of images, so the two agree to the last digit or one of
them was edited.
"""

from collections.abc import Mapping
from math import isclose
from typing import Any

from wsol_bench.errors import DataError
from wsol_bench.protocols.catalog import ERRORS, Protocol
from wsol_bench.records.manifest import Manifest
from wsol_bench.records.run_folder import MANIFEST, RunFolder
from wsol_bench.records.table import SCORED, outcomes_of
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.scoring.measured import Measured, joined
from wsol_bench.scoring.metric import measure_all


def check_figures(
    folder: RunFolder, manifest: Manifest, rows: tuple[Mapping[str, Any], ...]
) -> None:
    """Checks the rows of a result that are this network's.

    Args:
        folder: of the network.
        manifest: its own.
        rows: of the run's result.

    Raises:
        DataError: a figure is not that of the records; names it and both values.
    """
    for row in rows:
        names = tuple(name for name in ERRORS if row.get(name) is not None)
        if names:
            found = _measured(folder, row["method"], manifest.identity.protocol, names)
            require_stated(folder, row, found)


def require_stated(
    folder: RunFolder, row: Mapping[str, Any], measured: Mapping[str, Measured]
) -> None:
    """Checks figures that were measured from the records of a run under its own protocol.

    Args:
        folder: of the network.
        row: of the run's result.
        measured: metric -> figure; those that the row does not state are ignored.

    Raises:
        DataError: a figure is not the one that the row states; names it and both values.
    """
    for name in ERRORS:
        stated, found = row.get(name), measured.get(name)
        if stated is None or found is None:
            continue
        value = found.value
        same = isinstance(stated, int | float) and value is not None
        if not (same and isclose(stated, value or 0.0, abs_tol=1e-9)):
            raise DataError(
                f"{folder.path / MANIFEST}: states {name} of {row['method']} as {stated}, and the "
                f"records give {value}. One of the two was edited or damaged. Put the original "
                "back, or run again into a new folder."
            )


def _measured(
    folder: RunFolder, method: str, protocol: Protocol, names: tuple[str, ...]
) -> dict[str, Measured]:
    metrics = metrics_in(names)
    pieces: dict[str, list[Measured]] = {}
    for table in folder.shards(method, SCORED):
        for name, figure in measure_all(metrics, outcomes_of(table, method), protocol).items():
            pieces.setdefault(name, []).append(figure)
    if not pieces:
        raise DataError(f"{folder.path}: holds no records of {method}.")
    return {name: joined(each) for name, each in pieces.items()}
