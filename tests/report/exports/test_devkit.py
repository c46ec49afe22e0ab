"""The devkit's prediction file: written, read, and scored as a second scorer scores it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsol_bench.boxes.map_state import MapState
from wsol_bench.datasets.classes import official_classes
from wsol_bench.datasets.devkit_ids import DevkitIds, devkit_ids
from wsol_bench.datasets.example import Example
from wsol_bench.errors import DataError, UsageError
from wsol_bench.geometry import box_iou
from wsol_bench.protocols.catalog import PROTOCOLS
from wsol_bench.records.record import Record
from wsol_bench.records.table import outcomes_of, to_table
from wsol_bench.report.exports.coco import coco_results, image_numbers_of, write_coco
from wsol_bench.report.exports.devkit import read_predictions, score_predictions, write_predictions
from wsol_bench.report.exports.predictions import EMPTY_BOX, Prediction, predictions_of
from wsol_bench.scoring.catalog import measure
from wsol_bench.scoring.ilsvrc import rank_classes
from wsol_bench.scoring.intervals import Rate
from wsol_bench.scoring.measured import Measured

PROTOCOL = next(iter(PROTOCOLS.values()))
METHOD = "grad_cam"
IDS = DevkitIds(tuple(range(8, 0, -1)), {8 - k: k for k in range(8)} | {99: -1}, "eight ids")
"""Eight classes; class 0 has the id 8, class 7 the id 1; 99 is of another dataset."""

FIRST_TEN = (490, 361, 171, 822, 297, 482, 13, 704, 599, 164)
"""The devkit's own ids of the first ten validation images."""


# -- The class ids


def test_the_packages_ids_are_one_to_a_thousand_for_the_thousand_classes():
    ids = devkit_ids(official_classes().class_ids)
    assert sorted(ids.ids) == list(range(1, 1001))
    assert all(ids.index_of[one] == index for index, one in enumerate(ids.ids))


@pytest.mark.parametrize(
    ("wnid", "identity"),
    [
        ("n02119789", 1),  # kit fox
        ("n02100735", 2),  # English setter
        ("n02012849", 429),  # crane, the bird
        ("n03126707", 545),  # crane, the machine
        ("n01440764", 449),  # tench, the first in sorted order
        ("n03710637", 782),  # maillot
        ("n03710721", 977),  # maillot, tank suit
        ("n03255030", 1000),  # dumbbell
    ],
)
def test_an_id_is_the_devkits(wnid, identity):
    assert devkit_ids([wnid]).ids == (identity,)


@pytest.mark.ilsvrc
def test_the_ids_of_the_first_images_are_those_of_the_devkits_ground_truth(real_images: Path):
    rows = (real_images / "LOC_val_solution.csv").read_text().splitlines()
    wnids = {row.split(",")[0]: row.split(",")[1].split()[0] for row in rows[1:]}
    first = [wnids[f"ILSVRC2012_val_{number:08d}"] for number in range(1, 11)]
    assert devkit_ids(first).ids == FIRST_TEN


def test_a_part_of_the_classes_keeps_the_devkits_ids_and_knows_the_others_as_absent():
    ids = devkit_ids(["n01440764", "n02119789"])
    assert ids.ids == (449, 1)
    assert (ids.index_of[449], ids.index_of[1], ids.index_of[2]) == (0, 1, -1)


def test_a_class_without_an_id_asks_for_a_class_map():
    with pytest.raises(
        DataError, match=r"1 of 2 classes have no id in .*: n99999999\. .*--class-map"
    ):
        devkit_ids(["n01440764", "n99999999"])


def test_a_class_map_of_the_devkits_form_is_read(tmp_path: Path):
    path = tmp_path / "map.txt"
    path.write_text("n00000002 1 kit_fox\nn00000001 2\n")
    assert devkit_ids(["n00000001", "n00000002"], path).ids == (2, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("n1 1\nn2", "line 2: expected a WNID and an id"),
        ("n1 0", "line 1: expected a WNID and an id from 1 on"),
        ("1 n1", "line 1: expected a WNID and an id"),
        ("n1 1\nn2 1", "line 2: n2 or the id 1 occurs on an earlier line"),
        ("n1 1\nn1 2", "line 2: n1 or the id 2 occurs on an earlier line"),
    ],
)
def test_a_bad_class_map_is_refused_by_its_line(tmp_path: Path, text: str, message: str):
    path = tmp_path / "map.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        devkit_ids(["n1"], path)


