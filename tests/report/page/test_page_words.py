"""Sentences and verdicts say what the figures say, also where it is unwelcome."""

import shlex
from dataclasses import replace
from typing import Any

import pytest

from wsol_bench.analysis.differences import Difference, mcnemar_p
from wsol_bench.analysis.paired import PairedComparison
from wsol_bench.analysis.scored_run import ReportRun, open_runs
from wsol_bench.cli.main import app
from wsol_bench.report.page.content import gather
from wsol_bench.report.page.errors import error_table
from wsol_bench.report.page.facts import command_of, facts_of
from wsol_bench.report.page.html import render
from wsol_bench.report.page.pairs import against_floor, pair_tables, verdict_of, why_not_across
from wsol_bench.report.page.words import (
    against_words,
    definitions,
    paper_sentence,
    points,
    sentences,
    signed,
)
from wsol_bench.runtime.names import last_part
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.scoring.ilsvrc import LOCALIZATION
from wsol_bench.scoring.intervals import Interval
from wsol_bench.scoring.published import find_row


def opened(make_run: Any, **changes: Any) -> ReportRun:
    (run,) = open_runs([make_run(keep_maps=False, **changes).path])
    return run


def with_manifest(run: ReportRun, **changes: Any) -> ReportRun:
    return replace(run, manifest=replace(run.manifest, **changes))


def against(only_first: int, only_second: int, p_holm: float) -> PairedComparison:
    """A method against the centred box over 40 images."""
    percent = 2.5 * (only_first - only_second)
    interval = Interval(percent - 10, percent + 10)
    p = mcnemar_p(only_first, only_second)
    difference = Difference(40, only_first, only_second, percent, interval, p)
    return PairedComparison("MWP", "Centred box", "top1_loc", difference, p_holm)


def test_a_beaten_method_is_said_to_make_more_errors_than_the_centred_box(make_run: Any) -> None:
    files = make_run(keep_maps=False, blob=0.1)
    (run,) = open_runs([files.path])
    mwp, floor = (sum(files.wrong(method, "top1_loc")) for method in ("mwp", "center"))
    assert mwp > floor + 10
    (sentence,) = (each for each in sentences(run) if each.startswith("MWP"))
    points = f"{100 * (mwp - floor) / 40:.1f}"
    assert sentence.startswith(
        f"MWP makes {points} percentage points more errors than the centred box ("
    )
    assert any(f"{100 * floor / 40:.2f} %" in each for each in sentences(run))


@pytest.mark.parametrize(
    ("comparison", "sentence", "verdict"),
    [
        (
            against(2, 18, 0.001),
            "MWP makes 40.0 percentage points fewer errors than the centred box (30.0 to 50.0).",
            "MWP has fewer errors",
        ),
        (
            against(12, 2, 0.04),
            "MWP makes 25.0 percentage points more errors than the centred box (15.0 to 35.0).",
            "Centred box has fewer errors",
        ),
        (
            against(12, 2, 0.06),
            "MWP makes 25.0 percentage points more errors than the centred box (15.0 to 35.0); not "
            "significant after Holm's correction (p = 0.06).",
            "Centred box has fewer errors, not significant after Holm",
        ),
        (
            against(6, 4, 1.0),
            "MWP and the centred box do not differ significantly (+5.0 percentage points, −5.0 to "
            "+15.0).",
            "no significant difference",
        ),
        (
            against(0, 0, 1.0),
            "MWP and the centred box agree on all 40 images.",
            "agree on all 40 images",
        ),
    ],
)
def test_a_sentence_claims_what_the_pairs_verdict_claims(
    comparison: PairedComparison, sentence: str, verdict: str
) -> None:
    assert against_words("MWP", comparison) == sentence
    assert verdict_of(comparison) == verdict


@pytest.mark.parametrize("methods", [("grad_cam", "mwp", "center"), ("center", "mwp", "grad_cam")])
def test_sentences_use_the_p_values_of_the_table_of_pairs(
    make_run: Any, methods: tuple[str, ...]
) -> None:
    run = opened(make_run, blob=0.1, methods=methods)
    (table,) = pair_tables([run], "top1_loc")
    shown = {
        frozenset((each.comparison.first, each.comparison.second)): each for each in table.lines
    }
    for row, comparison in against_floor(run, "top1_loc"):
        line = shown[frozenset((row.title, "Centred box"))]
        assert (comparison.first, comparison.second) == (row.title, "Centred box")
        assert comparison.p_holm == line.comparison.p_holm
        assert verdict_of(comparison) == line.verdict
        wrong = row.figures["top1_loc"].value - run.floor.figures["top1_loc"].value
        assert comparison.difference.percent == pytest.approx(wrong)


def test_every_map_method_is_named_in_one_sentence_about_the_floor(make_run: Any) -> None:
    for blob in (0.1, 0.6, 1.0, 3.0):
        about = [each for each in sentences(opened(make_run, blob=blob)) if "entred box" in each]
        for title in ("Grad-CAM", "MWP"):
            assert sum(each.startswith(title) for each in about) == 1


