"""Results as tables for a terminal of 80 columns."""

from dataclasses import replace

import pytest

from wsol_bench.methods.catalog import METHODS
from wsol_bench.networks.archs.catalog import ARCHS
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL, ERRORS, PROTOCOLS
from wsol_bench.records.result import Result, Row
from wsol_bench.report.tables.result import print_result
from wsol_bench.report.tables.result_html import result_html
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.scoring.intervals import Rate
from wsol_bench.scoring.measured import Measured
from wsol_bench.scoring.metric import heads


def result(*rows: Row) -> Result:
    return Result(
        arch="vgg16",
        weights="caffe:VGG_ILSVRC_16_layers.caffemodel",
        dataset="imagenet",
        protocol="gradcam-iccv17",
        summary="warp, bicubic-opencv, ≥ 0.15 x max, largest (8-connected), IoU ≥ 0.5",
        n=50_000,
        rows=rows,
        not_applicable={"cam": "CAM needs average pooling and then one linear layer. " * 3},
        map_states={"grad_cam": {"ok": 1, "zero": 2, "constant": 3, "empty": 4}},
        seconds=1.0,
        is_ilsvrc=True,
        columns=heads(metrics_in(ERRORS), PROTOCOLS[DEFAULT_PROTOCOL]),
        localized=50_000,
    )


def row(title: str, arch: str, wrong: int, n: int = 50_000) -> Row:
    figures = dict.fromkeys(ERRORS, Measured.of_rate(Rate(wrong, n)))
    return Row(arch, "weights", "grad_cam", title, figures)


@pytest.mark.parametrize("wrong", [0, 3_050, 31_234, 49_999, 50_000])
def test_every_method_on_every_companion_fits_and_no_figure_is_cut(
    wrong: int, capsys: pytest.CaptureFixture[str]
) -> None:
    titles = [method.title for method in METHODS.values()]
    print_result(result(*(row(title, arch, wrong) for title in titles for arch in ARCHS)))
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed
    assert printed.count(f"{wrong / 500:.2f}") >= 5 * len(titles) * len(ARCHS)
    for title in titles:
        # A title of more than 17 characters goes on in the next line, where room is short.
        assert f"\n {title if len(title) <= 17 else title.split()[0]} " in printed


def test_what_a_reader_must_know_of_a_row_is_printed_below(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = replace(
        result(row("EigenCAM", "vgg16", 1, 100)), notes={"eigen_cam": ("one map for all classes",)}
    )
    print_result(found)
    assert "\neigen_cam: one map for all classes.\n" in capsys.readouterr().out


def test_an_interval_stands_beneath_its_figure(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(result(row("Grad-CAM", "vgg16_cam", 31, 100)))
    lines = capsys.readouterr().out.splitlines()
    (at,) = (number for number, line in enumerate(lines) if "31.00" in line)
    assert lines[at + 1].split() == ["(vgg16_cam)", *["22.8–40.6"] * 5]
    assert [end for end, _ in _ends(lines[at])[1:]] == [end for end, _ in _ends(lines[at + 1])[1:]]


def _ends(line: str) -> list[tuple[int, str]]:
    """Where each word of a line ends."""
    words, at = [], 0
    for word in line.split():
        at = line.index(word, at) + len(word)
        words.append((at, word))
    return words


def test_no_image_is_no_figure(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(result(row("Grad-CAM", "vgg16", 0, 0)))
    assert capsys.readouterr().out.count("n/a") == 5 + 1


def test_degenerate_maps_and_what_cannot_run_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_result(result(row("Grad-CAM", "vgg16", 1)))
    printed = capsys.readouterr().out
    assert "grad_cam: degenerate maps: 2 zero, 3 constant, 4 empty." in printed
    assert "cam: n/a: CAM needs" in printed
    assert "\x1b" not in printed


def test_a_notebook_has_the_remarks_of_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    found = replace(
        result(row("Grad-CAM", "vgg16", 1)),
        unreadable=("a", "b"),
        map_states={"grad_cam": {"ok": 1, "unreadable": 2}},
        notes={"grad_cam": ("one map for all classes",)},
    )
    print_result(found)
    html, printed = result_html(found), " ".join(capsys.readouterr().out.split())
    for text in (html, printed):
        assert "2 images could not be read and counted as wrong: a, b." in text
        assert "grad_cam: one map for all classes." in text
        assert "degenerate" not in text  # an unreadable image has no map


@pytest.mark.parametrize("width", [20, 40, 60])
def test_a_narrow_terminal_shows_every_name_and_every_figure(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_result(result(row("Grad-CAM", "vgg16_cam", 31, 100), row("c-MWP", "vgg16", 7, 100)))
    printed = capsys.readouterr().out
    assert "…" not in printed
    assert max(map(len, printed.splitlines())) <= width
    for name in ("Grad-CAM", "c-MWP", "31.00", "7.00"):
        assert name in printed
    assert printed.count("31.00") == printed.count("7.00") == len(ERRORS)