def test_a_class_map_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"--class-map .*cannot be read"):
        devkit_ids(["n1"], tmp_path / "absent.txt")


# -- Writing and reading


def written(predictions, tmp_path: Path) -> str:
    path = tmp_path / "predictions.txt"
    write_predictions(predictions, path, IDS)
    return path.read_text()


def read(text: str, tmp_path: Path):
    path = tmp_path / "predictions.txt"
    path.write_text(text)
    return read_predictions(path, IDS)


def test_a_line_has_ids_and_inclusive_boxes_in_the_order_of_the_image_ids(tmp_path: Path):
    predictions = {
        "b": [Prediction(0, (0.0, 0.0, 100.0, 80.0)), Prediction(7, (10.0, 20.0, 30.0, 40.0))],
        "a": [Prediction(3, (1.5, 2.0, 3.25, 4.0))],
        "c": [],
    }
    assert (
        written(predictions, tmp_path) == "5 1.5 2 2.25 3\n8 0 0 99 79 1 10 20 29 39\n0 0 0 0 0\n"
    )


def test_a_line_is_read_as_half_open_boxes(tmp_path: Path):
    (line,) = read("8 0 0 99 79 1 1.5 2 2.25 3\n", tmp_path)
    assert line == (Prediction(0, (0.0, 0.0, 100.0, 80.0)), Prediction(7, (1.5, 2.0, 3.25, 4.0)))


def test_zeros_and_classes_of_another_dataset_are_read_as_no_class(tmp_path: Path):
    (line,) = read("99 0 0 9 9 0 0 0 0 0 8.0 1e1 0 2e1 9", tmp_path)
    assert [prediction.label for prediction in line] == [-1, -1, 0]
    assert line[2].box == (10.0, 0.0, 21.0, 10.0)


corner = st.floats(1e-6, 5000) | st.integers(0, 5000).map(float)
prediction = st.builds(Prediction, st.integers(0, 7), st.tuples(corner, corner, corner, corner))


@settings(deadline=None)
@given(lines=st.lists(st.lists(prediction, min_size=1, max_size=6), min_size=1, max_size=4))
def test_what_is_written_is_read_back_exactly(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("round") / "predictions.txt"
    write_predictions({f"i{at}": line for at, line in enumerate(lines)}, path, IDS)
    assert [list(line) for line in read_predictions(path, IDS)] == lines


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty. Expected one line per image"),
        ("8 0 0 9 9\n\n8 0 0 9 9", "line 2: expected groups of five numbers.* got 0 numbers"),
        ("8 0 0 9 9\n8 0 0 9", "line 2: expected groups of five numbers.* got 4 numbers"),
        ("8 0 0 9 9 7", "line 1: expected groups of five numbers.* got 6 numbers"),
        ("8 0 0 9 x", "line 1: expected a class id or a pixel, got 'x'"),
        ("8 0 0 nan 9", "line 1: expected a class id or a pixel, got 'nan'"),
        ("8 0 0 9 1e99", "line 1: expected a class id or a pixel, got '1e99'"),
        ("8 0 0 9 9\n9 0 0 9 9", r"line 2: 9 is not a class id.*eight ids \(1 to 99\)"),
        ("1.5 0 0 9 9", "line 1: 1.5 is not a class id"),
        ("-1 0 0 9 9", "line 1: -1 is not a class id"),
    ],
)
def test_a_bad_file_is_refused_by_its_line(tmp_path: Path, text: str, message: str):
    with pytest.raises(DataError, match=message):
        read(text, tmp_path)


def test_a_file_that_is_absent_or_binary_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"absent\.txt: cannot be read"):
        read_predictions(tmp_path / "absent.txt", IDS)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="binary: cannot be read"):
        read_predictions(tmp_path / "binary", IDS)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path):
    with pytest.raises(DataError, match=r"no/file\.txt: cannot be written"):
        write_predictions({"a": []}, tmp_path / "no" / "file.txt", IDS)


# -- Scoring


