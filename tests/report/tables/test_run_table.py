"""`table`: the rows of several runs, for a terminal and for papers."""

import csv
import io
import json
from statistics import mean, stdev
from typing import Any

import numpy as np
import pytest

from wsol_bench.analysis.differences import holm, mcnemar_p
from wsol_bench.analysis.run_table import table_rows
from wsol_bench.analysis.scored_run import open_runs
from wsol_bench.cli.main import main
from wsol_bench.errors import UsageError
from wsol_bench.scoring.catalog import metrics_in

METRICS = metrics_in("top1_loc,gt_known_loc")


@pytest.fixture(scope="module")
def two(make_run: Any) -> list[Any]:
    """Two networks over the same images, of which the second has far smaller boxes."""
    return [
        make_run("first", keep_maps=False),
        make_run("second", keep_maps=False, blob=0.1, seed=1, arch="googlenet"),
    ]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["table", *arguments]) == 0
    return capsys.readouterr().out


def test_every_figure_is_counted_from_the_records(
    two: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    found = json.loads(printed(capsys, *(str(run.path) for run in two), "--json"))["rows"]
    assert [row["network"] for row in found] == ["vgg16"] * 3 + ["googlenet"] * 3
    for row, (files, method) in zip(
        found, [(run, each) for run in two for each in run.records], strict=True
    ):
        assert (row["method"], row["n"], row["runs"]) == (method, 40, 1)
        for metric, error in row["figures"].items():
            assert error["value"] == pytest.approx(100 * np.mean(files.wrong(method, metric)))
            assert error["ci"][0] <= error["value"] <= error["ci"][1]


def test_the_best_row_is_the_lowest_and_the_others_have_holms_p(two: list[Any]) -> None:
    rows = table_rows(open_runs([run.path for run in two]), METRICS)
    wrong = [np.array(run.wrong(method, "top1_loc")) for run in two for method in run.records]
    errors = [each.mean() for each in wrong]
    best = int(np.argmin(errors))
    others = [at for at, each in enumerate(errors) if each > errors[best]]
    ps = [
        mcnemar_p(int((wrong[best] & ~wrong[at]).sum()), int((wrong[at] & ~wrong[best]).sum()))
        for at in others
    ]
    expected = dict(zip(others, holm(ps), strict=True))
    assert len(set(expected.values())) > 1
    for at, row in enumerate(rows):
        cell = row.cells["top1_loc"]
        assert cell.best == (at not in expected)
        assert cell.p_holm == (pytest.approx(expected[at]) if at in expected else None)
        assert cell.tied == (at in expected and expected[at] >= 0.05)


def test_rows_of_other_images_are_not_compared(make_run: Any) -> None:
    runs = [
        make_run("a", keep_maps=False),
        make_run("b", keep_maps=False, blob=0.1, other_data=True),
    ]
    rows = table_rows(open_runs([run.path for run in runs]), METRICS)
    assert any(row.cells["top1_loc"].best for row in rows[:3])
    assert any(row.cells["top1_loc"].best for row in rows[3:])


def test_seeds_become_one_row_with_mean_and_standard_deviation(make_run: Any) -> None:
    seeds = [
        make_run(f"seed{seed}", keep_maps=False, seed=seed, weights=f"net{seed}.pt")
        for seed in range(3)
    ]
    rows = table_rows(open_runs([run.path for run in seeds]), METRICS, average=True)
    assert [(row.method, row.runs) for row in rows] == [
        ("grad_cam", 3),
        ("mwp", 3),
        ("center", 3),
    ]
    for row in rows:
        percents = [100 * float(np.mean(run.wrong(row.method, "top1_loc"))) for run in seeds]
        cell = row.cells["top1_loc"]
        assert cell.value == pytest.approx(mean(percents))
        assert cell.deviation == pytest.approx(stdev(percents))
        assert cell.interval is None


def test_runs_that_differ_in_more_than_their_weights_are_not_averaged(make_run: Any) -> None:
    runs = [
        make_run(precision, keep_maps=False, weights=f"{precision}.pt", precision=precision)
        for precision in ("fp32", "bf16")
    ]
    rows = table_rows(open_runs([run.path for run in runs]), METRICS, average=True)
    assert [row.runs for row in rows] == [1] * 6
    assert [row.network for row in rows[::3]] == ["vgg16", "vgg16, bf16"]


def test_rows_are_sorted_by_one_of_the_metrics(two: list[Any]) -> None:
    rows = table_rows(open_runs([run.path for run in two]), METRICS, sort="gt_known_loc")
    errors = [row.cells["gt_known_loc"].value for row in rows]
    assert errors == sorted(errors)
    assert len(set(errors)) > 2
    with pytest.raises(UsageError, match="top1_lok"):
        table_rows(open_runs([two[0].path]), METRICS, sort="top1_lok")


@pytest.mark.parametrize("form", ["md", "tex", "html"])
def test_a_paper_format_holds_every_figure_and_the_best_in_bold(
    form: str, two: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(
        capsys, *(str(run.path) for run in two), f"--format={form}", "--best=bold",
        "--metrics=top1_loc",
    )  # fmt: skip
    lowest = min(
        100 * np.mean(run.wrong(method, "top1_loc")) for run in two for method in run.records
    )
    bold = {"md": "**{}**", "tex": r"\textbf{{{}}}", "html": "<b>{}</b>"}[form]
    assert bold.format(f"{lowest:.2f}") in text
    for run in two:
        for method in run.records:
            assert f"{100 * np.mean(run.wrong(method, 'top1_loc')):.2f}" in text
    assert "secret" not in text


def test_csv_can_be_read_back(two: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, *(str(run.path) for run in two), "--format=csv", "--metrics=top1_loc")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 6
    assert float(rows[1]["top1_loc"]) == pytest.approx(
        100 * np.mean(two[0].wrong("mwp", "top1_loc"))
    )


def test_columns_that_are_the_same_everywhere_stand_in_the_note(
    two: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    one = printed(capsys, str(two[0].path))
    both = printed(capsys, *(str(run.path) for run in two))
    assert "network" not in one
    assert "vgg16; caffe:net.caffemodel; val-40; gradcam-iccv17; n 40" in " ".join(one.split())
    assert "network" in both


def test_weights_that_follow_from_the_network_stand_in_the_note(
    make_run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    first = make_run("one", keep_maps=False, arch="one", weights="one.pt")
    second = make_run("two", keep_maps=False, arch="two", weights="two.pt", seed=1)
    paths = [str(each.path) for each in (first, second)]
    assert main(["table", *paths, "--format=md"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("| network | method |")
    assert "weights: one.pt (one); two.pt (two)" in out
    assert main(["table", *paths]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
