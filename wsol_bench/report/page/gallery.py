"""The gallery's data: images, maps, boxes and verdicts, within a size limit.

The page draws from it what a reader asks for. Boxes are numbers, an image is there
once for all methods and runs that show it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from wsol_bench.analysis.failures import KINDS
from wsol_bench.analysis.kept_maps import kept_maps_at
from wsol_bench.analysis.run_images import open_image
from wsol_bench.analysis.scored_run import ReportRow, ReportRun
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.errors import DataError
from wsol_bench.geometry import Size
from wsol_bench.protocols.views import VIEWS
from wsol_bench.report.page.pictures import THUMBNAIL_SIDES, map_picture, thumbnail
from wsol_bench.report.page.sets import Sets, kinds_of, sets_of, verdicts_of
from wsol_bench.runtime.parallel import in_threads
from wsol_bench.runtime.progress import Progress
from wsol_bench.scoring.ilsvrc import LOCALIZATION

Card = dict[str, Any]
Made = tuple[Card, Image.Image]


@dataclass(frozen=True, slots=True)
class Gallery:
    """What the page draws of one run.

    Attributes:
        data: plain JSON values; the page's script knows their names.
        pictured: how many images it holds.
        asked: how many it would hold without a size limit.
        unreadable: the ids of images that could not be shown.
    """

    data: dict[str, Any]
    pictured: int
    asked: int
    unreadable: tuple[str, ...]


class Album:
    """The images of all galleries of a page, and the bytes that are left for more."""

    def __init__(self, budget: int) -> None:
        """Begins empty, with room for `budget` bytes of JSON."""
        self.images: dict[str, str] = {}
        self.left = budget

    def admit(self, card: Card, key: str, picture: str) -> bool:
        """Takes a card and its image, unless they pass what is left."""
        size = len(as_json(card)) + _SEPARATOR
        if key not in self.images:
            size += len(key) + len(picture) + _SEPARATOR
        if size > self.left:
            return False
        self.left -= size
        self.images[key] = picture
        return True


def as_json(value: object) -> str:
    """JSON as short as it gets."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def gallery_of(
    run: ReportRun,
    dataset: ImageDataset,
    album: Album,
    pictures: int,
    *,
    progress: Progress,
    complain: Callable[[str], None],
) -> Gallery:
    """Makes a run's gallery.

    Args:
        run: the run.
        dataset: its images.
        album: where the images go; its budget is the limit.
        pictures: at most so many.
        progress: called once per image.
        complain: called with why an image could not be shown, which names its folder.
    """
    sets = sets_of(verdicts_of(run), pictures)
    kinds = np.stack([kinds_of(run, metric) for metric in LOCALIZATION], axis=-1)  # (m, n, metrics)
    maps = {
        row.method: kept_maps_at(row.part, row.method, sets.chosen) if row.keeps_maps else {}
        for row in run.rows
    }

    def make(place: int) -> Made | DataError:
        try:
            return _card(run, kinds[:, place], place, dataset, maps)
        except DataError as error:
            return error

    side = _side_that_fits(make, sets.chosen, album)

    def draw(place: int) -> tuple[Card, str] | DataError:
        made = make(place)
        if isinstance(made, DataError):
            return made
        card, image = made
        return card, album.images.get(card["image"]) or thumbnail(image, side)

    cards: dict[int, Card] = {}
    unreadable: list[str] = []
    full = False
    for place, made in zip(sets.chosen, in_threads(draw, sets.chosen), strict=True):
        progress(1)
        if isinstance(made, DataError):
            unreadable.append(str(run.rows[0].table["image_id"][place]))
            complain(str(made))
        elif not full:
            card, picture = made
            full = not album.admit(card, card["image"], picture)
            if not full:
                cards[place] = card
    return Gallery(_data(run, cards, sets), len(cards), len(sets.chosen), tuple(unreadable))


