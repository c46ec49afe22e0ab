"""Sentences and verdicts say what the figures say, also where it is unwelcome."""

from typing import Any

import pytest

from wsol_bench.paired import Comparison, Difference
from wsol_bench.paper import find_row
from wsol_bench.report.page_errors import error_table
from wsol_bench.report.page_facts import command_of, facts_of, last_part
from wsol_bench.report.page_pairs import pair_tables
from wsol_bench.report.page_runs import ReportRun, open_runs
from wsol_bench.report.page_words import paper_sentence, points, sentences, signed
from wsol_bench.statistics import Interval


def opened(make_run: Any, **changes: Any) -> ReportRun:
    (run,) = open_runs([make_run(keep_maps=False, **changes).path])
    return run


def test_a_beaten_method_is_said_to_be_beaten_by_the_centred_box(make_run: Any) -> None:
    files = make_run(keep_maps=False, blob=0.1)
    (run,) = open_runs([files.path])
    mwp, floor = (sum(files.wrong(method, "top1_loc")) for method in ("mwp", "center"))
    assert mwp > floor + 10
    (sentence,) = (each for each in sentences(run) if "never looks at the image" in each)
    assert "beats" in sentence
    assert f"MWP (+{100 * (mwp - floor) / 40:.1f} points" in sentence
    assert f"{100 * floor / 40:.2f} %" in sentence


def test_a_method_that_beats_the_centred_box_is_said_to(make_run: Any) -> None:
    found = " ".join(sentences(opened(make_run, blob=3.0)))
    assert "beat the centred box" in found or "cannot be told apart" in found
    assert "never looks at the image, beats" not in found


def test_every_map_method_is_named_in_one_sentence_about_the_floor(make_run: Any) -> None:
    for blob in (0.1, 0.6, 1.0, 3.0):
        about = [each for each in sentences(opened(make_run, blob=blob)) if "centred box" in each]
        for title in ("Grad-CAM", "MWP"):
            assert sum(f"{title} (" in each for each in about) == 1


def test_without_the_centred_box_the_page_says_what_is_not_known(make_run: Any) -> None:
    run = opened(make_run, methods=("grad_cam", "mwp"))
    assert any("has no centred box" in sentence for sentence in sentences(run))
    assert all(cell.strip is None or cell.strip.line is None for cell in _cells(run))


def _cells(run: ReportRun) -> list[Any]:
    return [cell for row in error_table([run]).blocks[0].rows for cell in row.cells]


def test_the_centred_boxs_line_stands_at_its_error_in_every_row(run_files: Any) -> None:
    (run,) = open_runs([run_files.path])
    table = error_table([run])
    for at, metric in enumerate(("top1_loc", "top5_loc", "gt_known_loc"), 2):
        wrong = run_files.wrong("center", metric)
        expected = table.scale.at(100 * sum(wrong) / len(wrong))
        assert all(row.cells[at].strip.line == expected for row in table.blocks[0].rows)


def test_the_papers_figures_are_judged_by_our_interval_under_its_own_protocol_only(
    make_run: Any,
) -> None:
    run = opened(make_run, is_ilsvrc=True)
    paper = find_row("vgg16", "grad_cam", "gradcam-iccv17")
    assert paper is not None
    grad_cam = error_table([run]).blocks[0].rows[0]
    for cell in grad_cam.cells[:4]:
        assert cell.paper is not None
        assert cell.paper.percent == paper.figures[cell.metric]
        assert cell.paper.inside == (cell.interval.low <= cell.paper.percent <= cell.interval.high)
    assert grad_cam.cells[4].paper is None
    other = opened(make_run, is_ilsvrc=True, protocol="zhang-eccv16")
    row = error_table([other]).blocks[0].rows[0]
    assert row.note == "paper: gradcam-iccv17"
    assert [cell.paper.inside for cell in row.cells[:4] if cell.paper] == [None] * 4
    assert all(cell.strip.mark is None for cell in row.cells if cell.strip)
    assert "none is judged" in paper_sentence(error_table([other]))
    judged = error_table([run]).judged
    inside = sum(figure.inside for figure in judged)
    assert paper_sentence(error_table([run])).startswith(f"{inside} of the 4 figures")


