"""The sentences at the top of a report: what its figures say, and what they do not."""

from collections.abc import Iterator, Sequence

from wsol_bench.analysis.paired import Comparison
from wsol_bench.analysis.scored_run import ReportRow, ReportRun
from wsol_bench.boxes.map_state import MapState
from wsol_bench.datasets.statistics import CENTRED_SIDE
from wsol_bench.report.page.errors import ErrorTable
from wsol_bench.report.page.pairs import Finding, against_floor, all_images, finding, joined
from wsol_bench.runtime.names import first_names
from wsol_bench.scoring.ilsvrc import METRIC_TITLES

SUBJECT = "top1_loc"
"""The error that the sentences are about."""

MINUS = "\N{MINUS SIGN}"

TELLING = 10.0
"""Half an interval wider than so many points leaves too much inside to tell anything."""


def definitions(runs: Sequence[ReportRun]) -> tuple[tuple[str, str], ...]:
    """(term, what it means) of what the first sentences speak of."""
    least = joined(list(dict.fromkeys(f"{run.protocol.iou:g}" for run in runs)))
    found = [
        (
            METRIC_TITLES["top1_loc"],
            "the network's first class is the image's label, and the box drawn for the label has "
            f"an IoU of at least {least} with a true box. The error is the share of images where "
            "that fails.",
        ),
        (
            METRIC_TITLES["gt_known_loc"],
            "the box alone, whatever class the network predicts.",
        ),
    ]
    if any(run.floor for run in runs):
        side = f"{CENTRED_SIDE:g}"
        found.append(
            (
                "centred box",
                f"a box of {side} W × {side} H in the middle, half of the image; it never looks at "
                "the image.",
            )
        )
    return tuple(found)


def sentences(run: ReportRun) -> tuple[str, ...]:
    """What a reader should know of a run before any of its figures."""
    damaged = tuple(_unreadable(run))
    if not run.localized:
        nothing = "The blacklist leaves out every image, so localization has no figure."
        return (nothing, *damaged)
    return (*_lowest(run), *_floor(run), *damaged, *_degenerate(run), *_not_applicable(run))


def unreadable_words(run: ReportRun) -> str:
    """How many images could not be read, and what that means; "" where all could."""
    n = len(run.unreadable)
    if not n:
        return ""
    if n == 1:
        return "1 image could not be read and counts as wrong"
    return f"{n:,} images could not be read and count as wrong"


def paper_sentence(table: ErrorTable) -> str:
    """How many of the paper's figures lie in our intervals, or why none is judged.

    A figure that stands in several rows of a run, as the classification error of one
    network does, is one figure; it lies inside where it does so in all of them.
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
            "The paper's figures for these rows fit another protocol. They stand in the table in "
            "grey, and none is judged."
        )
    if any(block.run.identity["is_ilsvrc"] for block in table.blocks):
        return "The paper has no figure for these rows, so none is judged."
    return (
        "The paper's figures are of ILSVRC; on other images there is nothing to hold ours against."
    )


def _judged(inside: int, of: int, widest: float, table: ErrorTable) -> str:
    sizes = joined(list(dict.fromkeys(f"{block.run.n:,}" for block in table.blocks)))
    figures, lie = ("figure", "lies") if of == 1 else ("different figures", "lie")
    count = f"{inside} of the {of} {figures} that the paper has for these rows {lie} inside our"
    found = (
        f"{count} 95 % intervals (n = {sizes}; the widest reaches {widest:.1f} points each way)."
    )
    if widest <= TELLING:
        return found
    return f"{found} That is too few images to tell whether ours are the paper's."


def _lowest(run: ReportRun) -> Iterator[str]:
    rows = [row for row in run.rows if row.has_map]
    if not rows:
        return
    least = min(row.errors.top1_loc.wrong for row in rows)
    first = [row for row in rows if row.errors.top1_loc.wrong == least]
    rate = first[0].errors.top1_loc
    interval = rate.interval()
    have = "have" if len(first) > 1 else "has"
    yield (
        f"Of the methods that make maps, {_listed(first)} {have} the lowest "
        f"{METRIC_TITLES[SUBJECT]} error: {rate.percent:.2f} % (95 % interval "
        f"{interval.low:.1f}–{interval.high:.1f}, n = {rate.n:,})."
    )


def _floor(run: ReportRun) -> Iterator[str]:
    """Where the centred box stands among the methods, by paired differences."""
    if run.floor is None:
        yield "The run has no centred box, so how much of this a fixed box could do is not known."
        return
    rate = run.floor.errors.top1_loc
    yield f"The centred box has a {METRIC_TITLES[SUBJECT]} error of {rate.percent:.2f} %."
    for row, comparison in against_floor(run, SUBJECT):
        yield against_words(row.title, comparison)


def against_words(title: str, comparison: Comparison) -> str:
    """How a method stands to the centred box.

    Args:
        title: of the method.
        comparison: the method minus the centred box.
    """
    difference = comparison.difference
    found = finding(comparison)
    if found is Finding.SAME:
        return f"{title} and the centred box: the same verdict on {all_images(difference.n)}."
    if found is Finding.OPEN:
        return f"{title} is not told apart from the centred box ({points(comparison)})."
    ends = (difference.interval.low, difference.interval.high)
    low, high = ends if difference.percent > 0 else (-ends[1], -ends[0])
    span = f"{unsigned(low)} to {unsigned(high)}"
    more = "more" if difference.percent > 0 else "fewer"
    text = (
        f"{title} makes {abs(difference.percent):.1f} points {more} errors than the centred box "
        f"({span})"
    )
    if found is Finding.FEWER:
        return f"{text}."
    return f"{text}, but not after Holm's correction (p = {comparison.p_holm:.2f})."


def points(comparison: Comparison) -> str:
    """A paired difference with its interval, in points."""
    difference = comparison.difference
    low, high = (signed(end) for end in (difference.interval.low, difference.interval.high))
    return f"{signed(difference.percent)} points, {low} to {high}"


def signed(value: float, places: int = 1) -> str:
    """A number with its sign, a true minus; one that rounds to 0 has none."""
    text = f"{abs(value):.{places}f}"
    if float(text) == 0:
        return text
    return f"{MINUS if value < 0 else '+'}{text}"


def unsigned(value: float, places: int = 1) -> str:
    """A number with a true minus, and no sign where it is positive."""
    return signed(value, places).removeprefix("+")


def _unreadable(run: ReportRun) -> Iterator[str]:
    words = unreadable_words(run)
    if words:
        yield f"{words}: {first_names(run.unreadable)}."


_SILENT = (MapState.ZERO, MapState.CONSTANT, MapState.EMPTY)
"""Maps that were made and say nothing."""


def _degenerate(run: ReportRun) -> Iterator[str]:
    for row in run.rows:
        states = row.table["map_state"].to_pylist()
        counts = {state: states.count(str(state)) for state in _SILENT}
        odd = [f"{count:,} {state}" for state, count in counts.items() if count]
        if odd:
            one = sum(counts.values()) == 1
            says, box = ("says", "its box is") if one else ("say", "their boxes are")
            yield (
                f"{row.title}: {joined(odd)} of {len(states):,} maps {says} nothing; {box} "
                "the whole image, which is right wherever the object fills half of it."
            )


def _not_applicable(run: ReportRun) -> Iterator[str]:
    reasons: dict[str, str] = run.manifest["result"].get("not_applicable", {})
    for method, reason in reasons.items():
        yield f"{method}: not applicable. {reason.rstrip('.')}."


def _listed(rows: Sequence[ReportRow]) -> str:
    return joined([row.title for row in rows])
