"""What `show` prints and draws: the best classes of an image, and each method's box."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from wsol_bench.boxes.map_state import MapState
from wsol_bench.datasets.class_lookup import first_name
from wsol_bench.geometry import Boxes, Size
from wsol_bench.report.figures.drawing import Drawing, require_target
from wsol_bench.report.figures.figure import check_width
from wsol_bench.report.figures.figure_key import Key
from wsol_bench.report.figures.overlay import laid_over, on_image
from wsol_bench.report.figures.panels import Panel, draw_panels
from wsol_bench.runs.single_image import ClassScore, Look, Sighting, look_at
from wsol_bench.runtime.names import shown
from wsol_bench.runtime.progress import say
from wsol_bench.settings import RunSettings

SCHEMA = 1
_PANEL_WIDTH = 1.8
"""Of a panel, in inches, where no width is given."""
_MOST_COLUMNS = 6
_ORIENTATION = 0x0112
"""EXIF's tag; 1 is upright."""


def print_show(
    path: Path,
    settings: RunSettings,
    asked: str | None,
    out: Path | None,
    width_in: float | None,
    *,
    as_json: bool,
) -> None:
    """Looks at an image, writes the figure and prints the rest on stdout.

    Args:
        path: of the image.
        settings: as `look_at` takes them.
        asked: the class to ask about, or None for the best.
        out: the figure's file; None is IMAGE-ARCH.png in the working directory.
        width_in: of the figure, in inches, or None for a width by its panels.
        as_json: one JSON object instead of the tables.

    Raises:
        UsageError, DataError, WeightsError, RunError: see `look_at` and `Drawing.save`.
    """
    target = out or Path(f"{path.stem}-{settings.arch}.png")
    require_target(target)
    if width_in is not None:
        check_width(width_in)
    look = look_at(path, settings, asked)
    if look.note:
        say(look.note)
    if look.image.getexif().get(_ORIENTATION, 1) != 1:
        say(f"{shown(path.name)}: is to be turned by its EXIF; taken as stored, as a run does.")
    draw_look(look, width_in).save(target)
    if as_json:
        print(json.dumps(to_json(look, target), ensure_ascii=False))
        return
    console = Console()
    console.print(_class_table(look))
    console.print(_box_table(look))
    console.print()
    console.print(_best_table(look))
    console.print(look.protocol.summary, style="dim", highlight=False)
    for method, reason in look.not_applicable.items():
        console.print(f"{method}: n/a. {reason}.", highlight=False)
    console.print(f"figure: {shown(str(target))}", highlight=False, soft_wrap=True)


def to_json(look: Look, figure: Path) -> dict[str, Any]:
    """The object that `--json` prints."""
    return {
        "schema": SCHEMA,
        "image": shown(str(look.path)),
        "width": look.image.width,
        "height": look.image.height,
        "arch": look.arch,
        "weights": look.weights,
        "protocol": look.protocol.name,
        "best": [
            _class_json(each) | {"boxes": {one.method: one.box.tolist() for one in sightings}}
            for each, sightings in zip(look.best, look.of_best, strict=True)
        ],
        "class": _class_json(look.subject),
        "methods": [
            {
                "method": each.method,
                "title": each.title,
                "arch": each.arch,
                "layer": each.layer or None,
                "box": each.box.tolist(),
                "map_state": str(each.state),
            }
            for each in look.sightings
        ],
        "not_applicable": dict(look.not_applicable),
        "figure": shown(str(figure)),
    }


