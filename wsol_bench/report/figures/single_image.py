"""Output of `show`: the best classes of one image, and the box of each method."""

import json
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from wsol_bench.boxes.map_state import MapState
from wsol_bench.datasets.class_lookup import first_name
from wsol_bench.geometry import Boxes
from wsol_bench.report.figures.drawing import Drawing, check_width, require_target
from wsol_bench.report.figures.figure_key import Key
from wsol_bench.report.figures.overlay import overlay
from wsol_bench.report.figures.panels import Panel, draw_panels
from wsol_bench.report.terminal import figure_table
from wsol_bench.runs.single_image import ClassScore, ImageResult, MethodBox, evaluate_image
from wsol_bench.runtime.names import shown
from wsol_bench.runtime.progress import log
from wsol_bench.settings import RunSettings

SCHEMA = 1
_PANEL_WIDTH = 1.8
"""Default width of a panel, in inches."""
_MOST_COLUMNS = 6
_ORIENTATION = 0x0112
"""EXIF tag of the orientation; 1 is upright."""


def print_show(
    path: Path,
    settings: RunSettings,
    wanted: str | None,
    out: Path | None,
    width_in: float | None,
    *,
    as_json: bool,
) -> None:
    """Evaluates one image, writes the figure and prints the tables on stdout.

    Args:
        path: of the image.
        settings: as `evaluate_image` takes them.
        wanted: the target class; default: the best class.
        out: the figure's file; default: IMAGE-ARCH.png in the working directory.
        width_in: of the figure, in inches; default: 1.8 per panel.
        as_json: print one JSON object instead of the tables.

    Raises:
        UsageError, DataError, WeightsError, RunError: see `evaluate_image` and `Drawing.save`.
    """
    target = out or Path(f"{path.stem}-{settings.arch}.png")
    require_target(target)
    if width_in is not None:
        check_width(width_in)
    result = evaluate_image(path, settings, wanted)
    if result.note:
        log(result.note)
    if result.image.getexif().get(_ORIENTATION, 1) != 1:
        log(
            f"{shown(path.name)}: its EXIF orientation is not applied; the image is taken as "
            "stored, as in a run."
        )
    draw_image(result, width_in).save(target)
    if as_json:
        print(json.dumps(to_json(result, target), ensure_ascii=False))
        return
    console = Console()
    console.print(_class_table(result))
    console.print(_box_table(result))
    console.print()
    console.print(_best_table(result))
    console.print(result.protocol.summary, style="dim", highlight=False)
    for method, reason in result.not_applicable.items():
        console.print(f"{method}: n/a: {reason}.", highlight=False)
    console.print(f"figure: {shown(str(target))}", highlight=False, soft_wrap=True)


def to_json(result: ImageResult, figure: Path) -> dict[str, Any]:
    """The object that `--json` prints."""
    return {
        "schema": SCHEMA,
        "image": shown(str(result.path)),
        "width": result.image.width,
        "height": result.image.height,
        "arch": result.arch,
        "weights": result.weights,
        "protocol": result.protocol.name,
        "best": [
            _class_json(each) | {"boxes": {one.method: one.box.tolist() for one in boxes}}
            for each, boxes in zip(result.best, result.boxes_of_best, strict=True)
        ],
        "class": _class_json(result.target),
        "methods": [
            {
                "method": each.method,
                "title": each.title,
                "arch": each.arch,
                "layer": each.layer or None,
                "box": each.box.tolist(),
                "map_state": str(each.state),
            }
            for each in result.boxes
        ],
        "not_applicable": dict(result.not_applicable),
        "figure": shown(str(figure)),
    }


def draw_image(result: ImageResult, width_in: float | None = None) -> Drawing:
    """The image, then one panel per method: the map over the image, and the predicted box."""
    none = np.zeros((0, 4))
    picture = np.asarray(result.image)
    caption = f"{_short(result.target)}\nprobability {_probability(result.target, 2)}"
    panels = [Panel(picture, None, none, caption, strong=True)]
    for each in result.boxes:
        over = picture
        if each.values is not None:
            over = overlay(picture, each.values, result.protocol.box_rule, each.window)
        panels.append(
            Panel(over, each.box, none, f"{_title(result, each)}\n{_caption(result, each)}")
        )
    lines = ceil(len(panels) / _MOST_COLUMNS)
    columns = ceil(len(panels) / lines)
    rows = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    maps = any(each.values is not None for each in result.boxes)
    key = Key(predicted=bool(result.boxes), ground_truth=False, maps=maps)
    return Drawing(draw_panels((), rows, width_in or _PANEL_WIDTH * columns, key))