def devkit_errors(text: str, truths: list, blacklist: set[int], k: int) -> tuple[float, float]:
    """A second scorer, from the devkit's documented rules alone: plain loops, +1 arithmetic.

    Args:
        text: the prediction file.
        truths: of each image its id and its true boxes, inclusive.
        blacklist: 1-based lines.
        k: predictions that count.

    Returns:
        The shares of images wrong in classification and in localization.
    """
    wrong_class = wrong_place = listed = 0
    for number, (line, (label, boxes)) in enumerate(zip(text.splitlines(), truths, strict=True), 1):
        values = [float(v) for v in line.split()][: 5 * k]
        class_error = place_error = 1
        while values:
            identity, left, top, right, bottom, *values = values
            if identity != label:
                continue
            class_error = 0
            for x0, y0, x1, y1 in boxes:
                across = min(right, x1) - max(left, x0) + 1
                down = min(bottom, y1) - max(top, y0) + 1
                if across <= 0 or down <= 0:
                    continue
                both = across * down
                first = (right - left + 1) * (bottom - top + 1)
                second = (x1 - x0 + 1) * (y1 - y0 + 1)
                if both / (first + second - both) >= 0.5:
                    place_error = 0
        wrong_class += class_error
        if number in blacklist:
            listed += 1
        else:
            wrong_place += place_error
    return wrong_class / len(truths), wrong_place / (len(truths) - listed)


Figures = dict[str, Measured]


def rate(wrong: int, n: int) -> Measured:
    return Measured.of_rate(Rate(wrong, n))


def as_percents(figures: Figures) -> list[tuple[float, float]]:
    return [(figures[f"{k}_cls"].value, figures[f"{k}_loc"].value) for k in ("top1", "top5")]


def example(at: int, label: int, boxes) -> Example:
    """Example of 1-based index `at`; boxes inclusive."""
    opened = np.array(boxes, float).reshape(-1, 4) + np.array([0, 0, 1, 1])
    return Example(f"i{at:05d}", at, label, opened, None)


def all_scorers(text: str, examples: list[Example], blacklist: set[int], tmp_path: Path) -> Figures:
    """The file's errors, the second scorer's having been seen to be the same."""
    found = score_predictions(read(text, tmp_path), examples, PROTOCOL, blacklist)
    truths = [(IDS.ids[e.label], (e.boxes - [0, 0, 1, 1]).tolist()) for e in examples]
    expected = [devkit_errors(text, truths, blacklist, k) for k in (1, 5)]
    assert as_percents(found) == [pytest.approx([100 * s for s in each]) for each in expected]
    return found


WHOLE = [0, 0, 99, 79]  # an image of 100 x 80


@pytest.mark.parametrize(
    ("line", "boxes", "expected"),
    [
        # The label is class 0, whose id is 8: top1_cls, top5_cls, top1_loc, top5_loc
        ("8 0 0 99 79", [WHOLE], (0, 0, 0, 0)),
        ("8 0 0 99 79", [[0, 0, 49, 79]], (0, 0, 0, 0)),  # an IoU of exactly one half
        ("8 0 0 99 79", [[0, 0, 48, 79]], (0, 0, 1, 1)),  # 0.49
        ("8 50 40 99 79", [[50, 40, 99, 79]], (0, 0, 0, 0)),  # touches the border
        ("8 50 40 100 80", [[0, 0, 9, 9], [50, 40, 99, 79]], (0, 0, 0, 0)),  # leaves the image
        # Any of several true boxes will do, both together will not.
        ("8 0 0 9 9", [[50, 50, 59, 59], [0, 0, 9, 19]], (0, 0, 0, 0)),
        ("8 0 0 8 9", [[0, 0, 2, 9], [3, 0, 5, 9], [6, 0, 8, 9]], (0, 0, 1, 1)),
        # One class may be guessed twice; the first prediction alone is top-1.
        ("8 0 0 9 9 8 0 0 99 79", [WHOLE], (0, 0, 1, 0)),
        # Only the fourth class is right.
        ("7 0 0 99 79 6 0 0 99 79 5 0 0 99 79 8 0 0 99 79 4 0 0 9 9", [WHOLE], (1, 0, 1, 0)),
        ("7 0 0 99 79 6 0 0 99 79 5 0 0 99 79 8 0 0 9 9 4 0 0 99 79", [WHOLE], (1, 0, 1, 1)),
        # A sixth is not looked at.
        (f"{'7 0 0 99 79 ' * 5}8 0 0 99 79", [WHOLE], (1, 1, 1, 1)),
        # Zeros are no class; a box that covers no pixel is right nowhere.
        ("0 0 0 0 0 8 0 0 99 79", [WHOLE], (1, 0, 1, 0)),
        ("0 0 0 0 0", [WHOLE], (1, 1, 1, 1)),
        ("8 0 0 -1 -1", [WHOLE], (0, 0, 1, 1)),
        ("8 0 0 -1 -1", [[0, 0, 1, 1]], (0, 0, 1, 1)),
        ("8 99 79 0 0", [WHOLE], (0, 0, 1, 1)),
    ],
)
def test_one_image_worked_by_hand(tmp_path: Path, line, boxes, expected):
    errors = all_scorers(line, [example(1, 0, boxes)], set(), tmp_path)
    names = ("top1_cls", "top5_cls", "top1_loc", "top5_loc")
    assert errors == {name: rate(wrong, 1) for name, wrong in zip(names, expected, strict=True)}


