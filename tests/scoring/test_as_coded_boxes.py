"""MaxBoxAcc as coded against the same steps in OpenCV, threshold by threshold."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from wsol_bench.errors import DataError
from wsol_bench.geometry import Boxes, Size, box_iou
from wsol_bench.scoring.as_coded_boxes import (
    THRESHOLDS,
    V2_IOUS,
    as_coded_ious,
    box_iou_inclusive,
    box_on_square,
    grey_ious,
    max_box_acc,
    right_columns,
    truncated_boxes,
)
from wsol_bench.scoring.measured import figure_of
from wsol_bench.scoring.replicated_sums import merged, summed


def overlap(box: list[int], truth: list[int]) -> float:
    """IoU of two boxes with 1 added to each side, in plain arithmetic."""
    width = max(0, min(box[2], truth[2]) - max(box[0], truth[0]) + 1)
    height = max(0, min(box[3], truth[3]) - max(box[1], truth[1]) + 1)
    areas = [(b[2] - b[0] + 1) * (b[3] - b[1] + 1) for b in (box, truth)]
    return width * height / (areas[0] + areas[1] - width * height)


def program(values: np.ndarray, truths: list[list[int]]) -> tuple[list[float], list[float]]:
    """What the authors' program does with one map, V1 and V2, at 1,000 thresholds."""
    cv2 = pytest.importorskip("cv2")
    square = cv2.resize(values.astype(float), (224, 224), interpolation=cv2.INTER_CUBIC)
    if np.isnan(square).any() or square.min() == square.max():
        square = np.zeros_like(square)
    else:
        square = square - square.min()
        square = square / square.max()
    grey = (square * 255).astype(np.uint8)
    levels = [int(threshold * np.max(grey)) for threshold in np.arange(0, 1, 0.001)]
    first, second = {}, {}
    for level in sorted(set(levels)):
        binary = cv2.threshold(grey[:, :, None], level, 255, cv2.THRESH_BINARY)[1]
        contours = cv2.findContours(binary, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
        boxes = []
        for contour in contours:
            x, y, width, height = cv2.boundingRect(contour)
            boxes.append([x, y, min(x + width, 223), min(y + height, 223)])
        best = [max(overlap(box, truth) for truth in truths) for box in boxes or [[0, 0, 0, 0]]]
        areas = [cv2.contourArea(contour) for contour in contours] or [0]
        first[level], second[level] = best[areas.index(max(areas))], max(best)
    return [first[level] for level in levels], [second[level] for level in levels]


def made_map(kind: str, random: np.random.Generator) -> np.ndarray:
    """Maps of the kinds that networks and mistakes produce."""
    side = int(random.choice([7, 13, 14, 28]))
    values = random.normal(size=(side, side)).astype(np.float32)
    return {
        "signed": values,
        "relu": np.maximum(values, 0),
        "sparse": np.where(values > 1.5, values, 0),
        "few values": np.round(values),
        "noise": random.random((224, 224)),
        "constant": np.full((7, 7), 2.0),
        "nan": np.where(values > 2, np.nan, values) + 0 * np.nan,
        "plateau": np.minimum(values, 0.2),
    }[kind]


def made_truths(random: np.random.Generator) -> np.ndarray:
    corners = np.sort(random.integers(0, 224, (3, 2, 2)), axis=1).reshape(3, 4)
    return corners[: random.integers(1, 4)]


@pytest.mark.parametrize(
    "kind", ["signed", "relu", "sparse", "few values", "plateau", "constant", "nan"]
)
def test_every_threshold_agrees_with_the_program(kind):
    random = np.random.default_rng(sum(map(ord, kind)))
    for _ in range(2):
        values, truths = made_map(kind, random), made_truths(random)
        ours = as_coded_ious(values, truths)
        first, second = program(values, truths.tolist())
        assert ours.largest.tolist() == first  # the same float64, not only close
        assert ours.best.tolist() == second


MANY = [(kind, seed) for kind in ("signed", "relu", "sparse", "few values") for seed in range(12)]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "seed"), [*MANY, ("noise", 0)])
def test_every_threshold_agrees_with_the_program_on_many_maps(kind, seed):
    random = np.random.default_rng(1000 + seed)
    values, truths = made_map(kind, random), made_truths(random)
    ours = as_coded_ious(values, truths)
    first, second = program(values, truths.tolist())
    assert ours.largest.tolist() == first
    assert ours.best.tolist() == second


def test_where_nothing_is_kept_the_first_pixel_is_scored():
    truths = np.array([[0, 0, 0, 1]])  # two pixels with both ends inside
    for values in (np.zeros((7, 7)), np.full((7, 7), np.nan)):
        found = as_coded_ious(values, truths)
        assert found.largest.tolist() == found.best.tolist() == [0.5] * 1000


