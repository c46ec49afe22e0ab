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

from collections.abc import Collection, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np

from wsol_bench.datasets.devkit_ids import DevkitIds
from wsol_bench.datasets.devkit_lines import NO_CLASS, NUMBERS_PER_PREDICTION, lines_of, read_lines
from wsol_bench.datasets.example import Example
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.report.exports.predictions import Prediction, Predictions
from wsol_bench.runtime.files import writing_file
from wsol_bench.runtime.names import shown
from wsol_bench.scoring.ilsvrc import label_iou
from wsol_bench.scoring.measured import Measured, share


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
    with writing_file(shown(str(path))):
        path.write_text(text, encoding="ascii")


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
    return tuple(
        tuple(Prediction(each.label, each.box) for each in line) for line in read_lines(path, ids)
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
    pairs = zip(ordered, lines_of(predictions, ordered), strict=True)
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
