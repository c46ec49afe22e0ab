"""The content of a page, gathered from the runs before it is written as HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import ClassVar

from wsol_bench.analysis.run_table import TableRow, table_rows
from wsol_bench.analysis.scored_run import ReportRun
from wsol_bench.analysis.threshold_curves import error_curves
from wsol_bench.report.page.chart import Chart, charts_of
from wsol_bench.report.page.errors import ErrorTable, error_table
from wsol_bench.report.page.facts import Facts, facts_of
from wsol_bench.report.page.gallery import Gallery
from wsol_bench.report.page.groups import (
    ClassLine,
    FailureTable,
    GroupTable,
    class_lines,
    failure_table,
    group_tables,
)
from wsol_bench.report.page.pairs import PairTable, pair_tables, why_not_across
from wsol_bench.report.page.words import definitions, paper_sentence, sentences
from wsol_bench.runtime.progress import progress
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.scoring.ilsvrc import LOCALIZATION


@dataclass(frozen=True, slots=True)
class RunView:
    """One run as the page shows it.

    Attributes:
        run: the run.
        facts: the conditions of its figures.
        sentences: its summary.
        charts: of error against threshold; empty if no maps were kept.
        groups, failures: metric -> tables.
        classes: its errors by class.
        gallery: its images, or None.
        no_pictures: why there are none, or "".
    """

    run: ReportRun
    facts: Facts
    sentences: tuple[str, ...]
    charts: tuple[Chart, ...]
    groups: Mapping[str, tuple[GroupTable, ...]]
    failures: Mapping[str, FailureTable]
    classes: tuple[ClassLine, ...]
    gallery: Gallery | None = None
    no_pictures: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the templates read.

    Attributes:
        views: one per run.
        ranking: the rows of all runs in ascending order of their error; empty for one run.
        errors: the table of all runs.
        pairs: metric -> paired comparisons.
        definitions: of the terms in the summaries.
        across_note: why runs are not compared with each other, or "".
        paper_sentence: how our figures compare with the paper's.
        max_mb: the limit of the page's size.
        version: of the package.
        megabytes: the approximate size of the page.
        images: key -> data URI, for all galleries.
        metrics: errors of localization; the page shows one of them at a time.
    """

    views: tuple[RunView, ...]
    ranking: tuple[TableRow, ...]
    errors: ErrorTable
    pairs: Mapping[str, tuple[PairTable, ...]]
    definitions: tuple[tuple[str, str], ...]
    across_note: str
    paper_sentence: str
    max_mb: float
    version: str
    megabytes: str = "0.0"
    images: Mapping[str, str] = field(default_factory=dict)
    metrics: ClassVar[tuple[str, ...]] = LOCALIZATION

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes on the data, each once, with its runs if not all."""
        runs: dict[str, list[str]] = {}
        for view in self.views:
            if view.facts.note:
                runs.setdefault(view.facts.note, []).append(view.run.label)
        return tuple(
            note if len(labels) == len(self.views) else f"{', '.join(labels)}: {note}"
            for note, labels in runs.items()
        )

    @property
    def has_floor(self) -> bool:
        """Whether any run has the centred box."""
        return any(view.run.floor for view in self.views)

    @property
    def any_charts(self) -> bool:
        """Whether any run's maps could be thresholded at other values."""
        return any(view.charts for view in self.views)

    @property
    def any_pictures(self) -> bool:
        """Whether there is a gallery."""
        return any(view.gallery for view in self.views)

    @property
    def any_maps(self) -> bool:
        """Whether a gallery draws maps."""
        return any(view.gallery and view.run.keeps_maps for view in self.views)

    @property
    def any_masks(self) -> bool:
        """Whether a gallery draws ground-truth masks."""
        return any(view.gallery and view.run.manifest.data.has_masks for view in self.views)


def gather(runs: Sequence[ReportRun], max_mb: float, *, quiet: bool) -> Page:
    """The content of a page of these runs, without its images.

    Args:
        runs: at least one.
        max_mb: limit of the page's size, which the page states.
        quiet: show no progress.
    """
    errors = error_table(runs)
    return Page(
        views=tuple(_view(run, quiet) for run in runs),
        ranking=_ranking(runs),
        errors=errors,
        pairs={name: pair_tables(runs, name) for name in (*LOCALIZATION, *_others(runs))},
        definitions=definitions(runs),
        across_note=why_not_across(runs),
        paper_sentence=paper_sentence(errors),
        max_mb=max_mb,
        version=version("wsol_bench"),
    )


def _others(runs: Sequence[ReportRun]) -> tuple[str, ...]:
    """The metrics shown beside the errors of localization that depend on the row, not the network.

    Those errors are always on the page: its charts, outcomes and pictures are about them.
    """
    shown = {each.name: each for run in runs for each in run.metrics}
    return tuple(
        name
        for name, each in shown.items()
        if name not in LOCALIZATION and each.metric.needs != {"classes"}
    )


def _ranking(runs: Sequence[ReportRun]) -> tuple[TableRow, ...]:
    if len(runs) < 2:
        return ()
    return table_rows(runs, metrics_in(LOCALIZATION), sort=LOCALIZATION[0])


def _view(run: ReportRun, quiet: bool) -> RunView:
    maps = run.n * sum(row.keeps_maps for row in run.rows)
    with progress(f"Thresholds, {run.label}", maps, quiet=quiet, unit="maps") as advance:
        curves = error_curves(run, advance)
    return RunView(
        run=run,
        facts=facts_of(run),
        sentences=sentences(run),
        charts=charts_of(curves, run.protocol) if curves else (),
        groups={name: group_tables(run, name) for name in (*LOCALIZATION, *_others([run]))},
        failures={metric: failure_table(run, metric) for metric in LOCALIZATION},
        classes=class_lines(run),
    )