def test_a_blacklisted_image_counts_in_classification_and_not_in_localization(tmp_path: Path):
    examples = [example(1, 0, [WHOLE]), example(2, 0, [WHOLE])]
    errors = all_scorers("7 0 0 9 9\n8 0 0 99 79\n", examples, {1}, tmp_path)
    assert errors["top1_cls"] == errors["top5_cls"] == rate(1, 2)
    assert errors["top1_loc"] == errors["top5_loc"] == rate(0, 1)


def test_among_tied_scores_the_lower_classes_are_guessed(tmp_path: Path):
    classes = rank_classes(np.zeros((1, 8), np.float32), 5)[0]
    text = " ".join(f"{IDS.ids[one]} 0 0 99 79" for one in classes)
    for label, expected in ((0, (0, 0)), (4, (1, 0)), (5, (1, 1))):
        errors = all_scorers(text, [example(1, label, [WHOLE])], set(), tmp_path)
        found = tuple(round(errors[name].value / 100) for name in ("top1_cls", "top5_cls"))
        assert found == expected


def random_boxes(random: np.random.Generator, count: int) -> np.ndarray:
    """Small ones on a small grid, so that many IoUs are exactly one half; inclusive."""
    corners = random.integers(0, 5, (count, 2))
    return np.concatenate([corners, corners + random.integers(1, 7, (count, 2))], axis=1)


@pytest.mark.parametrize("seed", range(3))
def test_random_files_score_the_same_by_both_scorers(tmp_path: Path, seed: int):
    random = np.random.default_rng(seed)
    lines, examples = [], []
    for at in range(1, 301):
        ids = random.integers(0, 9, int(random.integers(1, 8)))
        lines.append(
            " ".join(
                f"{one} {' '.join(map(str, box))}"
                for one, box in zip(ids, random_boxes(random, len(ids)), strict=True)
            )
        )
        boxes = random_boxes(random, int(random.integers(1, 4)))
        examples.append(example(at, int(random.integers(8)), boxes))
    blacklist = {int(one) for one in random.choice(np.arange(1, 301), 30, replace=False)}
    errors = all_scorers("\n".join(lines), examples, blacklist, tmp_path)
    cls, five, one = (errors[name].value for name in ("top5_cls", "top5_loc", "top1_loc"))
    assert 0 < cls < five < one < 100


def test_lines_are_matched_in_alphabetical_order_or_by_the_official_index(tmp_path: Path):
    text = "8 0 0 99 79\n7 0 0 99 79\n6 0 0 99 79\n"
    predictions = read(text, tmp_path)
    examples = [example(3, 2, [WHOLE]), example(1, 0, [WHOLE])]
    part = score_predictions(predictions, examples, PROTOCOL)  # lines 1 and 3 of three
    assert part["top1_loc"] == rate(0, 2)
    whole = [*examples, example(2, 1, [WHOLE])]
    assert score_predictions(predictions, whole, PROTOCOL)["top1_loc"] == rate(0, 3)
    with pytest.raises(DataError, match="has 3 lines for 2 images, the last of which is number 4"):
        score_predictions(predictions, [example(1, 0, [WHOLE]), example(4, 0, [WHOLE])], PROTOCOL)


# -- From records, there and back