def draw_look(look: Look, width_in: float | None = None) -> Drawing:
    """The image and a panel per method: map over image and the box drawn."""
    none = np.zeros((0, 4))
    picture = np.asarray(look.image)
    caption = f"{_short(look.subject)}\nprobability {_probability(look.subject, 2)}"
    panels = [Panel(picture, None, none, caption, strong=True)]
    for each in look.sightings:
        over = picture
        if each.values is not None:
            size = Size(look.image.height, look.image.width)
            shares = on_image(each.values, size, look.protocol.box_rule, each.window)
            over = laid_over(picture, shares)
        panels.append(Panel(over, each.box, none, f"{_title(look, each)}\n{_said(look, each)}"))
    count = -(-len(panels) // _MOST_COLUMNS)  # rows, rounded up
    columns = -(-len(panels) // count)
    rows = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    maps = any(each.values is not None for each in look.sightings)
    key = Key(drawn=bool(look.sightings), true=False, maps=maps)
    return Drawing(draw_panels((), rows, width_in or _PANEL_WIDTH * columns, key))


def _class_json(each: ClassScore) -> dict[str, Any]:
    return {
        "index": each.index,
        "wnid": each.wnid or None,
        "name": each.name or None,
        "rank": each.rank,
        "score": each.score,
        "probability": each.probability,
    }


def _class_table(look: Look) -> Table:
    image = look.image
    table = Table(
        title=(
            f"{shown(look.path.name)}, {image.width} x {image.height} pixels\n"
            f"{look.arch}, {look.weights}"
        ),
        box=box.SIMPLE_HEAD,
        title_justify="left",
        title_style="bold",
    )
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("class", overflow="fold")
    named = any(each.wnid for each in look.best)
    for heading in (*(("WNID",) if named else ()), "index", "score", "probability"):
        table.add_column(heading, justify="right", no_wrap=True)
    asked = () if look.subject in look.best else (look.subject,)
    for each in (*look.best, *asked):
        table.add_row(
            f"{each.rank:,}",
            _short(each),
            *((each.wnid,) if named else ()),
            str(each.index),
            f"{each.score:.2f}",
            _probability(each, 4),
            style="bold" if each == look.subject else None,
        )
    return table


def _box_table(look: Look) -> Table:
    table = Table(
        title=f"where: {_short(look.subject)}",
        caption="boxes in pixels, half-open: x0 ≤ x < x1",
        box=box.SIMPLE_HEAD,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        caption_style="dim",
    )
    table.add_column("method", overflow="fold")
    for heading in ("x0", "y0", "x1", "y1", "% of image"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("map", no_wrap=True)
    for each in look.sightings:
        corners = (f"{corner:.1f}".removesuffix(".0") for corner in each.box)
        state = str(each.state) if each.values is not None else "none"
        table.add_row(_title(look, each), *corners, f"{100 * _share(look, each.box):.0f}", state)
    return table


def _best_table(look: Look) -> Table:
    """A row per method and a column per class; a box is its columns above its rows."""
    table = Table(
        title=f"the {len(look.best)} best classes",
        caption="boxes in whole pixels: x0–x1 above y0–y1; exact ones by --json",
        box=box.SIMPLE_HEAD,
        show_lines=False,
        pad_edge=False,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        caption_style="dim",
    )
    table.add_column("method", overflow="fold")
    for each in look.best:
        table.add_column(f"{each.rank} {_short(each)}", justify="right", overflow="fold")
    for method in zip(*look.of_best, strict=True):
        boxes = ([f"{corner:.0f}" for corner in each.box.tolist()] for each in method)
        cells = (f"{x0}–{x1}\n{y0}–{y1}" for x0, y0, x1, y1 in boxes)
        table.add_row(_title(look, method[0]), *cells)
    return table


def _title(look: Look, each: Sighting) -> str:
    return each.title if each.arch == look.arch else f"{each.title} ({each.arch})"


def _said(look: Look, each: Sighting) -> str:
    if each.state != MapState.OK:
        return f"map: {each.state}"
    return f"{100 * _share(look, each.box):.0f} % of the image"


def _share(look: Look, corners: Boxes) -> float:
    x0, y0, x1, y1 = corners.tolist()
    return (x1 - x0) * (y1 - y0) / (look.image.width * look.image.height)


def _short(each: ClassScore) -> str:
    return first_name(each.name) or f"class {each.index}"


def _probability(each: ClassScore, digits: int) -> str:
    least = 10.0**-digits
    return f"< {least:.{digits}f}" if each.probability < least else f"{each.probability:.{digits}f}"
