"""`figure`: images of a run under its methods, as in a paper, drawn without a network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.analysis.failures import failure_kinds
from wsol_bench.analysis.kept_maps import kept_maps_at
from wsol_bench.analysis.run_images import dataset_mask, open_image, open_images
from wsol_bench.analysis.scored_run import ReportRow, ReportRun, open_runs
from wsol_bench.boxes.map_state import MapState
from wsol_bench.datasets.class_lookup import first_name
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.errors import UsageError, find
from wsol_bench.geometry import Boxes, Size
from wsol_bench.records.opened_run import true_boxes_of, window_of
from wsol_bench.records.table import boxes_of
from wsol_bench.report.figures.drawing import Drawing, check_width, require_target
from wsol_bench.report.figures.figure_key import Key
from wsol_bench.report.figures.overlay import Pixels, overlay
from wsol_bench.report.figures.panels import Panel, draw_panels
from wsol_bench.report.figures.selection import Candidates, choose
from wsol_bench.runtime.names import shown
from wsol_bench.runtime.progress import log

PAPER_WIDTH = 6.875
"""Default width of a figure in inches: the text width of a two-column page (CVPR, ICCV)."""
DEFAULT_IMAGES = "worst"


@dataclass(frozen=True, slots=True)
class FigureOptions:
    """Options of a figure.

    Attributes:
        images: as `selection.choose` reads it.
        methods: names of the run's methods; default: all.
        data: the images' folder or tar; default: the one that the run was made on.
        width_in: width of the figure in inches.
        seed: of the set `random`.
    """

    images: str = DEFAULT_IMAGES
    methods: tuple[str, ...] = ()
    data: str | None = None
    width_in: float = PAPER_WIDTH
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Shown:
    """A method with its records and maps of the r images shown, in order."""

    row: ReportRow
    records: pa.Table
    maps: tuple[NDArray[np.float32] | None, ...]


def draw_run(path: Path, options: FigureOptions, *, quiet: bool = False) -> Drawing:
    """A row per image, a column per method: the map over the image, the boxes and the IoU.

    Args:
        path: the run's folder.
        options: what to show.
        quiet: do not warn on stderr that the run has no maps.

    Raises:
        DataError: the folder holds no finished run, or an image cannot be opened.
        UsageError: a name is not known.
    """
    check_width(options.width_in)
    run = _only_run(path)
    rows = _wanted(run, options.methods)
    places = choose(options.images, _candidates(run, rows), options.seed)
    many = [_Shown(row, row.table.take(list(places)), _maps(row, places)) for row in rows]
    if not quiet and any(row.has_map and not row.keeps_maps for row in rows):
        log("The run kept no maps, so only boxes are drawn. Run with --keep-maps for maps.")
    dataset = open_images(run.manifest, options.data, quiet=quiet)
    panels = [list(_panels(run, many, at, dataset)) for at in range(len(places))]
    key = Key(
        predicted=True,
        ground_truth=any(len(row[0].ground_truth) for row in panels),
        maps=any(each is not None for one in many for each in one.maps),
        masks=any(row[0].mask is not None for row in panels),
        notes=[f"bold: IoU ≥ {run.protocol.iou:g}", *_arrow_note(rows, panels)],
    )
    headings = ["Image", *(row.title for row in rows)]
    return Drawing(draw_panels(headings, panels, options.width_in, key))


def print_figure(path: Path, options: FigureOptions, out: Path) -> None:
    """Draws a figure of a run, writes it, and prints the file's path on stdout.

    Raises:
        UsageError, DataError: see `draw_run` and `Drawing.save`.
    """
    require_target(out)
    draw_run(path, options).save(out)
    print(shown(str(out)))


def _only_run(path: Path) -> ReportRun:
    runs = open_runs([path])
    if len(runs) > 1:
        names = ", ".join(str(run.path) for run in runs)
        raise UsageError(f"{path}: holds several runs. Name one of them: {names}.")
    return runs[0]


def _wanted(run: ReportRun, methods: Sequence[str]) -> list[ReportRow]:
    there = {row.method: row for row in run.rows}
    names = dict.fromkeys(methods or there)
    return [find("method of this run", name, there) for name in names]


def _candidates(run: ReportRun, rows: Sequence[ReportRow]) -> Candidates:
    """The run's images, ranked by the methods that make maps, if there are any."""
    ranking = [row for row in rows if row.has_map] or rows
    table = rows[0].table
    states = np.array([row.table["map_state"].to_pylist() for row in ranking])
    return Candidates(
        image_ids=table["image_id"].to_pylist(),
        ious=np.stack([row.table["iou"].to_numpy() for row in ranking]),
        degenerate=(states != str(MapState.OK)).any(axis=0),
        left_out=table["blacklisted"].to_numpy() | (states[0] == str(MapState.UNREADABLE)),
        kinds=lambda: np.stack(
            [failure_kinds(row.table, row.method, run.protocol) for row in ranking]
        ),
    )