def _side_that_fits(
    make: Callable[[int], Made | DataError], places: Sequence[int], album: Album
) -> int:
    """The largest side at which all pictures fit what is left, judged by a few of them.

    Where even the smallest does not fit, it is taken, and the album leaves pictures out.
    """
    some = places[:: ceil(len(places) / _JUDGED) or 1]
    made = [each for each in in_threads(make, some) if not isinstance(each, DataError)]
    around = [len(as_json(card)) + len(card["image"]) + 2 * _SEPARATOR for card, _ in made]
    for side in THUMBNAIL_SIDES if made else ():
        bytes_of = [len(thumbnail(image, side)) for _, image in made]
        mean = (sum(around) + sum(bytes_of)) / len(made)
        if mean * len(places) * _CAUTION <= album.left:
            return side
    return THUMBNAIL_SIDES[-1]


_JUDGED = 12
_CAUTION = 1.1
"""The pictures that are not judged may be larger than those that are."""

_SEPARATOR = 8
"""Bytes of JSON round a card or an image."""


def _data(run: ReportRun, cards: Mapping[int, Card], sets: Sets) -> dict[str, Any]:
    """The cards in the dataset's order, and the sets as places among them."""
    order = {place: number for number, place in enumerate(sorted(cards))}

    def numbers(places: Sequence[int]) -> list[int]:
        return [order[place] for place in places if place in order]

    return {
        "label": run.label,
        "kinds": [str(kind) for kind in KINDS],
        "metrics": list(LOCALIZATION),
        "methods": [
            {"title": row.title, "network": row.arch, "maps": row.has_map} for row in run.rows
        ],
        "cards": [cards[place] for place in order],
        "across": {name: numbers(places) for name, places in sets.across.items()},
        "by_method": {
            name: [numbers(places) for places in found] for name, found in sets.by_method.items()
        },
    }


def _card(
    run: ReportRun,
    kinds: NDArray[np.int64],
    place: int,
    dataset: ImageDataset,
    maps: Mapping[str, Mapping[int, NDArray[np.float32]]],
) -> Made:
    first = run.rows[0].table
    record = {name: first[name][place].as_py() for name in _SHARED}
    size = Size(record["height"], record["width"])
    image = open_image(dataset, record["image_id"], size)
    names: Sequence[str] = run.manifest["class_names"]
    card = {
        "id": record["image_id"],
        "image": f"{run.identity['dataset_sha256'][:8]}/{record['image_id']}",
        "wnid": run.manifest["wnids"][record["label"]],
        "label": names[record["label"]],
        "size": [size.width, size.height],
        "blacklisted": record["blacklisted"],
        "truth": _rounded(record["true_boxes"]),
        "methods": [
            {
                **_drawn(row.table, place, names),
                "kinds": kinds[number].tolist(),
                **_map_of(row, maps[row.method].get(place), size, run),
            }
            for number, row in enumerate(run.rows)
        ],
    }
    return card, image


_SHARED = ("image_id", "height", "width", "label", "true_boxes", "blacklisted")
"""Columns that all methods' records have in common."""


def _drawn(table: pa.Table, place: int, names: Sequence[str]) -> dict[str, Any]:
    """A record's box, its IoU, and what the network took the image for."""
    classes, label = table["classes"][place].as_py(), table["label"][place].as_py()
    return {
        "box": _rounded([table[name][place].as_py() for name in ("x0", "y0", "x1", "y1")]),
        "iou": round(table["iou"][place].as_py(), 4),
        "state": table["map_state"][place].as_py(),
        "class": names[classes[0]],
        "score": round(table["scores"][place].as_py()[0], 2),
        "rank": classes.index(label) + 1 if label in classes else 0,
        "ranks": len(classes),
    }


def _map_of(
    row: ReportRow, values: NDArray[np.float32] | None, size: Size, run: ReportRun
) -> dict[str, Any]:
    """The map's picture and the part of the image that it shows; nothing where it has none."""
    if values is None or float(values.max()) <= 0 or not _says_something(values):
        return {}
    window = VIEWS[run.protocol.view].window(size, row.part.identity["preprocessing"]["size"])
    return {
        "map": map_picture(values, window.sides, run.protocol.box_rule),
        "window": _rounded([window.x0, window.y0, window.x1, window.y1]),
    }


def _says_something(values: NDArray[np.float32]) -> bool:
    return float(values.min()) < float(values.max())


def _rounded(numbers: Sequence[float]) -> list[float]:
    """Tenths of a pixel, as whole numbers where they are."""
    tenths = (round(float(number), 1) for number in numbers)
    return [int(each) if each.is_integer() else each for each in tenths]