def test_on_other_images_than_ilsvrcs_the_paper_has_no_figures(run_files: Any) -> None:
    table = error_table(open_runs([run_files.path]))
    assert table.judged == ()
    assert "nothing to hold" in paper_sentence(table)


def test_a_pairs_verdict_follows_its_interval_and_holm(make_run: Any) -> None:
    run = opened(make_run, blob=0.1, methods=("mwp", "center", "grad_cam"))
    signs = set()
    for metric in ("top1_loc", "gt_known_loc"):
        (table,) = pair_tables([run], metric)
        for line in table.lines:
            difference, holm = line.comparison.difference, line.comparison.p_holm
            apart = difference.interval.low > 0 or difference.interval.high < 0
            lower = line.comparison.first if difference.percent < 0 else line.comparison.second
            if apart:
                signs.add(difference.percent > 0)
                end = "" if holm < 0.05 else ", not after Holm"
                assert line.verdict == f"{lower} has fewer errors{end}"
            else:
                assert line.verdict in ("not told apart", "the same on every image")
    assert signs == {True, False}


def test_runs_over_other_images_are_not_paired(make_run: Any) -> None:
    runs = open_runs([make_run("a").path, make_run("b", dataset_sha256="0" * 64).path])
    titles = [table.title for table in pair_tables(runs, "top1_loc")]
    assert titles == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "text"), [(4.04, "+4.0"), (-0.26, "−0.3"), (0.04, "0.0"), (-0.04, "0.0")]
)
def test_numbers_carry_a_true_minus_and_zero_no_sign(value: float, text: str) -> None:
    assert signed(value) == text


def test_points_are_written_with_their_interval() -> None:
    difference = Difference(40, 5, 1, 10.0, Interval(-0.5, 20.0), 0.2)
    comparison = Comparison("a", "b", "top1_loc", difference, 0.2)
    assert points(comparison) == "+10.0 points, −0.5 to +20.0"


@pytest.mark.parametrize(
    ("path", "last"),
    [
        ("/home/me/net.caffemodel", "net.caffemodel"),
        ("caffe:/home/me/net.caffemodel", "caffe:net.caffemodel"),
        ("C:\\nets\\a.pth", "C:a.pth"),
        ("runs/vgg16/", "vgg16"),
        ("demo", "demo"),
        ("caffe:", "caffe:"),
        ("/", "/"),
    ],
)
def test_a_path_is_cut_to_its_last_part(path: str, last: str) -> None:
    assert last_part(path) == last


def test_the_command_holds_every_setting_that_is_not_the_defaults(run_files: Any) -> None:
    (run,) = open_runs([run_files.path])
    run.manifest["settings"] = {
        "arch": "vgg16",
        "weights": "caffe:/a b/net.caffemodel",
        "data": "/data/val",
        "methods": ["grad_cam", "center"],
        "protocol": "gradcam-iccv17",
        "changes": ["iou=0.3", "threshold=0.2"],
        "layers": {"grad_cam": "relu5_2"},
        "limit": None,
        "batch_size": 32,
        "allow_missing": True,
        "keep_maps": False,
        "out": "/somewhere/run",
        "blacklist": "/lists/black.txt",
        "a setting of a later version": 3,
    }
    assert command_of(run) == (
        "wsol-bench run --arch vgg16 --weights caffe:net.caffemodel --data val "
        "--methods grad_cam,center --allow-missing --layer grad_cam=relu5_2 "
        "--blacklist black.txt --set iou=0.3 --set threshold=0.2 --out run"
    )


def test_the_demo_is_called_a_demo(run_files: Any) -> None:
    (run,) = open_runs([run_files.path])
    assert facts_of(run).note == ""
    run.manifest["settings"]["data"] = "demo"
    assert "embedded demo" in facts_of(run).note