def test_terms_are_defined_before_they_are_used(run_files: Any) -> None:
    found = dict(definitions(open_runs([run_files.path])))
    assert list(found) == ["top-1 loc", "GT-known loc", "centred box"]
    assert "0.71 W × 0.71 H" in found["centred box"]
    assert "at least 0.5" in found["top-1 loc"]


def test_images_that_could_not_be_read_are_counted_once_for_all_methods(make_run: Any) -> None:
    found = sentences(opened(make_run, unreadable=2))
    said = [each for each in found if "could not be read" in each]
    assert said == ["2 images could not be read and count as wrong: img_000, img_001."]
    assert not any("unreadable" in each for each in found)


def test_a_figure_of_the_paper_that_stands_in_two_rows_is_one_and_few_images_tell_nothing(
    make_run: Any,
) -> None:
    run = opened(make_run, is_ilsvrc=True)
    table = error_table([run])
    cells = [cell for row in table.blocks[0].rows for cell in row.cells if cell.paper]
    widest = max(cell.figure.interval.half_width for cell in cells)
    twice = replace(table.blocks[0], rows=table.blocks[0].rows * 2)
    for shown in (table, replace(table, blocks=(twice,))):
        sentence = paper_sentence(shown)
        assert "of the 4 different figures" in sentence
        assert f"(n = 40; the widest is ±{widest:.1f} percentage points)" in sentence
        assert "too few images to conclude" in sentence


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
        assert cell.paper.inside == (cell.paper.percent in cell.figure.interval)
    assert grad_cam.cells[4].paper is None
    other = opened(make_run, is_ilsvrc=True, protocol="zhang-eccv16")
    row = error_table([other]).blocks[0].rows[0]
    assert row.note == "paper: gradcam-iccv17"
    assert [cell.paper.inside for cell in row.cells[:4] if cell.paper] == [None] * 4
    assert all(cell.strip.mark is None for cell in row.cells if cell.strip)
    assert "measured under another protocol" in paper_sentence(error_table([other]))
    nothing = error_table([opened(make_run, is_ilsvrc=True, methods=("mwp", "center"))])
    assert paper_sentence(nothing).startswith("The paper has no figures for these rows")
    judged = error_table([run]).judged
    inside = sum(bool(each.figure.inside) for each in judged)
    assert paper_sentence(error_table([run])).startswith(f"{inside} of the 4 different figures")


def test_on_other_images_than_ilsvrcs_the_paper_has_no_figures(run_files: Any) -> None:
    table = error_table(open_runs([run_files.path]))
    assert table.judged == ()
    assert "cannot be compared" in paper_sentence(table)


def test_a_pairs_verdict_follows_holm(make_run: Any) -> None:
    run = opened(make_run, blob=0.1, methods=("mwp", "center", "grad_cam"))
    signs = set()
    for metric in ("top1_loc", "gt_known_loc"):
        (table,) = pair_tables([run], metric)
        for line in table.lines:
            difference, holm = line.comparison.difference, line.comparison.p_holm
            lower = line.comparison.first if difference.percent < 0 else line.comparison.second
            if holm < 0.05:
                signs.add(difference.percent > 0)
                assert line.verdict == f"{lower} has fewer errors"
            else:
                assert not line.verdict.endswith("fewer errors")
    assert signs == {True, False}


def test_the_pages_pairs_and_groups_follow_the_metrics_that_are_asked_for(make_run: Any) -> None:
    asked = metrics_in("top1_loc,mean_best_iou,max_box_acc")
    page = gather(open_runs([make_run("a", blob=0.1).path], asked), 10.0, quiet=True)
    assert list(page.pairs) == [*LOCALIZATION, "mean_best_iou", "max_box_acc"]
    (run,) = (view.run for view in page.views)
    own = {row.title: row.figures for row in run.rows}
    for name in ("mean_best_iou", "max_box_acc"):
        (table,) = page.pairs[name]
        assert table.counted == ""
        for line in table.lines:
            pair = line.comparison
            first, second = (own[title][name].value for title in (pair.first, pair.second))
            assert pair.difference.percent == pytest.approx(first - second)
            assert "errors" not in line.verdict
            if line.verdict.endswith("is better"):
                better = pair.first if first > second else pair.second
                assert line.verdict == f"{better} is better"
    sizes, counts = page.views[0].groups["mean_best_iou"]
    for table in (sizes, counts):
        for title, cells in table.rows:
            filled = [cell.figure for cell in cells if cell.figure.n]
            total = sum(figure.value * figure.n for figure in filled)
            assert total / run.n == pytest.approx(own[title]["mean_best_iou"].value)
    text = render(page)
    assert "Mean best IoU, differences" in text
    assert "Mean best IoU error" not in text


