"""The sentences at the top of a report: what its figures say, and what they do not."""

from collections.abc import Iterator, Sequence

from wsol_bench.paired import Comparison
from wsol_bench.records import MapState
from wsol_bench.report.page_errors import METRIC_TITLES, ErrorTable
from wsol_bench.report.page_pairs import against_floor, apart_from_zero
from wsol_bench.report.page_runs import ReportRow, ReportRun

SUBJECT = "top1_loc"
"""The error that the sentences are about."""

MINUS = "\N{MINUS SIGN}"


def sentences(run: ReportRun) -> tuple[str, ...]:
    """What a reader should know of a run before any of its figures."""
    if not run.localized:
        return ("The blacklist leaves out every image, so localization has no figure.",)
    return (*_lowest(run), *_floor(run), *_degenerate(run), *_not_applicable(run))


def paper_sentence(table: ErrorTable) -> str:
    """How many of the paper's figures lie in our intervals, or why none is judged."""
    judged = table.judged
    inside = sum(bool(figure.inside) for figure in judged)
    if judged:
        lie = "lies" if inside == 1 else "lie"
        return (
            f"{inside} of the {len(judged)} figures that the paper has for these rows {lie} inside "
            "our 95 % intervals."
        )
    if any(block.run.identity["is_ilsvrc"] for block in table.blocks):
        return "The paper has no figure for these rows under these protocols, so none is judged."
    return (
        "The paper's figures are of ILSVRC; on other images there is nothing to hold ours against."
    )


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
    pairs = against_floor(run, SUBJECT)
    worse, better, alike = (
        [pair for pair in pairs if apart_from_zero(pair[1]) == sign] for sign in (1, -1, 0)
    )
    rate = run.floor.errors.top1_loc
    if worse:
        yield (
            f"The centred box, which never looks at the image, beats {_with_points(worse)}: its "
            f"{METRIC_TITLES[SUBJECT]} error is {rate.percent:.2f} %."
        )
    if alike:
        yield f"The centred box cannot be told apart from {_with_points(alike)} on these images."
    if better:
        verb = "beat" if len(better) > 1 else "beats"
        yield f"{_with_points(better)} {verb} the centred box ({rate.percent:.2f} %)."


def _with_points(pairs: Sequence[tuple[ReportRow, Comparison]]) -> str:
    return _joined([f"{row.title} ({points(comparison)})" for row, comparison in pairs])


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


def _degenerate(run: ReportRun) -> Iterator[str]:
    for row in run.rows:
        states = row.table["map_state"].to_pylist()
        counts = {state: states.count(str(state)) for state in MapState if state is not MapState.OK}
        odd = [f"{count:,} {state}" for state, count in counts.items() if count]
        if odd:
            yield (
                f"{row.title}: {_joined(odd)} of {len(states):,} maps say nothing; their box is "
                "the whole image, which is right wherever the object fills half of it."
            )


def _not_applicable(run: ReportRun) -> Iterator[str]:
    reasons: dict[str, str] = run.manifest["result"].get("not_applicable", {})
    for method, reason in reasons.items():
        yield f"{method}: not applicable. {reason.rstrip('.')}."


def _listed(rows: Sequence[ReportRow]) -> str:
    return _joined([row.title for row in rows])


def _joined(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
