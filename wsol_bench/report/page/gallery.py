"""The gallery's data: images, maps, boxes and outcomes, within a size limit.

The page draws what the reader selects. Boxes are numbers; an image is stored once for all
methods and runs that show it.
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
from wsol_bench.analysis.run_images import dataset_mask, open_image
from wsol_bench.analysis.scored_run import ReportRow, ReportRun
from wsol_bench.boxes.extract import map_state
from wsol_bench.boxes.map_state import MapState
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.errors import DataError
from wsol_bench.geometry import Size
from wsol_bench.records.opened_run import window_of
from wsol_bench.report.page.mask_outline import outline_of
from wsol_bench.report.page.pictures import THUMBNAIL_SIDES, map_picture, thumbnail
from wsol_bench.report.page.sets import Sets, kinds_of, outcomes_of, sets_of
from wsol_bench.runtime.parallel import in_threads
from wsol_bench.runtime.progress import Progress
from wsol_bench.scoring.ilsvrc import LOCALIZATION

Card = dict[str, Any]
DrawnCard = tuple[Card, Image.Image]


@dataclass(frozen=True, slots=True)
class Gallery:
    """The data of one run that the page draws.

    Attributes:
        data: plain JSON values, read by the page's script.
        pictured: number of images in it.
        asked: number of images without a size limit.
        unreadable: ids of images that could not be shown.
    """

    data: dict[str, Any]
    pictured: int
    asked: int
    unreadable: tuple[str, ...]


class Album:
    """The images of all galleries of a page, and the bytes left for more."""

    def __init__(self, budget: int) -> None:
        """Creates an empty album for `budget` bytes of JSON."""
        self.images: dict[str, str] = {}
        self.left = budget

    def admit(self, card: Card, key: str, picture: str) -> bool:
        """Adds a card and its image unless they exceed the bytes left; returns whether it did."""
        size = len(as_json(card)) + _SEPARATOR
        if key not in self.images:
            size += len(key) + len(picture) + _SEPARATOR
        if size > self.left:
            return False
        self.left -= size
        self.images[key] = picture
        return True


def as_json(value: object) -> str:
    """Compact JSON."""
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
        album: receives the images; its budget is the limit.
        pictures: maximum number of images.
        progress: called once per image.
        complain: called with the reason why an image could not be shown, which names its folder.
    """
    sets = sets_of(outcomes_of(run), pictures)
    kinds = np.stack([kinds_of(run, metric) for metric in LOCALIZATION], axis=-1)  # (m, n, metrics)
    maps = {
        row.method: kept_maps_at(row.network, row.method, sets.chosen) if row.keeps_maps else {}
        for row in run.rows
    }

    def make(place: int) -> DrawnCard | DataError:
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
    make: Callable[[int], DrawnCard | DataError], places: Sequence[int], album: Album
) -> int:
    """The maximum side at which all images fit, estimated from a few of them.

    If not even the minimum fits, it is used, and the album leaves images out.
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
"""Safety factor: the other images may be larger than the sampled ones."""

_SEPARATOR = 8
"""Bytes of JSON around a card or an image."""


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
) -> DrawnCard:
    first = run.rows[0].table
    record = {name: first[name][place].as_py() for name in _SHARED}
    size = Size(record["height"], record["width"])
    image = open_image(dataset, record["image_id"], size)
    names: Sequence[str] = run.manifest.class_names
    card = {
        "id": record["image_id"],
        "image": f"{run.identity.dataset_sha256[:8]}/{record['image_id']}",
        "wnid": run.manifest.class_ids[record["label"]],
        "label": names[record["label"]],
        "size": [size.width, size.height],
        "blacklisted": record["blacklisted"],
        "truth": _rounded(record["true_boxes"]),
        **_mask_of(dataset, record, size),
        "methods": [
            {
                **_prediction(row.table, place, names),
                "kinds": kinds[number].tolist(),
                **_map_of(row, maps[row.method].get(place), size, run),
            }
            for number, row in enumerate(run.rows)
        ],
    }
    return card, image


def _mask_of(dataset: ImageDataset, record: Mapping[str, Any], size: Size) -> dict[str, str]:
    """The outline of the ground-truth mask; empty where the dataset has none."""
    mask = dataset_mask(dataset, record["image_id"], record["label"], size)
    return {} if mask is None else {"mask": outline_of(mask)}


_SHARED = ("image_id", "height", "width", "label", "true_boxes", "blacklisted")
"""Columns that the records of all methods have in common."""


def _prediction(table: pa.Table, place: int, names: Sequence[str]) -> dict[str, Any]:
    """The box of a record, its IoU, and the predicted class."""
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
    """The map's image and the part of the image that it shows; empty for a degenerate map."""
    if values is None or map_state(values) is not MapState.OK:
        return {}
    window = window_of(row.network.identity, size)
    return {
        "map": map_picture(values, window.sides, run.protocol.box_rule),
        "window": _rounded([window.x0, window.y0, window.x1, window.y1]),
    }


def _rounded(numbers: Sequence[float]) -> list[float]:
    """Numbers rounded to tenths, without a decimal point if integral."""
    tenths = (round(float(number), 1) for number in numbers)
    return [int(each) if each.is_integer() else each for each in tenths]
