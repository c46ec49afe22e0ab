"""The commands on runs that are there."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from wsol_bench.analysis.ablation import ablate, variants
from wsol_bench.analysis.redrawing import redraw
from wsol_bench.analysis.rescore import rescore, with_rule
from wsol_bench.cli.main import main
from wsol_bench.protocols.catalog import PROTOCOLS, Protocol
from wsol_bench.records.opened_run import (
    NetworkRecords,
    joined_maps,
    open_networks,
    own_protocol,
)
from wsol_bench.records.run_folder import RunFolder
from wsol_bench.records.table import boxes_of
from wsol_bench.runtime.progress import Progress
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.scoring.intervals import wilson_interval

METHODS = "backprop,c_mwp,mwp,grad_cam,grad_cam_other,center,whole"


@pytest.fixture(scope="session")
def kept_run(
    small_dataset: Path, small_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run of the small dataset with maps and five boxes an image."""
    out = tmp_path_factory.mktemp("runs") / "kept"
    command = ["run", "--arch=squeezenet1_1", f"--weights={small_weights}"]
    command += [f"--data={small_dataset}", f"--methods={METHODS}", f"--out={out}", "-q", "--json"]
    assert main([*command, "--keep-maps", "--boxes=top5"]) == 0
    return out


def anew(network: NetworkRecords, method: str, protocol: Protocol) -> pa.Table:
    """A row's records under a protocol that draws other boxes."""
    maps = joined_maps(network, method) if network.has_map(method) else None
    (table,) = redraw(network, network.of(method), [protocol], maps)
    return table


@pytest.fixture
def class_map(tmp_path: Path) -> Path:
    path = tmp_path / "map.txt"
    path.write_text("n01440764 7 a\nn01443537 3 b\nn01484850 9 c\n")
    return path