def test_a_box_is_a_pixel_too_wide_inside_and_cut_at_the_last_pixel():
    grey = np.zeros((8, 8), np.uint8)
    grey[2:4, 1:3] = 200
    assert grey_ious(grey, np.array([[1, 2, 3, 4]])).largest[500] == 1.0  # (1, 2, 3, 4)
    assert grey_ious(grey, np.array([[1, 2, 2, 3]])).largest[500] == 4 / 9
    grey[2:, 1:] = 200
    assert grey_ious(grey, np.array([[1, 2, 7, 7]])).largest[500] == 1.0  # 8 is cut to 7


def test_a_threshold_keeps_what_is_above_its_whole_part():
    grey = np.array([[10, 9, 8, 0]], np.uint8)
    truth = np.array([[0, 0, 1, 0]])  # the box of the first pixel alone
    kept = grey_ious(grey, truth, np.array([0.0, 0.79, 0.8, 0.899, 0.9])).largest
    # int(t * 10) = 0, 7, 8, 8, 9: three, three, two, two and one pixel
    assert kept.tolist() == [2 / 4, 2 / 4, 2 / 3, 2 / 3, 1.0]


def test_thresholds_are_multiples_of_a_thousandth_in_floating_point():
    assert len(THRESHOLDS) == 1000
    assert all(THRESHOLDS[i] == i * 0.001 for i in range(1000))
    assert any(THRESHOLDS[i] != i / 1000 for i in range(1000))


def test_v2_takes_any_contour_and_a_hole_is_one():
    grey = np.full((9, 9), 255, np.uint8)
    grey[4, 4] = 0
    hole = np.array([[3, 3, 6, 6]])
    found = grey_ious(grey, hole)
    assert found.best[0] == 1.0
    assert found.largest[0] == 16 / 81


def test_boxes_are_scaled_by_side_and_truncated():
    size = Size(height=300, width=500)
    ours = np.array([[111.0, 108.0, 442.0, 194.0]])  # 111, 108, 441, 193 with ends inside
    assert truncated_boxes(ours, size, inclusive=True).tolist() == [[49, 80, 197, 144]]
    assert truncated_boxes(ours, size, inclusive=False).tolist() == [[49, 80, 198, 144]]


@pytest.mark.parametrize("box", [[-1.0, 0, 5, 5], [5.0, 0, 3, 5], [0.0, 6, 3, 5]])
def test_boxes_that_the_program_refuses_are_refused(box):
    with pytest.raises(DataError, match="negative or inverted"):
        truncated_boxes(np.array([box]), Size(10, 10), inclusive=False)


def test_a_box_without_a_map_is_that_of_a_map_of_the_box():
    random = np.random.default_rng(6)
    size, truths = Size(300, 500), np.array([[10, 20, 150, 190]])
    for _ in range(20):
        corners = np.sort(random.integers(0, 225, (2, 2)), axis=0).ravel() + 0.0
        drawn = np.zeros((224, 224), np.uint8)
        drawn[int(corners[1]) : int(corners[3]), int(corners[0]) : int(corners[2])] = 255
        box = corners * np.array([500, 300, 500, 300]) / 224 + random.uniform(-0.4, 0.4)
        ours = box_iou_inclusive(box_on_square(box, size), truths).max()
        assert grey_ious(drawn, truths).largest.tolist() == [ours] * 1000


def test_an_image_without_ground_truth_is_refused():
    with pytest.raises(ValueError, match="ground-truth box"):
        grey_ious(np.zeros((4, 4), np.uint8), np.zeros((0, 4), np.int64))


def test_the_compiled_overlap_equals_the_vectorised_and_the_plain_one():
    random = np.random.default_rng(4)
    boxes = np.sort(random.integers(0, 30, (40, 2, 2)), axis=1).reshape(40, 4)
    truths = np.sort(random.integers(0, 30, (7, 2, 2)), axis=1).reshape(7, 4)
    expected = [[overlap(box, truth) for truth in truths.tolist()] for box in boxes.tolist()]
    assert box_iou_inclusive(boxes, truths).tolist() == expected


