"""Metrics of masks and points, measured by a run and again from what it kept."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wsol_bench.analysis.paired import compare_all
from wsol_bench.analysis.pieces import rows_to_pair
from wsol_bench.analysis.rescore import rescore
from wsol_bench.analysis.row_data import row_data
from wsol_bench.errors import DataError, UsageError
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL, PROTOCOLS
from wsol_bench.records.opened_run import open_networks
from wsol_bench.records.result import Result
from wsol_bench.runs.evaluate import evaluate
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.settings import RunSettings

PROTOCOL = PROTOCOLS[DEFAULT_PROTOCOL]
METRICS = ("pxap", "peak_iou", "mask_iou", "best_mask_iou", "pointing_game:tolerance=3.0")
SIZES = ((40, 60), (64, 48), (50, 50), (33, 71), (58, 45))


def write_openimages(root: Path, *, empty: int | None = None) -> Path:
    """Five images of three classes with masks of another resolution, two of them ignored."""
    random = np.random.default_rng(3)
    lines: dict[str, list[str]] = {"image_ids": [], "class_labels": [], "localization": []}
    for number, (width, height) in enumerate(SIZES):
        place = f"images/{number}.jpg"
        coarse = random.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        (root / "images").mkdir(parents=True, exist_ok=True)
        Image.fromarray(coarse).resize((width, height)).save(root / place)
        mask = np.zeros((80, 90), np.uint8)
        y, x = random.integers(0, 40, 2)
        if number != empty:
            mask[y : y + 25, x : x + 30] = 255
        ignore = np.zeros_like(mask)
        ignore[y + 5 : y + 40, x + 20 : x + 45] = 255
        Image.fromarray(mask).save(root / f"images/{number}_object.png")
        Image.fromarray(ignore).save(root / f"images/{number}_ignore.png")
        ignored = f",images/{number}_ignore.png" if number < 2 else ""
        lines["image_ids"].append(place)
        lines["class_labels"].append(f"{place},{number % 3}")
        lines["localization"].append(f"{place},images/{number}_object.png{ignored}")
    for name, rows in lines.items():
        (root / f"{name}.txt").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture(scope="module")
def openimages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_openimages(tmp_path_factory.mktemp("openimages"))


def made(data: Path, weights: Path, out: Path, **changes: object) -> Result:
    settings = RunSettings.of(
        arch="squeezenet1_1",
        weights=str(weights),
        data=str(data),
        out=out,
        device="cpu",
        **{"methods": "grad_cam,center", **changes},
    )
    (result,) = evaluate(settings, quiet=True)
    return result


@pytest.fixture(scope="module")
def kept_maps(
    openimages: Path, small_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run that keeps its maps and no column."""
    out = tmp_path_factory.mktemp("runs") / "maps"
    made(openimages, small_weights, out, metrics="top1_cls", keep_maps=True)
    return out


def figures(result: Result, row: int = 0) -> dict[str, float | None]:
    return {name: each.value for name, each in result.rows[row].figures.items()}


def test_a_run_keeps_what_its_metrics_need_and_no_maps(openimages, small_weights, tmp_path):
    result = made(openimages, small_weights, tmp_path / "run", metrics=METRICS)
    again = rescore(open_networks(tmp_path / "run"), PROTOCOL, metrics_in(METRICS))
    assert set(figures(result)) == set(METRICS)
    assert figures(again) == figures(result)
    assert again.rows[0].figures["pxap"].interval == result.rows[0].figures["pxap"].interval
    assert not list((tmp_path / "run").rglob("maps"))


def test_kept_maps_and_the_dataset_give_the_same_figures(
    openimages, small_weights, kept_maps, tmp_path
):
    asked = made(openimages, small_weights, tmp_path / "run", metrics=METRICS, keep_maps=True)
    later = rescore(open_networks(kept_maps), PROTOCOL, metrics_in(METRICS))
    assert figures(later) == figures(asked)


