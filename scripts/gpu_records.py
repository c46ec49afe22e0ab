"""The records of all methods on one device against another, for scripts/gpu_check.sh."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from wsol_bench.bench.counted_costs import FEW_PASSES
from wsol_bench.errors import RunError
from wsol_bench.methods.catalog import METHODS, find_methods
from wsol_bench.records.run_folder import RunFolder
from wsol_bench.records.table import boxes_of
from wsol_bench.runs.evaluate import evaluate
from wsol_bench.settings import RunSettings

_NAMED = 3
"""Images named per method."""


def correctness_lines(
    settings: RunSettings, device: torch.device, limit: int, many: int, folder: Path
) -> Iterator[str]:
    """Compares the device with the CPU, a run with its repeat, and two workers with one.

    Args:
        settings: the network, weights and images.
        device: to check. Where it is the CPU, it is compared with itself at another batch size.
        limit: images for the methods of one pass.
        many: images for those of many passes; 0 leaves these out.
        folder: for the runs.

    Raises:
        RunError: records differ that have to be equal to the bit.
    """
    rows = find_methods(METHODS)
    one_pass = tuple(row.name for row in rows if row.passes is None)
    several = tuple(FEW_PASSES.get(row.name, row.name) for row in rows if row.passes is not None)
    settings = replace(settings, methods=one_pass, limit=limit, batch_size=8, device=str(device))
    on_cpu = device.type == "cpu"
    reference = replace(settings, device="cpu", batch_size=1 if on_cpu else 8)
    what = "batches of 8 against 1, both on the CPU" if on_cpu else f"{device} against the CPU"
    rest = f"; of methods of many passes {many}" if many else ""
    yield f"{what}, {limit} images{rest}"
    groups = [("one", {}), ("many", {"methods": several})]
    for name, each in groups if many else groups[:1]:
        number = {"limit": many} if each else {}
        there = records_in(replace(reference, **each, **number), folder / f"{name}-reference")
        here = records_in(replace(settings, **each, **number), folder / f"{name}-device")
        yield from box_lines(here, there)
    again = replace(settings, deterministic=True, limit=min(limit, 32))
    first, second = (records_in(again, folder / f"again-{at}") for at in (1, 2))
    yield equal_line("two runs under --deterministic", first, second)
    two = replace(again, workers=2, gpus_per_worker=None if on_cpu else 0.5)
    yield equal_line("two workers on the device and one", first, records_in(two, folder / "two"))


def records_in(settings: RunSettings, out: Path) -> pa.Table:
    """The records of a run into a folder."""
    evaluate(replace(settings, out=out), quiet=True)
    return RunFolder(out).read()


def box_lines(here: pa.Table, there: pa.Table) -> Iterator[str]:
    """A line per method: how its boxes in one table compare with those in the other.

    Raises:
        RunError: the tables are of other images or methods.
    """
    methods, ids = np.array(here["method"]), np.array(here["image_id"])
    if (
        methods.tolist() != there["method"].to_pylist()
        or ids.tolist() != there["image_id"].to_pylist()
    ):
        raise RunError("the two runs have records of other images or methods")
    apart = np.abs(boxes_of(here) - boxes_of(there)).max(axis=1)
    for method in dict.fromkeys(methods.tolist()):
        of = methods == method
        equal, near = 100 * (apart[of] == 0).mean(), 100 * (apart[of] <= 1).mean()
        far = [
            f"{name} ({by:.0f} px)" for name, by in zip(ids[of], apart[of], strict=True) if by > 1
        ]
        more = f" and {len(far) - _NAMED} more" if len(far) > _NAMED else ""
        named = f"; further apart: {', '.join(far[:_NAMED])}{more}" if far else ""
        yield f"{method}: boxes equal {equal:.1f} %, within a pixel {near:.1f} %{named}"


def equal_line(what: str, first: pa.Table, second: pa.Table) -> str:
    """Says that two tables are equal to the bit.

    Raises:
        RunError: they differ.
    """
    if not first.equals(second):
        raise RunError(f"{what}: the records differ")
    return f"{what}: the records are equal to the bit"