def test_the_figure_is_the_mean_over_ious_of_the_best_thresholds_share():
    # Three images at two thresholds; V2's IoUs are 0.3, 0.5 and 0.7.
    ious = np.array([[0.4, 0.8], [0.6, 0.1], [0.35, 0.6]])
    columns = np.stack([right_columns(row, V2_IOUS) for row in ious])
    # At 0.3: three right and two; at 0.5: one and two; at 0.7: none and one.
    state = summed(columns, ["a", "b", "c"])
    v2 = figure_of(state, max_box_acc(3))
    assert v2.value == pytest.approx(100 * (3 / 3 + 2 / 3 + 1 / 3) / 3)
    assert v2.low <= v2.value <= v2.high
    v1 = figure_of(
        summed(np.stack([right_columns(r, [0.5]) for r in ious]), list("abc")), max_box_acc(1)
    )
    assert v1.value == pytest.approx(100 * 2 / 3)


def test_an_iou_of_exactly_the_least_is_right():
    assert right_columns(np.array([0.5, np.nextafter(0.5, 0)]), [0.5]).tolist() == [True, False]
    assert right_columns(np.array([0.7]), V2_IOUS).tolist() == [True, True, True]


def test_shards_merge_to_the_whole():
    random = np.random.default_rng(5)
    columns = random.random((20, 12)) < 0.5
    ids = [f"image {i}" for i in range(20)]
    whole = summed(columns, ids)
    parts = merged([summed(columns[:7], ids[:7]), summed(columns[7:], ids[7:])])
    assert figure_of(parts, max_box_acc(3)) == figure_of(whole, max_box_acc(3))


def test_no_images_have_no_figure():
    assert figure_of(summed(np.zeros((0, 6)), []), max_box_acc(3)).value is None


def metadata(folder: Path) -> tuple[dict[str, Size], dict[str, Boxes]]:
    sizes, boxes = {}, {}
    for line in (folder / "image_sizes.txt").read_text().splitlines():
        name, width, height = line.rsplit(",", 2)
        sizes[name] = Size(int(height), int(width))
    for line in (folder / "localization.txt").read_text().splitlines():
        name, *corners = line.rsplit(",", 4)
        boxes.setdefault(name, []).append([float(corner) for corner in corners])
    return sizes, {name: np.array(rows) for name, rows in boxes.items()}


@pytest.mark.ilsvrc
@pytest.mark.parametrize(
    ("dataset", "side", "inclusive", "n", "plain", "as_coded"),
    [
        pytest.param("ILSVRC", 160, True, 50_000, 53.75, 54.02, marks=pytest.mark.slow),
        ("CUB", 144, False, 5_794, 58.91, 59.56),
    ],
)
def test_the_centred_box_scores_what_others_measured(
    wsol_metadata, dataset, side, inclusive, n, plain, as_coded
):
    sizes, boxes = metadata(wsol_metadata / dataset / "test")
    right = np.zeros((len(sizes), 2), bool)
    for row, (name, size) in zip(right, sizes.items(), strict=True):
        truths = boxes[name] + ([0, 0, 1, 1] if inclusive else [0, 0, 0, 0])
        reach = np.array([size.width, size.height]) * side / 224 / 2
        centre = np.array([size.width, size.height]) / 2
        box = np.concatenate([centre - reach, centre + reach])
        row[0] = box_iou(box, truths).max() >= 0.5
        scaled = truncated_boxes(truths, size, inclusive=inclusive)
        row[1] = box_iou_inclusive(box_on_square(box, size), scaled).max() >= 0.5
    assert len(sizes) == n
    assert 100 * right.mean(axis=0) == pytest.approx([plain, as_coded], abs=0.005)


@pytest.mark.ilsvrc
@pytest.mark.parametrize("count", [10, pytest.param(500, marks=pytest.mark.slow)])
def test_every_threshold_agrees_with_the_program_on_real_images_and_boxes(real_images, count):
    """Maps made from the pictures' own brightness, so that no network is needed."""
    images = real_images / "ILSVRC/Data/CLS-LOC/val"
    annotations = real_images / "ILSVRC/Annotations/CLS-LOC/val"
    for path in sorted(images.glob("*.JPEG"))[:count]:
        with Image.open(path) as picture:
            size = Size(picture.height, picture.width)
            small = picture.convert("L").resize((14, 14), Image.Resampling.BOX)
        tree = ElementTree.parse(annotations / f"{path.stem}.xml")
        boxes = [
            [float(box.findtext(name)) for name in ("xmin", "ymin", "xmax", "ymax")]
            for box in tree.iter("bndbox")
        ]
        half_open = np.array(boxes) + np.array([0, 0, 1, 1])
        truths = truncated_boxes(half_open, size, inclusive=True)
        values = np.asarray(small, np.float32)
        ours, (first, second) = as_coded_ious(values, truths), program(values, truths.tolist())
        assert ours.largest.tolist() == first
        assert ours.best.tolist() == second
