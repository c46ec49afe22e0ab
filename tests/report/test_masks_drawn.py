"""Ground-truth masks in figures and reports."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from wsol_bench.cli.main import main
from wsol_bench.report.figures import figure
from wsol_bench.report.figures.figure import FigureOptions, draw_run
from wsol_bench.report.page.mask_outline import outline_of

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))

import layout_writers as writers
from PIL import Image
from test_masks import write_openimages


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without a network on two images with masks; the second mask is empty."""
    folder = tmp_path_factory.mktemp("masks")
    data, out, scores = write_openimages(folder / "data"), folder / "run", folder / "scores.csv"
    scores.write_text("a,2,1\nb,1,2\n")
    command = ["run", "--arch=none", "--methods=center", f"--data={data}", f"--out={out}", "-q"]
    assert main([*command, f"--scores={scores}"]) == 0
    return out


def test_a_figure_outlines_the_mask_and_its_key_names_it(run, monkeypatch, tmp_path):
    seen = []
    draw = figure.draw_panels

    def remember(headings, rows, width_in, key):
        seen.append((rows, key))
        return draw(headings, rows, width_in, key)

    monkeypatch.setattr(figure, "draw_panels", remember)
    draw_run(run, FigureOptions(images="a,b")).save(tmp_path / "figure.svg")
    ((rows, key),) = seen
    assert [panel.mask.sum() for panel in rows[0]] == [16, 16]  # two of three columns of 6 x 4
    assert not rows[1][0].mask.any()
    assert key.masks
    assert not key.ground_truth
    assert "ffd54f" in (tmp_path / "figure.svg").read_text()


def test_a_report_outlines_the_mask(tmp_path):
    root = tmp_path / "data"
    writers.WRITERS["cub"](root)
    for sample in writers.SAMPLES:
        mask = np.zeros((sample.height, sample.width), np.uint8)
        mask[4:9, 3:12] = 255
        (image,) = root.rglob(f"{sample.image_id}.*")
        file = root / "segmentations" / image.parent.name / f"{sample.image_id}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(file)
    scores, run = tmp_path / "scores.csv", tmp_path / "run"
    scores.write_text("".join(f"{sample.image_id},2,1,0\n" for sample in writers.SAMPLES))
    command = ["run", "--arch=none", "--methods=center", f"--data={root}", f"--out={run}", "-q"]
    assert main([*command, f"--scores={scores}"]) == 0
    assert main(["report", str(run), f"--out={tmp_path / 'report.html'}"]) == 0
    page = (tmp_path / "report.html").read_text()
    assert re.search(r'"mask":"M[^"]+Z"', page)
    assert "ground-truth mask" in page


def test_a_report_without_boxes_is_refused(run, tmp_path, capsys):
    assert main(["report", str(run), f"--out={tmp_path / 'report.html'}"]) == 2
    assert "has no ground-truth boxes" in capsys.readouterr().err


def test_an_outline_goes_round_the_pixels_of_the_mask():
    mask = np.zeros((30, 40), bool)
    mask[10:20, 5:25] = True
    numbers = [int(each) for each in re.findall(r"\d+", outline_of(mask))]
    assert (min(numbers[::2]), max(numbers[::2])) in [(4, 24), (5, 25), (4, 25)]
    assert (min(numbers[1::2]), max(numbers[1::2])) in [(10, 20), (9, 20), (9, 19)]
    assert outline_of(np.zeros((3, 3), bool)) == ""
    assert outline_of(np.ones((3, 3), bool)).startswith("M")
