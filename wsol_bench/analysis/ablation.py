"""How each figure changes when one choice of the protocol changes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from wsol_bench.analysis.rescore import passes_over_maps, rescore_each, with_rule
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.protocols.resample import KERNELS
from wsol_bench.records.opened_run import NetworkRecords, own_protocol
from wsol_bench.records.result import Result
from wsol_bench.runtime.progress import Progress, silent
from wsol_bench.scoring.catalog import metrics_of
from wsol_bench.scoring.metric import BoundMetric

THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
"""Multiples of the protocol's reference; the papers use 0.15 and 20 % of the maximum."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One changed choice.

    Attributes:
        choice: its name, such as "threshold".
        value: the changed value.
        is_own: whether this is the value of the run's protocol.
        result: the figures under it.
    """

    choice: str
    value: str
    is_own: bool
    result: Result


def ablate(
    networks: Sequence[NetworkRecords],
    metrics: Sequence[BoundMetric] = (),
    show: Callable[[int], AbstractContextManager[Progress]] = lambda passes: nullcontext(silent),
) -> list[Variant]:
    """Scores a run under its own protocol with one choice changed at a time.

    All variants share one pass over the records and maps.

    Args:
        networks: a run with kept maps.
        metrics: those to measure; default: the protocol's that a box can change.
        show: number of passes over a map -> a context that shows their progress.

    Raises:
        DataError: the run kept no maps.
    """
    own = own_protocol(networks[0])
    asked = metrics or [each for each in metrics_of(own) if "upsampling" in each.reads]
    moved = list(variants(own))
    protocols = list(dict.fromkeys(protocol for _, _, protocol in moved))
    with show(passes_over_maps(networks, protocols, asked)) as advance:
        results = rescore_each(networks, protocols, asked, advance=advance)
    of = dict(zip(protocols, results, strict=True))
    return [Variant(choice, value, each == own, of[each]) for choice, value, each in moved]


def variants(own: Protocol) -> Iterator[tuple[str, str, Protocol]]:
    """(choice, value, protocol) for every choice and value, the run's own included."""
    rule = own.box_rule
    for threshold in sorted({*THRESHOLDS, rule.threshold}):
        yield "threshold", f"{threshold:.3g}", with_rule(own, threshold=threshold)
    for upsampling in KERNELS:
        yield "upsampling", upsampling, with_rule(own, upsampling=upsampling)
    for connectivity in (8, 4):
        yield "connectivity", str(connectivity), with_rule(own, connectivity=connectivity)
    for component in ("largest", "peak", "all"):
        yield "component", component, with_rule(own, component=component)
    for inclusive in (False, True):
        convention = "off by one" if inclusive else "half-open"
        yield "IoU convention", convention, replace(own, inclusive=inclusive)
    for truth in ("any", "largest", "first"):
        yield "ground-truth box", truth, replace(own, truth=truth)
