"""Results in Python: `wsol_bench.run` makes them, `wsol_bench.open` reads them from the disk."""

import io
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Literal, Union
from weakref import finalize

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from wsol_bench.analysis.kept_maps import kept_maps_at
from wsol_bench.analysis.rescore import rescore
from wsol_bench.errors import DataError, UsageError
from wsol_bench.records.opened_run import open_networks, open_one, own_protocol
from wsol_bench.records.result import Result
from wsol_bench.report.exports.csv_columns import record_columns
from wsol_bench.report.figures.drawing import Drawing
from wsol_bench.report.figures.figure import PAPER_WIDTH, FigureOptions, draw_run
from wsol_bench.report.tables.pairs import pairs_of
from wsol_bench.report.tables.result import print_result
from wsol_bench.report.tables.result_files import write_result
from wsol_bench.report.tables.result_html import result_html
from wsol_bench.runtime.flag_values import expanded
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.settings import RunSettings, names_in

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RunResult"]

_WIDTH = 100
"""Columns of a printed result; a terminal's own width is not known to `str`."""


@dataclass(frozen=True, slots=True, weakref_slot=True, repr=False)
class RunResult(Result):
    """A result and the folder of its run.

    `print(result)` prints the table; a notebook displays it.

    Attributes:
        folder: the run's folder. A temporary one is deleted with this object.
    """

    folder: Path

    @property
    def metrics(self) -> "pd.DataFrame":
        """One row per method: figures, the ends of their 95 % intervals, and their n."""
        return Result.to_frame(self)

    @property
    def records(self) -> "pd.DataFrame":
        """One row per image and method, as `export --format csv` writes them."""
        import pandas as pd

        networks = open_networks(self.folder)
        return pd.DataFrame(record_columns(networks, networks[0].order))

    def to_frame(self, of: Literal["errors", "records"] = "errors") -> "pd.DataFrame":
        """`metrics`, or `records` with `of="records"`."""
        return self.metrics if of == "errors" else self.records

    def maps(self, image: str, *, label: int | None = None) -> dict[str, NDArray[np.float32]]:
        """The maps of one image that the run kept, at the methods' own resolution.

        Args:
            image: its id.
            label: the class, if the image is an example of several classes.

        Returns:
            Name of a row -> map (u, v) of the whole view, not normalised. Rows without maps,
            such as the centred box, are absent.

        Raises:
            DataError: the run kept no maps, or has no such image.
            UsageError: the image has several labels, and none of them is given.

        Example:
            >>> import wsol_bench
            >>> result = wsol_bench.run(
            ...     arch="alexnet", data="demo", methods="grad_cam,center", limit=2, keep_maps=True
            ... )
            >>> maps = result.maps(result.records["image_id"][0])
            >>> {name: values.shape for name, values in maps.items()}
            {'grad_cam': (13, 13)}
        """
        found = {}
        for network in open_networks(self.folder):
            rows = [name for name in network.methods if network.has_map(name)]
            if rows and not network.identity.keep_maps:
                raise DataError(f"{self.folder}: kept no maps. Run again with keep_maps=True.")
            for name in rows:
                table = network.of(name, ("image_id", "label"))
                at = _place(table["image_id"].to_pylist(), table["label"].to_pylist(), image, label)
                found[name] = kept_maps_at(network, name, [at])[at]
        return found

    def pairs(
        self,
        other: Union["RunResult", str, Path, None] = None,
        *,
        metrics: str | Sequence[str] = (),
    ) -> "pd.DataFrame":
        """Paired differences of every two rows, as the command `pairs` prints them.

        Args:
            other: another result or a run's folder, over the same images.
            metrics: names of metrics; default: those of the protocol.

        Returns:
            One row per metric and pair: `difference` (first minus second) with the ends of
            its interval, p, and p corrected by Holm within the metric.

        Raises:
            DataError, UsageError: see `pairs`.
        """
        import pandas as pd

        paths = [self.folder]
        if other is not None:
            paths.append(other.folder if isinstance(other, RunResult) else expanded(other))
        asked = metrics_in(metrics) if metrics else ()
        rows = []
        for metric, comparisons in pairs_of(paths, asked)[0]:
            for each in comparisons:
                found = each.difference
                rows.append(
                    {
                        "metric": metric.name,
                        "first": each.first,
                        "second": each.second,
                        "difference": found.percent,
                        "low": found.interval.low,
                        "high": found.interval.high,
                        "n": found.n,
                        "p": found.p,
                        "p_holm": each.p_holm,
                    }
                )
        return pd.DataFrame(rows)

    def show(
        self,
        images: str | Sequence[str] = "worst",
        *,
        methods: str | Sequence[str] = (),
        width_in: float = PAPER_WIDTH,
        seed: int = 0,
    ) -> Drawing:
        """A figure of images under the run's methods, as the command `figure` draws it.

        Args:
            images: image ids, or sets such as best, median, disagree:5, "too large".
            methods: names of the run's methods; default: all.
            width_in: width of the figure in inches.
            seed: of the set `random`.

        Returns:
            A drawing that a notebook displays; `.save(path)` writes it. It shows maps if
            the run had `keep_maps=True`.

        Raises:
            UsageError: an argument is not a name; otherwise see `draw_run`.
            DataError: see `draw_run`.
        """
        wanted = _names("images", images)
        chosen = names_in(_names("methods", methods))
        return draw_run(self.folder, FigureOptions(wanted, chosen, None, width_in, seed))

    def save(self, path: str | Path) -> None:
        """Writes the result in the format that the file's suffix names.

        Args:
            path: a file that ends in .json (the object of `to_json`), .csv, .md, .tex (for
                the package booktabs) or .html.

        Raises:
            UsageError: it ends in something else.
            DataError: the file cannot be written.
        """
        write_result(self, self.folder, expanded(path))

    def __str__(self) -> str:
        buffer = io.StringIO()
        print_result(self, Console(file=buffer, width=_WIDTH))
        return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())

    def __repr__(self) -> str:
        rows = ", ".join(row.method for row in self.rows)
        return f"<RunResult of {self.arch} on {self.dataset}, n = {self.n:,}: {rows}>"

    def _repr_html_(self) -> str:
        return result_html(self)