def test_runs_over_other_images_are_not_paired(make_run: Any) -> None:
    runs = open_runs([make_run("a").path, make_run("b", other_data=True).path])
    titles = [table.title for table in pair_tables(runs, "top1_loc")]
    assert titles == ["a", "b"]
    assert "because their images differ: a and b." in why_not_across(runs)
    both = open_runs([make_run("a").path, make_run("b").path])
    assert why_not_across(both) == why_not_across(both[:1]) == ""


@pytest.mark.parametrize(
    ("value", "text"), [(4.04, "+4.0"), (-0.26, "−0.3"), (0.04, "0.0"), (-0.04, "0.0")]
)
def test_numbers_carry_a_true_minus_and_zero_no_sign(value: float, text: str) -> None:
    assert signed(value) == text


def test_points_are_written_with_their_interval() -> None:
    difference = Difference(40, 5, 1, 10.0, Interval(-0.5, 20.0), 0.2)
    comparison = PairedComparison("a", "b", "top1_loc", difference, 0.2)
    assert points(comparison) == "+10.0 percentage points, −0.5 to +20.0"


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
    settings = {
        "arch": "vgg16",
        "weights": "caffe:/a b/net.caffemodel",
        "data": "/data/val",
        "methods": ["grad_cam:layer=relu5_2", "center"],
        "protocol": "gradcam-iccv17",
        "set": ["iou=0.3", "threshold=0.2"],
        "limit": None,
        "batch_size": 32,
        "allow_missing": True,
        "keep_maps": False,
        "out": "/somewhere/run",
        "blacklist": "/lists/black.txt",
        "a setting of a later version": 3,
    }
    assert command_of(with_manifest(run, settings=settings)) == (
        "wsol-bench run --arch vgg16 --weights caffe:net.caffemodel "
        "--methods grad_cam:layer=relu5_2,center --set iou=0.3 --set threshold=0.2 "
        "--data val --allow-missing --blacklist black.txt --out run"
    )


@pytest.mark.parametrize("value", [True, False, None])
def test_a_command_with_a_switch_is_one_that_the_command_line_takes(
    run_files: Any, value: bool | None
) -> None:
    (run,) = open_runs([run_files.path])
    settings = {**run.manifest.settings, "deterministic": value, "keep_maps": False}
    words = shlex.split(command_of(with_manifest(run, settings=settings)))
    _, bound, _ = app.parse_args(words[1:], exit_on_error=False, print_error=False)
    assert bound.arguments["settings"].deterministic is value


def test_facts_tell_the_machine_the_numbers_and_the_part_of_the_data(run_files: Any) -> None:
    (run,) = open_runs([run_files.path])
    before = dict(facts_of(run).lines)
    assert before["data"] == "val-40: 40 images; the network has 7 classes"
    assert "machine" not in before
    assert before["network"].endswith("net.caffemodel, sha256 0123456789ab")
    machine = {"cpu": "Xeon", "cores": 2, "threads": 1, "torch": "2.15.0", "deterministic": True}
    changed = with_manifest(
        run,
        settings={**run.manifest.settings, "batch_size": 32, "deterministic": False},
        data=replace(run.manifest.data, limit=40),
        machines=(machine,),
        identity=replace(run.identity, precision="tf32"),
    )
    facts = dict(facts_of(changed).lines)
    assert facts["data"].startswith("val-40: the first 40 images (--limit 40);")
    assert facts["machine"] == "Xeon, 2 cores, 1 thread, torch 2.15.0"
    assert (facts["precision"], facts["batch size"]) == ("tf32", "32")
    assert facts["deterministic"] == "yes"


def test_the_demo_is_called_a_demo(run_files: Any) -> None:
    (run,) = open_runs([run_files.path])
    assert facts_of(run).note == ""
    settings = {**run.manifest.settings, "data": "demo"}
    assert "embedded demo" in facts_of(with_manifest(run, settings=settings)).note


def test_a_note_on_some_of_the_runs_names_them(make_run: Any) -> None:
    first, second = open_runs([make_run("a", keep_maps=False).path, make_run("b").path])
    demo = with_manifest(first, settings={**first.manifest.settings, "data": "demo"})
    (note,) = gather([demo, second], 10, quiet=True).notes
    assert note.startswith(f"{first.label}: ")
    (note,) = gather([demo], 10, quiet=True).notes
    assert not note.startswith(first.label)


def test_a_page_of_several_runs_opens_with_all_rows_in_order(make_run: Any) -> None:
    first = make_run("a", keep_maps=False)
    second = make_run("b", keep_maps=False, blob=0.1, arch="googlenet")
    page = gather(open_runs([first.path, second.path]), 10, quiet=True)
    errors = [row.cells["top1_loc"].value for row in page.ranking]
    wrong = [sum(run.wrong(m, "top1_loc")) for run in (first, second) for m in run.records]
    assert errors == sorted(100 * each / 40 for each in wrong)
    assert page.ranking[0].cells["top1_loc"].best
    assert gather(open_runs([first.path]), 10, quiet=True).ranking == ()
