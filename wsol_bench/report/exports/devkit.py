"""The prediction file of ILSVRC's CLS-LOC task: written, read, and scored.

One line per image, in the alphabetical order of the images' file names. A line has up to
five groups "class xmin ymin xmax ymax", best first, separated by spaces. The class is the
devkit's id (see `datasets.devkit_ids`). A line may have more groups, of which scoring reads
the first five, or fewer: the devkit pads its matrix with zeros, and 0 is no class.

Coordinates are 0-based and inclusive. The devkit's documentation states neither; its overlap
adds 1 to each width and height (compute_overlap.m), which is the inclusive convention, and
compares predictions with the annotations unchanged, whose minimum coordinate is 0 and whose
maximum is the image's side minus 1. Only `_line` and `_prediction` subtract and add that 1.

Source: ILSVRC2015 devkit, readme.txt, sections 3.1-3.4; evaluation/eval_clsloc.m.
"""

import math
from collections.abc import Collection, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np

from wsol_bench.datasets.annotations import MAX_COORDINATE
from wsol_bench.datasets.devkit_ids import DevkitIds
from wsol_bench.datasets.example import Example
from wsol_bench.errors import DataError
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.report.exports.predictions import Corners, Prediction, Predictions
from wsol_bench.runtime.names import shown
from wsol_bench.scoring.ilsvrc import label_iou
from wsol_bench.scoring.measured import Measured, share

NUMBERS_PER_PREDICTION = 5
"""A class and four corners."""

NO_CLASS = 0
"""The devkit's padding of short lines."""


def write_predictions(predictions: Predictions, path: Path, ids: DevkitIds) -> None:
    """Writes one line per image, in the order of the image ids.

    A coordinate is written with all digits that reproduce it exactly (if it is 0 or at least
    a millionth of a pixel), so that a file has the errors of its predictions. An image
    without predictions becomes one group of zeros.

    Args:
        predictions: of each image, best first; see `predictions.predictions_of`.
        path: the file.
        ids: of the dataset's classes.

    Raises:
        DataError: the file cannot be written.
    """
    text = "".join(f"{_line(predictions[image_id], ids)}\n" for image_id in sorted(predictions))
    try:
        path.write_text(text, encoding="ascii")
    except OSError as error:
        raise DataError(f"{shown(str(path))}: cannot be written ({error.strerror}).") from error