def _place(images: Sequence[str], labels: Sequence[int], image: str, label: int | None) -> int:
    """The index of the record of an image, and of a label if it has several."""
    places = [at for at, name in enumerate(images) if name == image]
    if not places:
        raise DataError(f"maps: no image {image!r} in this run. See records['image_id'].")
    wanted = [at for at in places if label is None or labels[at] == label]
    if len(wanted) != 1:
        known = ", ".join(str(labels[at]) for at in places)
        raise UsageError(f"maps: {image} has the labels {known}. Give label= one of them.")
    return wanted[0]


def _names(what: str, given: str | Sequence[str]) -> str:
    """Comma-separated names."""
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, Iterable) or not all(isinstance(name, str) for name in names):
        raise UsageError(
            f"show: {what}={given!r}: expected a name or several, such as 'worst:3' or "
            "['grad_cam', 'cam']."
        )
    return ",".join(names)


def run_and_keep(settings: RunSettings, *, quiet: bool) -> RunResult:
    """Runs one arch; without `out`, its records are deleted with the result.

    Args:
        settings: of one arch; `out` may be None.
        quiet: print nothing on stderr.

    Raises:
        WsolBenchError: see `evaluate`.
    """
    from wsol_bench.runs.evaluate import evaluate  # imports torch, which reading does not need

    if settings.out is not None:
        return _with_folder(evaluate(settings, quiet=quiet)[0], settings.out)
    own = Path(mkdtemp(prefix="wsol_bench-"))
    try:
        out = own / "run"
        result = _with_folder(evaluate(replace(settings, out=out), quiet=quiet)[0], out)
    except BaseException:
        shutil.rmtree(own, ignore_errors=True)
        raise
    finalize(result, shutil.rmtree, own, ignore_errors=True)
    return result


def open_result(path: str | Path) -> RunResult:
    """The result of a finished run, measured from its records; see `wsol_bench.open`."""
    if not isinstance(path, (str, Path)) or not str(path):
        raise UsageError(f"open: expected a run's folder, got {path!r}.")
    networks = open_one(expanded(path))
    stored: Mapping[str, Any] = networks[0].manifest.result or {}
    result = replace(
        rescore(networks, own_protocol(networks[0])),
        not_applicable=stored.get("not_applicable", {}),
        seconds=stored.get("seconds", 0.0),
        notes={name: tuple(notes) for name, notes in stored.get("notes", {}).items()},
    )
    return _with_folder(result, networks[0].folder.path)


def _with_folder(result: Result, folder: Path) -> RunResult:
    values = {field.name: getattr(result, field.name) for field in fields(Result)}
    return RunResult(**values, folder=folder)
