"""`reproduce`: tables as data, what a row needs, and the best centred square."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from wsol_bench.analysis.centre_square import centre_square
from wsol_bench.cli.main import main
from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.example import Example
from wsol_bench.errors import DataError, UsageError
from wsol_bench.geometry import Size
from wsol_bench.methods.catalog import find_methods
from wsol_bench.networks.archs.catalog import open_arch
from wsol_bench.protocols.catalog import PROTOCOLS
from wsol_bench.runs.evaluate import evaluate
from wsol_bench.runs.reproduce import data_places
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.scoring.published import TABLES, PublishedTable, published_table
from wsol_bench.settings import RunSettings

SHARED = Path(__file__).parents[3] / "shared"


@pytest.mark.parametrize("name", TABLES)
def test_every_table_names_what_there_is_and_its_source(name: str) -> None:
    table = published_table(name)
    assert table.title
    assert table.source
    for row in table.rows:
        assert row.protocol in PROTOCOLS
        assert metrics_in(row.figures)
        if row.arch and not row.needs:
            find_methods((row.method,))
        if row.arch not in ("", "none"):
            open_arch(row.arch)
        assert row.arch or row.baseline or row.needs, row


def test_the_errors_of_the_cam_paper_are_those_of_its_tables() -> None:
    rows = {(row.network, row.method): row.figures for row in published_table("cam-table2").rows}
    assert rows["AlexNet*-GAP", "cam"] == {
        **{"top1_cls": 44.9, "top5_cls": 20.9, "top1_loc": 63.75, "top5_loc": 49.53}
    }
    assert rows["NIN", "cam"]["top1_loc"] == 65.47
    assert rows["GoogLeNet-GMP", "cam"]["top5_loc"] == 45.26
    assert rows["AlexNet", "backprop"] == {
        **{"top1_cls": 42.6, "top5_cls": 19.5, "top1_loc": 65.17, "top5_loc": 52.64}
    }


def test_means_over_the_networks_are_those_of_the_published_table() -> None:
    rows = published_table("choe2020").rows
    for data, mean in (("ilsvrc", 62.4), ("cub", 61.1), ("openimages", 60.0)):
        figures = [
            *(next(iter(r.figures.values())) for r in rows if (r.method, r.data) == ("cam", data))
        ]
        assert np.mean(figures) == pytest.approx(mean, abs=0.051)


SQUARE = Example("image", 1, 0, np.array([[62.0, 62.0, 162.0, 162.0]]), Size(224, 224))


def test_a_centred_object_is_found_at_its_own_side() -> None:
    (metric,) = metrics_in("max_box_acc_v2_as_coded:ends=half-open")
    found = centre_square([SQUARE], metric)
    assert found.value == 100
    # 101 / 125 of the inclusive sides: (101 / s)^2 or (s / 101)^2 is at least 0.5 from 71 on.
    assert found.details["sides"]["0.5"] == 71


def test_an_object_in_a_corner_is_found_by_no_square() -> None:
    corner = Example("image", 1, 0, np.array([[0.0, 0.0, 60.0, 60.0]]), Size(224, 224))
    (metric,) = metrics_in("max_box_acc_as_coded:ends=inclusive")
    assert centre_square([corner], metric).value == 0


def test_a_centred_square_has_no_other_metric_and_needs_boxes() -> None:
    (pxap,), (box,) = metrics_in("pxap"), metrics_in("max_box_acc_as_coded:ends=inclusive")
    with pytest.raises(UsageError, match="centre-square: has no pxap"):
        centre_square([SQUARE], pxap)
    with pytest.raises(UsageError, match="needs ends=inclusive or ends=half-open"):
        centre_square([SQUARE], *metrics_in("max_box_acc_as_coded"))
    empty = Example("image", 1, 0, np.zeros((0, 4)), Size(224, 224))
    with pytest.raises(DataError, match="image: the centred square needs"):
        centre_square([empty], box)


@pytest.mark.ilsvrc
def test_the_centred_square_of_cub_is_the_published_figure_at_iou_0_5() -> None:
    path = SHARED / "data/wsolevaluation/metadata/CUB/test"
    if not path.is_dir():
        pytest.skip("the metadata is not here")
    dataset = open_dataset(path, allow_missing=True, images_needed=False)
    names = ("max_box_acc_as_coded:ends=half-open", "max_box_acc_v2_as_coded:ends=half-open")
    at_05, v2 = (centre_square(dataset.examples, each) for each in metrics_in(names))
    assert at_05.value == pytest.approx(59.67, abs=0.005)
    assert at_05.details["sides"] == {"0.5": 143}
    assert v2.value == pytest.approx(56.86, abs=0.005)


OWN = """
title = "Our paper"
source = "our draft"

