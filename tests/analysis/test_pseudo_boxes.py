"""Thresholds tuned on pseudo-boxes of the scored images."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from wsol_bench.analysis.pseudo_boxes import read_pseudo_boxes, with_pseudo_boxes
from wsol_bench.cli.main import main
from wsol_bench.errors import DataError
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL, PROTOCOLS
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.scoring.row_data import RowData

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))

import layout_writers as writers

WIDE, NARROW = [20.0, 60, 200, 160], [20.0, 60, 60, 160]


def row_of() -> RowData:
    """Two images whose map is 1 in the narrow box, 0.4 in the rest of the wide one, else 0."""
    values = np.zeros((224, 224), np.float32)
    values[60:160, 20:200] = 0.4
    values[60:160, 20:60] = 1
    return RowData(
        labels=np.array([0, 1]),
        classes=np.array([[0], [1]]),
        ious=np.ones(2),
        blacklisted=np.zeros(2, bool),
        image_ids=np.array(["a", "b"]),
        boxes=np.array([NARROW] * 2),
        true_boxes=np.array([WIDE] * 2),
        box_counts=np.ones(2, np.int64),
        sizes=np.full((2, 2), 224),
        open_maps=lambda: iter([values] * 2),
    )


@pytest.mark.parametrize(("pseudo", "percent"), [(NARROW, 0.0), ([22.0, 60, 198, 160], 100.0)])
def test_the_threshold_is_the_best_for_the_pseudo_boxes(pseudo, percent):
    from dataclasses import replace

    row = row_of()
    boxes = {name: np.array([pseudo]) for name in "ab"}
    tuned = replace(row, tuned_on=with_pseudo_boxes(row, boxes, Path("p.csv")))
    (metric,) = metrics_in("max_box_acc:threshold=tuned")
    found = metric.measure(tuned, PROTOCOLS[DEFAULT_PROTOCOL])
    assert found is not None
    assert found.value == percent  # scored with the ground-truth boxes, which are wide


def test_ground_truth_boxes_and_images_without_a_box_are_refused():
    row = row_of()
    with pytest.raises(DataError, match="ground-truth boxes of the images"):
        with_pseudo_boxes(row, {name: np.array([WIDE]) for name in "ab"}, Path("p.csv"))
    with pytest.raises(DataError, match="1 of 2 images: b"):
        with_pseudo_boxes(row, {"a": np.array([NARROW])}, Path("p.csv"))


def test_score_takes_a_table_of_them(tmp_path, capsys):
    root = writers.write_kaggle(tmp_path / "data")
    run, table = tmp_path / "run", tmp_path / "pseudo.csv"
    command = ["run", "--arch=none", "--methods=center", f"--data={root}", f"--out={run}", "-q"]
    assert main(command) == 0
    rows = [f"{sample.image_id},thing,0,0,9,9" for sample in writers.SAMPLES]
    writers.write_lines(table, ["image,class,x,y,w,h", *rows])
    capsys.readouterr()
    score = ["score", str(run), "--metrics=max_box_acc", "--json"]
    assert main([*score, f"--tune-on={table}"]) == 0
    assert "max_box_acc:threshold=tuned" in json.loads(capsys.readouterr().out)["rows"][0]
    assert read_pseudo_boxes(table)[writers.SAMPLES[0].image_id].tolist() == [[0, 0, 9, 9]]
    assert main([*score, "--tune-on=val"]) == 2
    assert "--split val --keep-maps" in capsys.readouterr().err