def printed_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_scoring_a_run_again_gives_its_own_table(
    kept_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = json.loads((kept_run / "run.json").read_text())["result"]
    assert printed_json(capsys, "score", str(kept_run))["rows"] == own["rows"]


def test_boxes_drawn_again_from_kept_maps_are_the_runs_own(kept_run: Path) -> None:
    (network,) = open_networks(kept_run)
    # a rule that differs in a field which changes no box, so that maps are used
    protocol = with_rule(own_protocol(network), threshold=np.nextafter(0.15, 0))
    for method in network.methods:
        again = anew(network, method, protocol)
        assert np.array_equal(boxes_of(again), boxes_of(network.of(method))), method
        assert again["iou"].equals(network.of(method)["iou"])


def test_another_least_iou_needs_no_maps(
    small_dataset: Path,
    small_weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "bare"
    command = ["run", "--arch=squeezenet1_1", f"--weights={small_weights}", f"--out={out}"]
    assert main([*command, f"--data={small_dataset}", "--methods=grad_cam", "-q"]) == 0
    scored = printed_json(capsys, "score", str(out), "--set", "iou=0.3")
    right = (np.array(RunFolder(out).read()["iou"]) >= 0.3).mean()
    assert scored["rows"][0]["gt_known_loc"] == pytest.approx(100 * (1 - right))
    assert main(["score", str(out), "--set", "threshold=0.3"]) == 3
    assert "--keep-maps" in capsys.readouterr().err


def test_another_view_is_refused(kept_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(kept_run), "--protocol=cam-cvpr16"]) == 2
    assert "ten-crops" in capsys.readouterr().err


def test_a_higher_threshold_draws_smaller_boxes(kept_run: Path) -> None:
    (network,) = open_networks(kept_run)
    own = own_protocol(network)
    areas = []
    for threshold in (0.05, 0.15, 0.5, 0.9):
        boxes = boxes_of(anew(network, "mwp", with_rule(own, threshold=threshold, component="all")))
        areas.append(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    assert all((more >= less).all() for more, less in pairwise(areas))


def test_an_ablation_moves_one_choice_at_a_time_and_holds_the_runs_own(kept_run: Path) -> None:
    networks = open_networks(kept_run)
    own = own_protocol(networks[0])
    found = ablate(networks)
    assert {variant.choice for variant in found if variant.is_own} == {
        variant.choice for variant in found
    }
    result = json.loads((kept_run / "run.json").read_text())["result"]
    for variant in found:
        if variant.is_own:
            for row, own_row in zip(variant.result.rows, result["rows"], strict=True):
                assert {name: each.value for name, each in row.figures.items()} == {
                    name: own_row[name] for name in ("top1_loc", "top5_loc", "gt_known_loc")
                }
    for _, _, protocol in variants(own):
        changed = replace(protocol, name=own.name)
        assert changed.view == own.view


def test_an_ablation_in_one_pass_has_the_figures_of_a_pass_per_variant(kept_run: Path) -> None:
    networks = open_networks(kept_run)
    own = own_protocol(networks[0])
    specs = ("top1_loc", "mean_best_iou", "max_box_acc:threshold=fixed")
    metrics = metrics_in(specs)
    passes: list[int] = []
    read: list[int] = []

    @contextmanager
    def show(expected: int) -> Iterator[Progress]:
        passes.append(expected)
        yield lambda maps, note=None, /: read.append(maps)

    together = ablate(networks, metrics, show)
    assert passes == [sum(read)]
    for variant, (choice, value, protocol) in zip(together, variants(own), strict=True):
        assert (variant.choice, variant.value) == (choice, value)
        alone = rescore(networks, protocol, metrics)
        assert variant.result == alone, (choice, value)
    assert len({str(variant.result.rows) for variant in together}) > 10  # the choices do matter


def test_ablate_prints_a_table_for_each_map(
    kept_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ablate", str(kept_run)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("connectivity") == 5  # the methods with maps
    assert max(map(len, printed.splitlines())) <= 80


@pytest.mark.parametrize("name", [name for name, each in PROTOCOLS.items() if each.sweep])
def test_a_sweep_keeps_fixed_and_oracle_apart(
    name: str, kept_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scored = printed_json(capsys, "score", str(kept_run), f"--protocol={name}")
    metric = scored["metrics"][1]["name"]
    for row in scored["rows"]:
        oracle, fixed = f"{metric}", f"{metric}:threshold=fixed"
        assert row[oracle] >= row[fixed]
        assert f"{metric}:threshold=tuned" not in row
        assert row["n"] == {fixed: 9, oracle: 9}
        for figure in (oracle, fixed):
            low, high = row["ci"][figure]
            assert low <= row[figure] <= high
            assert set(row["details"][figure]) == {"thresholds", "curve"}


def test_a_threshold_is_not_tuned_on_the_images_that_are_scored(
    kept_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["score", str(kept_run), "--protocol=maxboxacc", f"--tune-on={kept_run}"]
    assert main(command) == 2
    assert "oracle" in capsys.readouterr().err


def test_a_swept_protocol_cannot_be_run_and_says_how_to(
    small_dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", "--arch=vgg16", f"--data={small_dataset}", "--protocol=maxboxacc"]
    assert main(command) == 2
    assert "--keep-maps" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["grad_cam", "center"])
def test_exported_predictions_score_as_the_run_does(
    method: str,
    kept_run: Path,
    class_map: Path,
    small_dataset: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "predictions.txt"
    command = ["export", str(kept_run), str(file), f"--methods={method}"]
    assert main([*command, f"--class-map={class_map}"]) == 0
    assert len(file.read_text().splitlines()) == 9
    flags = [f"--predictions={file}", f"--data={small_dataset}", f"--class-map={class_map}"]
    scored = printed_json(capsys, "score", *flags)["rows"][0]
    result = json.loads((kept_run / "run.json").read_text())["result"]
    (own,) = (row for row in result["rows"] if row["method"] == method)
    for metric in ("top1_cls", "top5_cls", "top1_loc", "top5_loc"):
        assert scored[metric] == own[metric]
    assert "gt_known_loc" not in scored
    assert "gt_known_loc" not in scored["ci"]


def test_coco_results_have_a_box_for_each_class(
    kept_run: Path, class_map: Path, tmp_path: Path
) -> None:
    file = tmp_path / "coco.json"
    command = ["export", str(kept_run), str(file), "--methods=grad_cam", "--format=coco"]
    assert main([*command, f"--class-map={class_map}"]) == 0
    results = json.loads(file.read_text())
    assert len(results) == 9 * 3
    assert {each["category_id"] for each in results} == {7, 3, 9}


def test_export_without_a_map_of_foreign_classes_says_what_to_give(
    kept_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "none.txt"
    command = ["export", str(kept_run), str(tmp_path / "x"), "--methods=grad_cam"]
    assert main([*command, f"--class-map={missing}"]) == 3
    assert "none.txt" in capsys.readouterr().err


def test_pairs_and_breakdown_fit_a_terminal(
    kept_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pairs", str(kept_run), "--metrics=gt_known_loc"]) == 0
    assert main(["breakdown", str(kept_run), "--methods=grad_cam"]) == 0
    printed = capsys.readouterr().out
    assert "outcomes" in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert "Grad-CAM" in printed
    assert "grad_cam" not in printed


def test_a_breakdown_gives_every_rate_its_interval_and_is_there_for_programs_too(
    kept_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["breakdown", str(kept_run), "--methods=grad_cam"]
    assert main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert sum(told["outcomes"].values()) == told["n"]
    for groups in ("by_size", "by_count", "by_class"):
        assert sum(each["n"] for each in told[groups]) == told["n"]
        for each in (each for each in told[groups] if each["n"]):
            wrong = round(each["top1_loc"] * each["n"] / 100)
            interval = wilson_interval(wrong, each["n"], 0.95)
            assert each["ci"]["top1_loc"] == pytest.approx([interval.low, interval.high])
    assert main(command) == 0
    printed = capsys.readouterr().out
    for each in told["by_class"]:
        low, high = (f"{end:.1f}".replace("100.0", "100") for end in each["ci"]["top1_loc"])
        assert f"{low}–{high}" in printed


def test_rows_of_several_runs_are_told_apart_even_where_their_folders_are_named_alike(
    kept_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copytree(kept_run, tmp_path / kept_run.name))
    assert main(["pairs", str(kept_run), str(other)]) == 0
    printed = "".join(capsys.readouterr().out.split())
    assert "".join(str(other).split()) in printed


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["score"], 2, "--predictions"),
        (["score", "no/run"], 3, "no/run"),
        (["ablate", "no/run"], 3, "no/run"),
        (["pairs", "no/run"], 3, "no/run"),
        (["breakdown", "no/run", "--methods=cam"], 3, "no/run"),
        (["export", "no/run", "x", "--methods=cam"], 3, "no/run"),
        (["reproduce", "gradcam-table1", "--data=."], 3, "no row could be measured"),
        (["table1", "--data=.", "--weights-dir=no/weights"], 2, "reproduce gradcam-table1"),
    ],
)
def test_what_is_not_there_is_named(
    command: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--set=topk=3", "--metrics=top1_loc"],
            "--set topk: changes none of the requested metrics",
        ),
        (["--protocol=maxboxacc", "--set=component=all"], "--set component: changes none"),
        (["--set=topk=20"], "hold the best"),
        (["--metrics=top1_lok"], "Did you mean top1_loc"),
        (["--tune-on=elsewhere"], "has a threshold to tune"),
    ],
)
def test_a_question_that_a_run_cannot_answer_is_refused(
    flags: list[str], message: str, kept_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["score", str(kept_run), *flags])
    printed = capsys.readouterr()
    if flags == ["--set=topk=20"]:  # the small dataset has three classes, all of which are kept
        assert code == 0
        assert "top-20" in printed.out
        assert "top-5" not in printed.out
        return
    assert code == 2
    assert message in printed.err


def test_an_iou_other_than_one_half_stands_in_the_headings(
    kept_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scored = printed_json(capsys, "score", str(kept_run), "--set=iou=0.7", "--metrics=top1_loc")
    assert [metric["title"] for metric in scored["metrics"]] == ["top-1 loc, IoU ≥ 0.7"]
    swept = [
        printed_json(capsys, "score", str(kept_run), "--metrics=max_box_acc", f"--set=iou={iou}")
        for iou in (0.1, 0.9)
    ]
    figures = [[row["max_box_acc"] for row in each["rows"]] for each in swept]
    assert all(low > high for low, high in zip(*figures, strict=True))


def test_pairs_of_a_swept_metric_have_a_bootstrap_interval(
    kept_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = "--metrics=gt_known_loc,max_box_acc"
    counted, swept = printed_json(capsys, "pairs", str(kept_run), metrics)["metrics"]
    assert len(counted["pairs"]) == len(swept["pairs"]) > 1
    for pair in swept["pairs"]:
        assert pair["only_first"] is None
        low, high = pair["ci"]
        assert low <= pair["difference"] <= high
        assert 0 < pair["p"] <= pair["p_holm"] <= 1
    assert all(isinstance(pair["only_first"], int) for pair in counted["pairs"])


def test_a_metric_that_a_run_did_not_print_can_be_compared(
    kept_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["compare", str(kept_run), str(kept_run), "--metrics=max_box_acc"]
    assert main(command) == 0
    assert "7 of 7 cells are the same" in capsys.readouterr().out


def test_a_folder_of_several_runs_is_read_or_its_runs_are_named(
    kept_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "all"
    for name in ("one", "two"):
        shutil.copytree(kept_run, folder / name)
    alone = printed_json(capsys, "breakdown", str(kept_run), "--methods=grad_cam")
    both = printed_json(capsys, "breakdown", str(folder), "--methods=grad_cam")
    assert both["methods"] == [alone, alone]
    assert len(printed_json(capsys, "score", str(folder))["results"]) == 2
    for command in ("pairs", "ablate", "table"):
        assert main([command, str(folder), "--json" if command != "table" else "--format=csv"]) == 0
    capsys.readouterr()
    assert main(["export", str(folder), str(tmp_path / "x.csv"), "--format=csv"]) == 2
    assert f"{folder / 'one'}, {folder / 'two'}" in capsys.readouterr().err