[data.small]
title = "nine images"
images = 9

[[rows]]
network = "SqueezeNet"
arch = "squeezenet1_1"
weights = "DIR/{weights}"
method = "grad_cam"
data = "small"
protocol = "gradcam-iccv17"
figures = {{ gt_known_loc = 50.0, max_box_acc = 40.0 }}

[[rows]]
network = "SqueezeNet"
arch = "squeezenet1_1"
weights = "DIR/absent.pth"
method = "grad_cam"
data = "small"
protocol = "gradcam-iccv17"
figures = {{ gt_known_loc = 50.0 }}
"""


def test_a_table_of_ones_own_is_a_file(
    small_dataset: Path, small_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "ours.toml"
    own.write_text(OWN.format(weights=small_weights.name), encoding="utf-8")
    command = ["reproduce", str(own), f"--data={small_dataset}", f"--out={tmp_path / 'runs'}", "-q"]
    assert main([*command, f"--weights-dir={small_weights.parent}", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    measured, absent = printed["rows"]
    assert measured["n"] == 9
    assert set(measured["cells"]) == {"gt_known_loc", "max_box_acc"}
    assert measured["cells"]["max_box_acc"]["ours"] is not None
    assert absent["reason"] == "needs absent.pth in --weights-dir"
    saved = sorted(path.name for path in (tmp_path / "runs").glob("ours.*"))
    assert saved == ["ours.csv", "ours.json", "ours.md", "ours.tex"]


def test_two_checkpoints_of_one_network_are_two_runs(
    small_dataset: Path, small_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = torch.load(small_weights, weights_only=True)
    torch.save(state, tmp_path / "first.pth")
    torch.save({name: value * 1.5 for name, value in state.items()}, tmp_path / "absent.pth")
    own = tmp_path / "ours.toml"
    own.write_text(OWN.format(weights="first.pth"), encoding="utf-8")
    command = ["reproduce", str(own), f"--data={small_dataset}", f"--out={tmp_path / 'runs'}", "-q"]
    assert main([*command, f"--weights-dir={tmp_path}", "--json"]) == 0
    assert [row["n"] for row in json.loads(capsys.readouterr().out)["rows"]] == [9, 9]


def test_rows_of_one_network_are_one_run_wherever_they_stand(
    small_dataset: Path,
    small_weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def evaluate_and_note(settings: RunSettings, *, quiet: bool) -> Any:
        asked.append(settings.methods)
        return evaluate(settings, quiet=quiet)

    monkeypatch.setattr("wsol_bench.runs.reproduce.evaluate", evaluate_and_note)
    text = OWN.format(weights=small_weights.name)
    again = text[text.index("[[rows]]") : text.rindex("[[rows]]")].replace("grad_cam", "backprop")
    own = tmp_path / "ours.toml"
    own.write_text(text + again, encoding="utf-8")
    command = ["reproduce", str(own), f"--data={small_dataset}", f"--out={tmp_path / 'runs'}", "-q"]
    assert main([*command, f"--weights-dir={small_weights.parent}", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["method"] for row in rows] == ["grad_cam", "grad_cam", "backprop"]
    assert asked == [("grad_cam", "backprop", "center")]


def test_without_data_every_row_says_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "pointing"]) == 3
    out, err = capsys.readouterr()
    assert "needs --data voc07=PATH" in " ".join(out.split())
    assert "no row could be measured" in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title = 3", "Expected `str`"),
        ("title", "no table of published figures"),
        (OWN.format(weights="x").replace('data = "small"', 'data = "big"'), "data = 'big'"),
        (OWN.format(weights="x").replace("network", "netwrk"), "network"),
    ],
)
def test_a_file_that_is_no_table_is_named(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"own\.toml: .*") as caught:
        published_table(str(path))
    assert said in str(caught.value)


def test_an_unknown_table_lists_the_known_and_how_to_bring_ones_own() -> None:
    with pytest.raises(UsageError, match=r"unknown table 'choe2021'.*choe2020.*TOML file"):
        published_table("choe2021")


def test_a_path_without_a_name_serves_a_table_of_one_dataset() -> None:
    one: PublishedTable = published_table("gradcam-table1")
    assert data_places(one, ["/imagenet"]) == {"ilsvrc": "/imagenet"}
    assert data_places(one, ["ilsvrc=/imagenet"]) == {"ilsvrc": "/imagenet"}
    several = published_table("choe2020")
    assert data_places(several, ["cub=/a", "ilsvrc=/b"]) == {"cub": "/a", "ilsvrc": "/b"}
    with pytest.raises(UsageError, match=r"--data /a: this table has several datasets"):
        data_places(several, ["/a"])