def test_pxap_of_a_run_is_that_of_plain_loops_over_its_maps(openimages, small_weights, kept_maps):
    import cv2

    (network,) = open_networks(kept_maps)
    scores, truths = [], []
    for number, values in enumerate(row_data(network, "grad_cam").maps()):
        square = cv2.resize(values.astype(np.float64), (224, 224), interpolation=cv2.INTER_CUBIC)
        square = square - square.min()
        square = square / square.max() if square.max() > 0 else square
        mask, ignore = (
            np.asarray(Image.open(file)) > 127
            if (file := openimages / f"images/{number}_{kind}.png").exists()
            and (kind == "object" or number < 2)
            else np.zeros((80, 90), bool)
            for kind in ("object", "ignore")
        )
        ys, xs = (np.arange(224) * length // 224 for length in mask.shape)
        mask, ignore = mask[np.ix_(ys, xs)], ignore[np.ix_(ys, xs)]
        counted = ~(ignore & ~mask)
        scores.append(square[counted])
        truths.append(mask[counted])
    score, truth = np.concatenate(scores), np.concatenate(truths)
    area, before = 0.0, 0.0
    for threshold in np.append(np.arange(0, 1, 0.001), 1.0)[::-1]:
        kept = score >= threshold
        if kept.any():
            right = (kept & truth).sum()
            area += right / kept.sum() * (right - before) / truth.sum()
            before = right
    found = rescore([network], PROTOCOL, metrics_in("pxap"))
    assert found.rows[0].figures["pxap"].value == pytest.approx(100 * area, abs=1e-9)


def test_a_dataset_with_masks_alone_has_no_figure_of_a_box_and_says_why(
    openimages, small_weights, tmp_path
):
    result = made(openimages, small_weights, tmp_path / "run")
    assert {"pxap", "peak_iou", "top1_cls"} <= set(figures(result))
    assert "gt_known_loc" not in figures(result)
    notes = {head.name: head.note for head in result.columns}
    assert notes["gt_known_loc"] == "GT-known loc: n/a, the dataset has no boxes."
    assert "pixels of all images" in notes["pxap"]
    assert "pxap" not in figures(result, row=1)  # a box has no map


def test_the_point_of_the_centred_box_is_the_centre_of_the_image(
    openimages, small_weights, tmp_path
):
    asked = "pointing_game:tolerance=1.0"
    result = made(openimages, small_weights, tmp_path / "run", metrics=asked)
    hits = []
    for number, (width, height) in enumerate(SIZES):
        mask = np.asarray(Image.open(openimages / f"images/{number}_object.png")) > 127
        mask = np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))
        rows, columns = np.nonzero(mask)
        squared = (rows - height / 2) ** 2 + (columns - width / 2) ** 2
        hits.append(bool((squared < 1).any()))
    classes = [np.mean(hits[label::3]) for label in range(3)]
    assert figures(result, row=1)[asked] == pytest.approx(100 * np.mean(classes))


def test_rows_are_compared_in_pairs_by_their_pooled_pixels(openimages, small_weights, tmp_path):
    made(
        openimages,
        small_weights,
        tmp_path / "run",
        methods="grad_cam,grad_cam:sign=negative",
        metrics=METRICS,
    )
    (network,) = open_networks(tmp_path / "run")
    names = dict(zip(network.methods, "AB", strict=True))
    first, second = rows_to_pair(network, names, metrics_in("pxap"))
    (pair,) = compare_all([first, second], "pxap")
    found = pair.difference
    single = rescore([network], PROTOCOL, metrics_in("pxap"))
    one, other = (row.figures["pxap"].value for row in single.rows)
    assert found.percent == pytest.approx(one - other)
    assert found.interval.low <= found.percent <= found.interval.high


def test_an_empty_mask_ends_a_pointing_game_and_counts_in_pxap(small_weights, tmp_path):
    data = write_openimages(tmp_path / "data", empty=2)
    with pytest.raises(DataError, match=r"^2: the mask of the class is empty"):
        made(data, small_weights, tmp_path / "run", metrics="pointing_game")
    assert figures(made(data, small_weights, tmp_path / "other", metrics="pxap"))["pxap"]


def test_a_metric_of_whole_maps_needs_them_kept(openimages, small_weights, tmp_path):
    with pytest.raises(UsageError, match="keep-maps"):
        made(openimages, small_weights, tmp_path / "run", metrics="max_box_acc_as_coded")


def test_a_subset_of_the_pointing_game_is_a_file_of_examples(kept_maps, tmp_path):
    file = tmp_path / "subset.txt"
    file.write_text("0\n4,1\n")
    spec = f'"pointing_game:tolerance=3.0:subset={file}"'
    found = rescore(open_networks(kept_maps), PROTOCOL, metrics_in(spec)).rows[0].figures
    assert [each.n for each in found.values()] == [2]
    file.write_text("0\n4,0\n")
    with pytest.raises(DataError, match="4, 0 is none"):
        rescore(open_networks(kept_maps), PROTOCOL, metrics_in(spec))


def test_metrics_are_no_part_of_what_decides_records(openimages, small_weights, kept_maps):
    assert open_networks(kept_maps)[0].identity.columns == ()
