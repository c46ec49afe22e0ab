"""The command that measures what localization costs: parse, call, print."""

from typing import Annotated

from cyclopts import Parameter

from wsol_bench.errors import UsageError
from wsol_bench.runtime.flag_values import WHOLE
from wsol_bench.settings import DEFAULT_DATA, names_in


def bench(
    *,
    arch: str = "vgg16",
    topology: str | None = None,
    weights: str | None = None,
    device: str = "auto",
    batch_size: str = "8",
    rounds: Annotated[int, WHOLE] = 5,
    against: str = "",
    parts: str | None = None,
    data: Annotated[str, Parameter(env_var="WSOL_BENCH_DATA")] = DEFAULT_DATA,
    limit: Annotated[int, WHOLE] = 32,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> None:
    """Measure what localization costs, in forward passes of the same network.

    For example:
        wsol-bench bench --arch vgg16,googlenet --parts core

    Parameters
    ----------
    arch
        Comma-separated networks, or "all" for those of Table 1.
    topology
        A topology of that arch, with random weights (see: list archs). Default: Caffe's.
    weights
        A value of run --weights, instead of random weights.
    device
        auto, cpu, cuda, cuda:1, mps.
    batch_size
        Images per pass; comma-separated for several.
    rounds
        Interleaved repeats; the output gives median, minimum and maximum.
    against
        Comma-separated libraries that make the same maps: captum, grad-cam, torchcam.
    parts
        Comma-separated; default: core,startup. core (Grad-CAM, and three
        methods together), startup (seconds of commands), methods (each alone and together), images
        (decoding, resizing, boxes), operations (counted, not timed), pipeline (against a
        bare loop of decode, resize, forward), sweep (boxes at 1,000 thresholds); or all.
    data
        Folder or tar with images and boxes, or "demo".
    limit
        At most N of its images for the pipeline.
    as_json
        One JSON object on stdout instead of the tables.
    """
    from wsol_bench.bench.case import BenchSettings
    from wsol_bench.bench.measure import ALL_PARTS, QUICK_PARTS
    from wsol_bench.bench.printing import print_bench

    settings = BenchSettings(
        archs=names_in(arch),
        topology=topology,
        weights=weights,
        device=device,
        batches=_numbers_in("--batch-size", batch_size),
        rounds=rounds,
        against=names_in(against),
        parts={None: QUICK_PARTS, "all": ALL_PARTS}.get(parts) or names_in(parts or ""),
        data=data,
        limit=limit,
    )
    print_bench(settings, as_json=as_json)


def _numbers_in(flag: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in names_in(text))
    except ValueError:
        raise UsageError(f"{flag} {text}: expected whole numbers, such as 8 or 8,16.") from None