def _maps(row: ReportRow, places: Sequence[int]) -> tuple[NDArray[np.float32] | None, ...]:
    """The kept maps of a method for some of its records; only these are joined."""
    if not row.keeps_maps:
        return (None,) * len(places)
    found = kept_maps_at(row.network, row.method, places)
    return tuple(found[place] for place in places)


def _panels(
    run: ReportRun, many: Sequence[_Shown], at: int, dataset: ImageDataset
) -> Iterator[Panel]:
    """The panels of the at-th image: the image, then one per method.

    The class predicted by the first method's network stands beneath the image if it is
    wrong; that of another network stands in its own columns if it differs.
    """
    first = many[0]
    record = {name: first.records[name][at].as_py() for name in _SHARED}
    size = Size(record["height"], record["width"])
    picture = np.asarray(open_image(dataset, record["image_id"], size))
    ground_truth = next(true_boxes_of(first.records.slice(at, 1)))
    mask = dataset_mask(dataset, record["image_id"], record["label"], size)
    names: Sequence[str] = run.manifest.class_names
    label, predicted = record["label"], _best(first, at)
    taken = "" if predicted == label else f"\n{_ARROW}{first_name(names[predicted])}"
    yield Panel(picture, None, ground_truth, f"{first_name(names[label])}{taken}", mask=mask)
    for one in many:
        own = _best(one, at)
        other = f"\n{_ARROW}{first_name(names[own])}" if own != predicted else ""
        yield replace(_panel(run, one, at, picture, ground_truth, other), mask=mask)


_SHARED = ("image_id", "height", "width", "label")
_ARROW = "→ "
"""Precedes the class that a network predicted; the key explains it."""


def _best(one: _Shown, at: int) -> int:
    """The class predicted for the at-th image; the label in a run without classes."""
    classes: list[int] = one.records["classes"][at].as_py()
    return classes[0] if classes else int(one.records["label"][at].as_py())


def _arrow_note(rows: Sequence[ReportRow], panels: Sequence[Sequence[Panel]]) -> list[str]:
    """The key's entry for arrows, if any caption has one."""
    if not any(_ARROW in panel.caption for row in panels for panel in row):
        return []
    if len({row.arch for row in rows}) == 1:
        return [f"{_ARROW}predicted class"]
    return [f"{_ARROW}class predicted by {rows[0].arch} or by the network above"]


def _panel(
    run: ReportRun, one: _Shown, at: int, picture: Pixels, ground_truth: Boxes, other: str
) -> Panel:
    values = one.maps[at]
    if values is not None:
        window = window_of(one.row.network.identity, Size(*picture.shape[:2]))
        picture = overlay(picture, values, run.protocol.box_rule, window)
    iou, state = one.records["iou"][at].as_py(), one.records["map_state"][at].as_py()
    odd = "" if state == MapState.OK else f"\nmap: {state}"
    return Panel(
        picture=picture,
        predicted=boxes_of(one.records.slice(at, 1))[0],
        ground_truth=ground_truth,
        caption=f"IoU {iou:.2f}{odd}{other}",
        strong=iou >= run.protocol.iou,
    )
