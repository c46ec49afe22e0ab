"""The sentences at the top of a report: what its figures show, and what they do not."""

from collections.abc import Iterator, Sequence

from wsol_bench.analysis.paired import PairedComparison
from wsol_bench.analysis.scored_run import ReportRun
from wsol_bench.boxes.map_state import MapState
from wsol_bench.geometry import CENTRED_SHARE
from wsol_bench.report.page.errors import ErrorTable
from wsol_bench.report.page.pairs import Finding, against_floor, all_images, finding, joined
from wsol_bench.runtime.names import first_names
from wsol_bench.scoring.catalog import title_of
from wsol_bench.scoring.intervals import MAX_HALF_WIDTH

METRIC = "top1_loc"
"""The error that the sentences report."""

MINUS = "\N{MINUS SIGN}"


def definitions(runs: Sequence[ReportRun]) -> tuple[tuple[str, str], ...]:
    """(term, definition) for the terms of the first sentences."""
    minimum = joined(list(dict.fromkeys(f"{run.protocol.iou:g}" for run in runs)))
    found = [
        (
            title_of("top1_loc", (run.protocol for run in runs)),
            "the network's best class is the image's label, and the predicted box for the label "
            f"has an IoU of at least {minimum} with a ground-truth box. The error is the "
            "percentage of images for which this does not hold.",
        ),
        (
            title_of("gt_known_loc", (run.protocol for run in runs)),
            "the box alone counts, whatever class the network predicts.",
        ),
    ]
    if any(run.floor for run in runs):
        side = f"{CENTRED_SHARE:g}"
        found.append(
            (
                "centred box",
                f"a box of {side} W × {side} H in the centre, half of the image, the same for "
                "every image.",
            )
        )
    return tuple(found)


def sentences(run: ReportRun) -> tuple[str, ...]:
    """Remarks on a run that precede its figures."""
    unreadable = tuple(_unreadable(run))
    if not run.localized:
        nothing = "Every image is blacklisted, so there is no localization error."
        return (nothing, *unreadable)
    return (*_lowest(run), *_floor(run), *unreadable, *_degenerate(run), *_not_applicable(run))


def unreadable_words(run: ReportRun) -> str:
    """How many images could not be read and count as wrong; "" if all could."""
    n = len(run.unreadable)
    if not n:
        return ""
    if n == 1:
        return "1 image could not be read and counts as wrong"
    return f"{n:,} images could not be read and count as wrong"


def paper_sentence(table: ErrorTable) -> str:
    """How many of the paper's figures lie in our intervals, or why they are not compared.

    A figure in several rows of a run, such as the classification error of a network, is
    counted once; it lies inside if it does so in all rows.
    """
    found: dict[tuple[str, str, float], bool] = {}
    widest = 0.0
    for each in table.judged:
        key = (each.run, each.metric, each.figure.percent)
        found[key] = found.get(key, True) and bool(each.figure.inside)
        widest = max(widest, (each.interval.high - each.interval.low) / 2)
    if found:
        return _judged(sum(found.values()), len(found), widest, table)
    if table.unjudged:
        return (
            "The paper's figures for these rows were measured under another protocol. The table "
            "shows them in grey, without comparison."
        )
    if any(block.run.identity.is_ilsvrc for block in table.blocks):
        return "The paper has no figures for these rows."
    return "The paper's figures were measured on ILSVRC and cannot be compared with these images."


def _judged(inside: int, of: int, widest: float, table: ErrorTable) -> str:
    sizes = joined(list(dict.fromkeys(f"{block.run.n:,}" for block in table.blocks)))
    figures, lie = ("figure", "lies") if of == 1 else ("different figures", "lie")
    count = f"{inside} of the {of} {figures} that the paper has for these rows {lie} inside our"
    found = f"{count} 95 % intervals (n = {sizes}; the widest is ±{widest:.1f} percentage points)."
    if widest <= MAX_HALF_WIDTH:
        return found
    return f"{found} These are too few images to conclude that our figures agree with the paper's."