def random_records(count: int, seed: int = 0) -> list[Record]:
    random = np.random.default_rng(seed)
    records = []
    for at in range(1, count + 1):
        label, scores = int(random.integers(8)), random.integers(0, 4, (1, 8)).astype(np.float32)
        classes = rank_classes(scores, 5)[0]
        box = random_boxes(random, 1)[0] + np.array([0, 0, 1, 1]) + random.choice([0, 0.1])
        truths = random_boxes(random, int(random.integers(1, 4))) + np.array([0, 0, 1, 1])
        records.append(
            Record(
                image_id=f"i{at:05d}",
                index=at,
                method=METHOD,
                label=label,
                height=20,
                width=30,
                classes=classes,
                scores=scores[0, classes],
                box=box.astype(float),
                true_boxes=truths.astype(float),
                iou=float(box_iou(box.astype(float), truths.astype(float)).max()),
                map_state=MapState.OK,
                blacklisted=at % 10 == 0,
            )
        )
    return records


def test_an_exported_run_scores_what_the_run_scored(tmp_path: Path):
    records = random_records(500)
    shuffled = [records[at] for at in np.random.default_rng(1).permutation(500)]
    table = to_table([*shuffled, *(replace(one, method="other") for one in records)])
    path = tmp_path / "predictions.txt"
    write_predictions(predictions_of(table, METHOD, empty_others=True), path, IDS)
    examples = [Example(r.image_id, r.index, r.label, r.true_boxes, None) for r in records]
    blacklist = {record.index for record in records if record.blacklisted}
    found = score_predictions(read_predictions(path, IDS), examples, PROTOCOL, blacklist)
    assert found == measure(outcomes_of(table, METHOD), PROTOCOL, found)
    assert 0 < found["top5_loc"].value < found["top1_loc"].value < 100


def test_boxes_of_the_other_classes_are_written_and_change_no_error(tmp_path: Path):
    records = random_records(200)
    table = to_table(records)
    random = np.random.default_rng(5)
    boxes = {
        one.image_id: {c: tuple(random_boxes(random, 1)[0].astype(float)) for c in range(8)}
        for one in records
    }
    predictions = predictions_of(table, METHOD, boxes)
    for one in records:
        for place, found in enumerate(predictions[one.image_id]):
            own = tuple(one.box) if found.label == one.label else boxes[one.image_id][found.label]
            assert found == Prediction(int(one.classes[place]), own, float(one.scores[place]))
    examples = [Example(r.image_id, r.index, r.label, r.true_boxes, None) for r in records]
    path = tmp_path / "predictions.txt"
    write_predictions(predictions, path, IDS)
    blacklist = {record.index for record in records if record.blacklisted}
    found = score_predictions(read_predictions(path, IDS), examples, PROTOCOL, blacklist)
    assert found == measure(outcomes_of(table, METHOD), PROTOCOL, found)


def test_records_without_the_other_classes_boxes_are_refused_unless_asked():
    table = to_table(random_records(1))
    with pytest.raises(UsageError, match=r"i00001: the records of grad_cam hold .*--boxes top5"):
        predictions_of(table, METHOD)
    with pytest.raises(DataError, match="no records of c_mwp"):
        predictions_of(table, "c_mwp")
    predictions = predictions_of(table, METHOD, empty_others=True)["i00001"]
    assert sum(prediction.box == EMPTY_BOX for prediction in predictions) >= 4


# -- COCO


def test_coco_results_have_widths_and_heights_and_leave_out_boxes_not_made(tmp_path: Path):
    records = [replace(record, image_id=f"v{record.index}") for record in random_records(2)]
    record = replace(
        records[0], label=3, classes=np.array([1, 3]), scores=np.array([0.5, 0.25], np.float32)
    )
    record = replace(record, box=np.array([10.0, 20, 40, 60]))
    table = to_table([record])
    predictions = predictions_of(table, METHOD, empty_others=True)
    results = coco_results(predictions, image_numbers_of(table), IDS.ids)
    expected = {"image_id": 1, "category_id": 5, "bbox": [10.0, 20.0, 30.0, 40.0], "score": 0.25}
    assert results == [expected]
    write_coco(results, tmp_path / "results.json")
    assert json.loads((tmp_path / "results.json").read_text()) == [expected]


def test_coco_results_need_scores_and_a_place(tmp_path: Path):
    with pytest.raises(UsageError, match="a: a prediction has no score"):
        coco_results({"a": [Prediction(0, (0, 0, 1, 1))]}, {"a": 1}, IDS.ids)
    with pytest.raises(DataError, match="cannot be written"):
        write_coco([], tmp_path / "no" / "results.json")
