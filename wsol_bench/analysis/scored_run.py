"""The runs of a report: opened, scored from their records, and labelled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from wsol_bench.analysis.pieces import images_of, measured_in_pieces
from wsol_bench.analysis.row_images import RowImages
from wsol_bench.errors import DataError, UsageError
from wsol_bench.protocols.catalog import ERRORS, Protocol
from wsol_bench.records.manifest import Identity, Manifest
from wsol_bench.records.opened_run import NetworkRecords, open_rows, own_protocol, run_folders
from wsol_bench.records.table import localized_in, unreadable_in
from wsol_bench.scoring.catalog import metrics_in, metrics_of, title_of
from wsol_bench.scoring.measured import Measured
from wsol_bench.scoring.metric import BoundMetric

FLOOR = "center"
"""The method whose row is the line through every other row."""


@dataclass(frozen=True)
class ReportRow:
    """One method of a run.

    Attributes:
        method: its name.
        title: as a paper's table writes it, with the arch where it is not the run's.
        arch: the network that supports it.
        network: the records' network, and where they lie.
        figures: metric -> figure, measured from its records and maps.
        images: gives the images of its records, for comparisons with other rows; one object for
            the rows of a network.
    """

    method: str
    title: str
    arch: str
    network: NetworkRecords
    figures: Mapping[str, Measured]
    images: Callable[[], RowImages]

    @cached_property
    def table(self) -> pa.Table:
        """The method's records, in the order of the dataset; all of them are in memory."""
        return self.network.of(self.method)

    @property
    def has_map(self) -> bool:
        """Whether the method makes maps, and is no baseline."""
        return self.network.has_map(self.method)

    @property
    def keeps_maps(self) -> bool:
        """Whether its maps lie in the run's folder."""
        return self.has_map and bool(self.network.identity.keep_maps)


@dataclass(frozen=True, slots=True)
class ReportRun:
    """One run of a report.

    Attributes:
        label: what distinguishes it from the report's other runs.
        path: its folder.
        manifest: of the run's own network.
        protocol: of the run.
        rows: in the order of its result.
        metrics: those that the table of figures shows.
    """

    label: str
    path: Path
    manifest: Manifest
    protocol: Protocol
    rows: tuple[ReportRow, ...]
    metrics: tuple[BoundMetric, ...]

    @property
    def identity(self) -> Identity:
        """The identity of the records of the run's own network."""
        return self.manifest.identity

    @property
    def n(self) -> int:
        """The number of images."""
        return self.identity.images

    @property
    def keeps_maps(self) -> bool:
        """Whether any method's maps were kept."""
        return any(row.keeps_maps for row in self.rows)

    def title_of(self, metric: str) -> str:
        """The heading of a metric under the run's protocol."""
        return title_of(metric, [self.protocol])

    @property
    def localized(self) -> int:
        """The number of images that localization counts: all but the blacklist's."""
        return localized_in(self.rows[0].table)

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The ids of the images that could not be read, which count as wrong."""
        return unreadable_in(self.rows[0].table)

    @property
    def floor(self) -> ReportRow | None:
        """The centred box's row, where the run has it."""
        return next((row for row in self.rows if row.method == FLOOR), None)


def open_runs(
    paths: Sequence[Path], metrics: Sequence[BoundMetric] = (), methods: Sequence[str] = ()
) -> tuple[ReportRun, ...]:
    """Opens the runs of a report.

    Args:
        paths: folders of runs, or of one run of several archs; at least one.
        metrics: those that the table of figures shows; default: those of each run's
            protocol. The errors of ILSVRC's task are measured besides.
        methods: names of rows; default: all.

    Raises:
        DataError: no finished run lies there.
        UsageError: a run is named twice, or none has such a row.
    """
    places = [place for path in paths for place in run_folders(path)]
    seen: set[Path] = set()
    for place in places:
        if place.resolve() in seen:
            raise UsageError(f"{place} is named twice. Name every run once.")
        seen.add(place.resolve())
    runs = [_open(networks, metrics) for networks in open_rows(paths, methods)]
    labels = _labels(runs)
    return tuple(replace(run, label=label) for run, label in zip(runs, labels, strict=True))


def _open(networks: Sequence[NetworkRecords], metrics: Sequence[BoundMetric]) -> ReportRun:
    path = networks[0].folder.path
    protocol = own_protocol(networks[0])
    shown = tuple(metrics) or metrics_of(protocol)
    every = {each.name: each for each in (*shown, *metrics_in(ERRORS))}
    found = {}
    for network in networks:
        images = images_of(network)
        for row in network.rows:
            method, arch = row["method"], row["arch"]
            title = networks[0].title_of(row)
            figures = measured_in_pieces(network, method, tuple(every.values()))
            found[method] = ReportRow(method, title, arch, network, figures, images)
    _check_same_images(networks)
    rows = tuple(found[method] for method in networks[0].order)
    return ReportRun("", path, networks[0].folder.manifest(), protocol, rows, shown)


def _check_same_images(networks: Sequence[NetworkRecords]) -> None:
    """Checks the networks of one run; the rows of a network share their examples."""
    first, *others = ((each, each.rows[0]["method"]) for each in networks if each.rows)
    ids = first[0].of(first[1], ("image_id",)) if others else None
    for network, method in others:
        if network.of(method, ("image_id",)) != ids:
            raise DataError(
                f"{first[0].folder.path}: {method} and {first[1]} have records of other images. "
                "Give the command that began the run again, or remove the folder."
            )


def _labels(runs: Sequence[ReportRun]) -> list[str]:
    """The shortest of some names that distinguishes every run from the others."""
    for name in _NAMES:
        labels = [name(run) for run in runs]
        if len(set(labels)) == len(labels):
            return labels
    return [f"{number}: {run.path.name}" for number, run in enumerate(runs, 1)]


_NAMES: tuple[Callable[[ReportRun], str], ...] = (
    lambda run: str(run.identity.arch),
    lambda run: f"{run.identity.arch}, {run.protocol.name}",
    lambda run: f"{run.identity.arch}, {run.identity.dataset}",
    lambda run: f"{run.identity.arch}, {run.protocol.name}, {run.identity.dataset}",
    lambda run: run.path.name,
)