def _lowest(run: ReportRun) -> Iterator[str]:
    rows = [row for row in run.rows if row.has_map]
    if not rows:
        return
    errors = [row.figures[METRIC].value or 0.0 for row in rows]
    first = [row for row, error in zip(rows, errors, strict=True) if error == min(errors)]
    lowest = first[0].figures[METRIC]
    have = "have" if len(first) > 1 else "has"
    yield (
        f"Of the methods that make maps, {joined([row.title for row in first])} {have} the lowest "
        f"{run.title_of(METRIC)} error: {lowest.value:.2f} % (95 % interval "
        f"{lowest.low:.1f}–{lowest.high:.1f}, n = {lowest.n:,})."
    )


def _floor(run: ReportRun) -> Iterator[str]:
    """How each method compares with the centred box, by paired differences."""
    if run.floor is None:
        yield "The run has no centred box, so these errors cannot be compared with a fixed box."
        return
    floor = run.floor.figures[METRIC].value
    yield f"The centred box has a {run.title_of(METRIC)} error of {floor:.2f} %."
    for row, comparison in against_floor(run, METRIC):
        yield against_words(row.title, comparison)


def against_words(title: str, comparison: PairedComparison) -> str:
    """How a method compares with the centred box.

    Args:
        title: of the method.
        comparison: the method minus the centred box.
    """
    difference = comparison.difference
    found = finding(comparison)
    if found is Finding.SAME:
        return f"{title} and the centred box agree on {all_images(difference.n)}."
    if found is Finding.OPEN:
        return f"{title} and the centred box do not differ significantly ({points(comparison)})."
    ends = (difference.interval.low, difference.interval.high)
    low, high = ends if difference.percent > 0 else (-ends[1], -ends[0])
    span = f"{unsigned(low)} to {unsigned(high)}"
    more = "more" if difference.percent > 0 else "fewer"
    text = (
        f"{title} makes {abs(difference.percent):.1f} percentage points {more} errors than the "
        f"centred box ({span})"
    )
    if found is Finding.FEWER:
        return f"{text}."
    return f"{text}; not significant after Holm's correction (p = {comparison.p_holm:.2f})."


def points(comparison: PairedComparison) -> str:
    """A paired difference with its interval, in percentage points."""
    difference = comparison.difference
    low, high = (signed(end) for end in (difference.interval.low, difference.interval.high))
    return f"{signed(difference.percent)} percentage points, {low} to {high}"


def signed(value: float, places: int = 1) -> str:
    """A number with its sign (U+2212 for minus); one that rounds to 0 has none."""
    text = f"{abs(value):.{places}f}"
    if float(text) == 0:
        return text
    return f"{MINUS if value < 0 else '+'}{text}"


def unsigned(value: float, places: int = 1) -> str:
    """A number with U+2212 for minus, and no sign if it is positive."""
    return signed(value, places).removeprefix("+")


def _unreadable(run: ReportRun) -> Iterator[str]:
    words = unreadable_words(run)
    if words:
        yield f"{words}: {first_names(run.unreadable)}."


_DEGENERATE = (MapState.ZERO, MapState.CONSTANT, MapState.EMPTY)
"""States of maps that hold no evidence."""


def _degenerate(run: ReportRun) -> Iterator[str]:
    for row in run.rows:
        states = row.table["map_state"].to_pylist()
        counts = {state: states.count(str(state)) for state in _DEGENERATE}
        odd = [f"{count:,} {state}" for state, count in counts.items() if count]
        if odd:
            one = sum(counts.values()) == 1
            are, box = ("is", "its box is") if one else ("are", "their boxes are")
            yield (
                f"{row.title}: {joined(odd)} of {len(states):,} maps {are} degenerate; {box} the "
                "whole image, which is right if the object fills half of it."
            )


def _not_applicable(run: ReportRun) -> Iterator[str]:
    reasons: dict[str, str] = (run.manifest.result or {}).get("not_applicable", {})
    for method, reason in reasons.items():
        yield f"{method}: not applicable. {reason.rstrip('.')}."