def read_predictions(path: Path, ids: DevkitIds) -> tuple[tuple[Prediction, ...], ...]:
    """Reads a prediction file: the predictions of each line, best first, without scores.

    A box with swapped corners is kept: it overlaps nothing, as in the devkit.

    Args:
        path: the file, written by this package or by another program.
        ids: of the dataset's classes.

    Raises:
        DataError: the file cannot be read or is empty, or a line is empty, has no whole
            number of groups, or holds an invalid number, id or pixel; names the line.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{shown(str(path))}: cannot be read as text ({error}).") from error
    if not lines:
        raise DataError(f"{shown(str(path))} is empty. Expected one line per image.")
    return tuple(
        _predictions(line, f"{shown(str(path))}, line {number}", ids)
        for number, line in enumerate(lines, start=1)
    )


def score_predictions(
    predictions: Sequence[Sequence[Prediction]],
    examples: Sequence[Example],
    protocol: Protocol,
    blacklist: Collection[int] = frozenset(),
) -> dict[str, Measured]:
    """The errors of a prediction file, by the devkit's rules.

    An image is right in classification if one of its first k predictions has the label's
    class, in localization if one of them has both the class and a box whose IoU with a
    ground-truth box reaches the protocol's. Classification counts every image, localization
    excludes the blacklist. There is no `gt_known_loc`, because a file has no boxes for classes
    that it does not predict.

    Args:
        predictions: of each line. As many as there are examples: in their alphabetical
            order. If there are more, the line of an example is its `index`, so that a file of
            the whole validation set can be scored on a subset.
        examples: with labels and ground-truth boxes.
        protocol: its minimum IoU and its k.
        blacklist: 1-based indices that localization excludes.

    Raises:
        DataError: there are fewer lines than that needs.
    """
    ordered = sorted(examples, key=lambda example: example.image_id)
    named, hit = np.zeros((2, len(ordered), 2), np.bool_)  # (n, first or any of k) each
    pairs = zip(ordered, _lines_of(predictions, ordered), strict=True)
    for at, (example, best) in enumerate(pairs):
        for column, k in enumerate((1, protocol.topk)):
            of_label = [each for each in best[:k] if each.label == example.label]
            named[at, column] = bool(of_label)
            hit[at, column] = any(_hits(each, example, protocol) for each in of_label)
    counted = np.array([example.index not in blacklist for example in ordered], np.bool_)
    return {
        "top1_cls": share(~named[:, 0]),
        "top5_cls": share(~named[:, 1]),
        "top1_loc": share(~hit[:, 0], counted),
        "top5_loc": share(~hit[:, 1], counted),
    }


def _lines_of(
    predictions: Sequence[Sequence[Prediction]], ordered: Sequence[Example]
) -> Sequence[Sequence[Prediction]]:
    if len(predictions) == len(ordered):
        return predictions
    last = max((example.index for example in ordered), default=0)
    if len(predictions) < max(last, len(ordered)):
        raise DataError(
            f"the prediction file has {len(predictions):,} lines for {len(ordered):,} images, the "
            f"last of which is number {last:,} of the validation list. Expected one line per "
            "image, or one per image of the whole list."
        )
    return [predictions[example.index - 1] for example in ordered]


def _hits(prediction: Prediction, example: Example, protocol: Protocol) -> bool:
    return label_iou(np.array(prediction.box), example.boxes, protocol) >= protocol.iou


def _line(predictions: Sequence[Prediction], ids: DevkitIds) -> str:
    numbers: list[str] = []
    for prediction in predictions:
        x0, y0, x1, y1 = prediction.box
        numbers.append(str(ids.ids[prediction.label]))
        numbers += [_text(x0), _text(y0), _text(x1, less=1), _text(y1, less=1)]
    return " ".join(numbers or [str(NO_CLASS)] * NUMBERS_PER_PREDICTION)


def _text(value: float, less: int = 0) -> str:
    """A number minus `less` in the shortest exact decimal form."""
    if value.is_integer():
        return str(int(value) - less)
    return format(Decimal(repr(value)) - less, "f")


def _predictions(line: str, where: str, ids: DevkitIds) -> tuple[Prediction, ...]:
    fields = line.split()
    if not fields or len(fields) % NUMBERS_PER_PREDICTION:
        raise DataError(
            f"{where}: expected groups of five numbers, class xmin ymin xmax ymax, got "
            f"{len(fields)} numbers. An image without a prediction is 0 0 0 0 0."
        )
    groups = range(0, len(fields), NUMBERS_PER_PREDICTION)
    return tuple(_prediction(fields[at : at + NUMBERS_PER_PREDICTION], where, ids) for at in groups)


def _prediction(fields: Sequence[str], where: str, ids: DevkitIds) -> Prediction:
    identity = _number(fields[0], where)
    if identity != NO_CLASS and identity not in ids.index_of:
        raise DataError(
            f"{where}: {shown(fields[0][:40])} is not a class id. Expected one of "
            f"{shown(ids.source)} ({min(ids.index_of)} to {max(ids.index_of)}), or 0 for none."
        )
    x0, y0 = (_number(field, where) for field in fields[1:3])
    x1, y1 = (_one_more(field, where) for field in fields[3:5])
    box: Corners = (x0, y0, x1, y1)
    return Prediction(ids.index_of.get(int(identity), -1), box)


def _one_more(field: str, where: str) -> float:
    value = _number(field, where)
    return value + 1.0 if value.is_integer() else float(Decimal(field) + 1)


def _number(field: str, where: str) -> float:
    try:
        value = float(field)
    except ValueError:
        value = math.nan
    if not abs(value) <= MAX_COORDINATE:  # also false for NaN
        raise DataError(f"{where}: expected a class id or a pixel, got {shown(field[:40])!r}.")
    return value