def _class_json(each: ClassScore) -> dict[str, Any]:
    return {
        "index": each.index,
        "wnid": each.class_id or None,
        "name": each.name or None,
        "rank": each.rank,
        "score": each.score,
        "probability": each.probability,
    }


def _class_table(result: ImageResult) -> Table:
    image = result.image
    table = Table(
        title=(
            f"{shown(result.path.name)}, {image.width} x {image.height} pixels\n"
            f"{result.arch}, {result.weights}"
        ),
        box=box.SIMPLE_HEAD,
        title_justify="left",
        title_style="bold",
    )
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("class", overflow="fold")
    named = any(each.class_id for each in result.best)
    for heading in (*(("WNID",) if named else ()), "index", "score", "probability"):
        table.add_column(heading, justify="right", no_wrap=True)
    wanted = () if result.target in result.best else (result.target,)
    for each in (*result.best, *wanted):
        table.add_row(
            f"{each.rank:,}",
            _short(each),
            *((each.class_id,) if named else ()),
            str(each.index),
            f"{each.score:.2f}",
            _probability(each, 4),
            style="bold" if each == result.target else None,
        )
    return table


def _box_table(result: ImageResult) -> Table:
    table = figure_table(
        "method",
        ("x0", "y0", "x1", "y1", "% of image"),
        title=f"boxes for {_short(result.target)}",
        caption="\n".join(["boxes in pixels, half-open: x0 ≤ x < x1", *_filling(result)]),
        title_style="bold",
        caption_style="dim",
    )
    table.add_column("map", no_wrap=True)
    for each in result.boxes:
        corners = (f"{corner:.1f}".removesuffix(".0") for corner in each.box)
        state = str(each.state) if each.values is not None else "none"
        table.add_row(
            _title(result, each), *corners, f"{100 * _share(result, each.box):.0f}", state
        )
    return table


def _best_table(result: ImageResult) -> Table:
    """One row per method, one column per class; a cell is x0–x1 above y0–y1."""
    table = Table(
        title=f"the {len(result.best)} best classes",
        caption="boxes rounded to pixels: x0–x1 above y0–y1; --json has them exactly",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        caption_style="dim",
    )
    table.add_column("method", overflow="fold")
    for each in result.best:
        table.add_column(f"{each.rank} {_short(each)}", justify="right", overflow="fold")
    for method in zip(*result.boxes_of_best, strict=True):
        boxes = ([f"{corner:.0f}" for corner in each.box.tolist()] for each in method)
        cells = (f"{x0}–{x1}\n{y0}–{y1}" for x0, y0, x1, y1 in boxes)
        table.add_row(_title(result, method[0]), *cells)
    return table


def _title(result: ImageResult, each: MethodBox) -> str:
    return each.title if each.arch == result.arch else f"{each.title} ({each.arch})"


def _caption(result: ImageResult, each: MethodBox) -> str:
    if each.state != MapState.OK:
        return f"map: {each.state}"
    share = f"{100 * _share(result, each.box):.0f} % of the image"
    return f"{share}: {_everywhere(result)}" if _fills(result, each) else share


def _fills(result: ImageResult, each: MethodBox) -> bool:
    """Whether the box of a map that is not degenerate is the whole image."""
    whole = [0.0, 0.0, float(result.image.width), float(result.image.height)]
    return each.values is not None and each.state is MapState.OK and each.box.tolist() == whole


def _filling(result: ImageResult) -> list[str]:
    """Why the boxes of some methods are the whole image."""
    titles = [_title(result, each) for each in result.boxes if _fills(result, each)]
    return [f"{', '.join(titles)}: {_everywhere(result)}"] if titles else []


def _everywhere(result: ImageResult) -> str:
    """Why the box of a map may be the whole image."""
    rule = result.protocol.box_rule
    return f"all four sides reach {rule.threshold:.3g} x {rule.reference}"


def _share(result: ImageResult, corners: Boxes) -> float:
    x0, y0, x1, y1 = corners.tolist()
    return (x1 - x0) * (y1 - y0) / (result.image.width * result.image.height)


def _short(each: ClassScore) -> str:
    return first_name(each.name) or f"class {each.index}"


def _probability(each: ClassScore, digits: int) -> str:
    smallest = 10.0**-digits
    return (
        f"< {smallest:.{digits}f}"
        if each.probability < smallest
        else f"{each.probability:.{digits}f}"
    )
