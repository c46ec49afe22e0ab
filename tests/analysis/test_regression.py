"""Comparing two results: what passes, what fails, and that it is named."""

import json
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from wsol_bench.analysis.regression import DEFAULT_TOLERANCE, Verdict, compare
from wsol_bench.cli.main import main
from wsol_bench.errors import DataError
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL, ERRORS, PROTOCOLS
from wsol_bench.records.result import Result, Row, to_json
from wsol_bench.records.result_files import read_results
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.scoring.intervals import Rate
from wsol_bench.scoring.measured import Measured
from wsol_bench.scoring.metric import heads

Json = dict[str, Any]
Change = Callable[[Json], object]


def result(arch: str) -> Result:
    """A result of 1,000 images, as a run makes it: CAM's row is another network's."""
    counts = dict(zip(ERRORS, (234, 39, 617, 552, 547), strict=True))
    figures = {name: Measured.of_rate(Rate(wrong, 1000)) for name, wrong in counts.items()}
    rows = [
        Row(arch, "demo:net.safetensors", "grad_cam", "Grad-CAM", figures),
        Row(f"{arch}_cam", "demo:cam.safetensors", "cam", "CAM", figures),
    ]
    return Result(
        arch=arch,
        weights="demo:net.safetensors",
        dataset="demo-v1",
        protocol="gradcam-iccv17",
        summary="",
        n=1000,
        rows=tuple(rows),
        not_applicable={},
        map_states={},
        seconds=12.5,
        is_ilsvrc=False,
        columns=heads(metrics_in(ERRORS), PROTOCOLS[DEFAULT_PROTOCOL]),
        localized=1000,
    )


@pytest.fixture
def stored() -> Json:
    return to_json([result("vgg16")])


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, object], Path]:
    def write_json(name: str, content: object) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(content))
        return path

    return write_json


@pytest.fixture
def compare_after(
    stored: Json, write: Callable[[str, object], Path]
) -> Callable[..., tuple[int, Path]]:
    """Changes a copy of the baseline and compares; gives the exit code and the baseline."""

    def compared(change: Change, *flags: str, tolerance: Json | None = None) -> tuple[int, Path]:
        new = deepcopy(stored)
        change(new)
        baseline = {**stored, "tolerance": tolerance} if tolerance else stored
        paths = write("old.json", baseline), write("new.json", new)
        return main(["compare", *map(str, paths), *flags]), paths[0]

    return compared


def move(metric: str, points: float, row: int = 0) -> Change:
    def change(content: Json) -> None:
        content["rows"][row][metric] += points

    return change


def test_a_result_equals_itself(compare_after, capsys) -> None:
    assert compare_after(lambda new: None)[0] == 0
    printed = capsys.readouterr()
    assert "10 of 10 cells are the same." in printed.out
    assert printed.err == ""


@pytest.mark.parametrize("metric", ERRORS)
@pytest.mark.parametrize("sign", [1, -1], ids=["worse", "better"])
def test_a_number_moved_by_more_than_its_tolerance_fails_and_is_named(
    metric: str, sign: int, compare_after, capsys
) -> None:
    moved = sign * (DEFAULT_TOLERANCE + 0.1)
    assert compare_after(move(metric, moved, row=1))[0] == 4
    printed = capsys.readouterr()
    assert f"vgg16_cam cam {metric}: " in printed.err
    assert f"{moved:+.3f} where 0.5 is allowed" in printed.err
    assert "grad_cam" not in printed.err
    assert "9 of 10 cells are the same." in printed.out


@pytest.mark.parametrize("points", [0.1, DEFAULT_TOLERANCE, -DEFAULT_TOLERANCE])
def test_a_number_moved_up_to_its_tolerance_passes_and_is_shown(
    points: float, compare_after, capsys
) -> None:
    assert compare_after(move("top1_loc", points))[0] == 0
    printed = capsys.readouterr()
    assert f"{points:+.3f}" in printed.out
    assert "within" in printed.out
    assert printed.err == ""


def test_a_difference_equal_to_the_tolerance_is_within_it_in_spite_of_rounding(
    compare_after,
) -> None:
    # To Python, (55.2 + 0.2) - 55.2 is 0.20000000000000284.
    assert compare_after(move("top5_loc", 0.2), "--tolerance=top5_loc=0.2")[0] == 0
    assert compare_after(move("top5_loc", 0.2), "--tolerance=top5_loc=0.1999")[0] == 4


def test_the_command_line_goes_before_the_baseline_and_the_baseline_before_the_default(
    compare_after,
) -> None:
    moved = move("top1_loc", 0.8)
    assert compare_after(moved)[0] == 4
    assert compare_after(moved, tolerance={"top1_loc": 1.0})[0] == 0
    assert compare_after(moved, tolerance={"top5_loc": 1.0})[0] == 4
    assert compare_after(moved, "--tolerance=top1_loc=0.7", tolerance={"top1_loc": 1})[0] == 4
    both = ["--tolerance", "top1_loc=0.9", "--tolerance", "top5_loc=0"]
    assert compare_after(moved, *both, tolerance={"top1_loc": 0.1})[0] == 0
    assert compare_after(move("top5_loc", 0.1), *both)[0] == 4


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda new: new["rows"].pop(1), "vgg16_cam cam: row is missing"),
        (
            lambda new: new["rows"].append({**new["rows"][0], "method": "mwp"}),
            "vgg16 mwp: row is not in the baseline",
        ),
        (lambda new: new["rows"][1].update(arch="vgg16"), "vgg16 cam: row is not in the baseline"),
        (
            lambda new: new["rows"][0].pop("top5_loc"),
            "vgg16 grad_cam top5_loc: 55.200 before, none",
        ),
        (
            lambda new: new["rows"][0].update(top1_cls=None),
            "vgg16 grad_cam top1_cls: 23.400 before",
        ),
        (lambda new: new["rows"][0].update(top1_cls=float("nan")), "vgg16 grad_cam top1_cls: 23.4"),
        (lambda new: new.update(dataset="demo-v2"), "vgg16: dataset was demo-v1, is demo-v2"),
        (lambda new: new.update(protocol="cam-cvpr16"), "vgg16: protocol was gradcam-iccv17"),
        (lambda new: new.update(weights="a.pth"), "vgg16: weights was demo:net.safetensors"),
        (lambda new: new.update(n=999), "vgg16: n was 1000, is 999"),
        (lambda new: new["rows"][1].update(weights="b.pth"), "vgg16_cam cam: weights was demo:cam"),
        (
            lambda new: new["rows"][0].update(n_loc=990),
            "vgg16 grad_cam: images without localization was 0, is 10",
        ),
    ],
)
def test_what_cannot_be_compared_fails_and_is_named(
    change: Change, named: str, compare_after, capsys
) -> None:
    assert compare_after(change, "--tolerance=top1_loc=100")[0] == 4
    assert named in capsys.readouterr().err


def test_a_cell_without_a_figure_on_either_side_is_the_same_and_named(
    stored: Json, compare_after, capsys
) -> None:
    stored["rows"][0]["top1_loc"] = float("nan")
    assert compare_after(lambda new: new["rows"][0].update(top1_loc=None))[0] == 0
    assert "without a figure in either result: vgg16 grad_cam top1_loc." in capsys.readouterr().out


def test_several_archs_lie_in_one_file(write, capsys) -> None:
    archs = ("vgg16", "alexnet", "googlenet")
    content = to_json([result(arch) for arch in archs])
    old = write("old.json", content)
    content["results"][2]["rows"][0]["top5_loc"] += 2
    assert main(["compare", str(old), str(write("new.json", content))]) == 4
    printed = capsys.readouterr()
    assert "googlenet grad_cam top5_loc: " in printed.err
    assert "29 of 30 cells are the same." in printed.out
    del content["results"][1]
    assert main(["compare", str(old), str(write("new.json", content))]) == 4
    assert "alexnet grad_cam: row is missing" in capsys.readouterr().err


IDENTITY = {
    "arch": "vgg16",
    "weights": "demo:net.safetensors",
    "weights_sha256": "",
    "preprocessing": {"size": 224},
    "dataset": "demo-v1",
    "dataset_sha256": "",
    "images": 1000,
    "classes": 24,
    "is_ilsvrc": False,
    "protocol": asdict(PROTOCOLS[DEFAULT_PROTOCOL]),
    "methods": {"grad_cam": "features"},
}


def run_folder(path: Path, content: Json) -> Path:
    path.mkdir(parents=True)
    manifest = {"identity": IDENTITY, "status": "finished", "result": content}
    (path / "run.json").write_text(json.dumps(manifest))
    return path


def test_the_folder_of_a_run_stands_for_its_result(stored: Json, write, tmp_path: Path) -> None:
    file = str(write("old.json", stored))
    same = str(run_folder(tmp_path / "same", stored))
    move("top1_loc", 2)(stored)
    other = str(run_folder(tmp_path / "other", stored))
    assert main(["compare", file, same]) == 0
    assert main(["compare", same, file]) == 0
    assert main(["compare", same, other]) == 4


def test_the_folder_of_a_run_of_several_archs_stands_for_all_its_results(
    write, tmp_path: Path
) -> None:
    results = [result("vgg16"), result("alexnet")]
    for each in results:
        run_folder(tmp_path / "run" / each.arch, each.to_json())
    assert main(["compare", str(write("old.json", to_json(results))), str(tmp_path / "run")]) == 0


def test_a_result_that_was_saved_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    empty = dict.fromkeys(ERRORS, Measured(None, None, None, 0))
    rows = [replace(row, figures=empty) for row in result("vgg16").rows]
    emptied = replace(result("vgg16"), rows=tuple(rows), n=0, localized=0)
    path.write_text(json.dumps(emptied.to_json()), encoding="utf-8")
    stored = read_results(path)
    assert [str(row) for row in stored.rows] == ["vgg16 grad_cam", "vgg16_cam cam"]
    assert set(stored.rows[next(iter(stored.rows))].values()) == {None}
    assert {cell.verdict for cell in compare(stored, stored).cells} == {Verdict.SAME}


def test_update_writes_the_new_figures_and_keeps_the_tolerances(compare_after, capsys) -> None:
    tolerance = {"top1_loc": 0.25}
    code, baseline = compare_after(move("top1_loc", 5), "--update", tolerance=tolerance)
    assert code == 0
    printed = capsys.readouterr()
    assert "+5.000" in printed.out
    assert "now holds the figures of" in printed.err
    written = json.loads(baseline.read_text())
    assert written["tolerance"] == tolerance
    assert written["rows"][0]["top1_loc"] == pytest.approx(66.7)
    assert main(["compare", str(baseline), str(baseline.with_name("new.json"))]) == 0


def test_update_writes_what_every_json_reader_can_read(compare_after) -> None:
    nan = float("nan")
    code, baseline = compare_after(lambda new: new["rows"][0].update(top1_loc=nan), "--update")
    assert code == 0
    assert (
        json.loads(baseline.read_text(), parse_constant=pytest.fail)["rows"][0]["top1_loc"] is None
    )


def test_without_update_the_baseline_stays_as_it_is(compare_after, stored: Json) -> None:
    _, baseline = compare_after(move("top1_loc", 5))
    assert json.loads(baseline.read_text()) == stored


def test_the_folder_of_a_run_is_not_updated(stored: Json, write, tmp_path: Path, capsys) -> None:
    folder = run_folder(tmp_path / "run", stored)
    before = (folder / "run.json").read_bytes()
    assert main(["compare", str(folder), str(write("new.json", stored)), "--update"]) == 2
    assert "only a result file" in capsys.readouterr().err
    assert (folder / "run.json").read_bytes() == before


def test_the_terminal_table_fits_80_columns_and_cuts_no_name(
    stored: Json, compare_after, capsys
) -> None:
    for row in stored["rows"]:
        row["arch"] = "squeezenet1_1"
    stored["rows"][0].update(gt_known_loc=0)
    compare_after(lambda new: new["rows"][0].update(gt_known_loc=100))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    table = "\n".join(lines)
    for expected in ("squeezenet1_1", "grad_cam", "gt_known_loc", "+100.000", "100.000", "beyond"):
        assert expected in table


def test_markdown_holds_one_table_of_the_changed_cells(compare_after, capsys) -> None:
    def change(new: Json) -> None:
        new["weights"] = "a|b.pth"
        move("top1_loc", 0.3)(new)
        move("top5_loc", 3)(new)

    assert compare_after(change, "--markdown")[0] == 4
    text = capsys.readouterr().out
    assert text.startswith("### Figures outside their tolerance\n")
    assert "- **vgg16: weights was demo:net.safetensors, is a\\|b.pth**" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows == [
        "| arch | method | metric | old | new | difference | tolerance | verdict |",
        "|---|---|---|--:|--:|--:|--:|---|",
        "| vgg16 | grad_cam | top1_loc | 61.700 | 62.000 | +0.300 | 0.5 | within |",
        "| vgg16 | grad_cam | top5_loc | 55.200 | 58.200 | +3.000 | 0.5 | **beyond** |",
    ]
    assert "8 of 10 cells are the same." in text


def test_markdown_without_a_change_has_no_table(compare_after, capsys) -> None:
    assert compare_after(lambda new: None, "--markdown")[0] == 0
    text = capsys.readouterr().out
    assert text.startswith("### Figures as in the baseline\n")
    assert "|" not in text


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("top1_lok=0.5", "top1_loc"),
        ("top1_loc", "METRIC=POINTS"),
        ("top1_loc=much", "METRIC=POINTS"),
        ("top1_loc=-1", "expected 0 or more"),
        ("top1_loc=nan", "expected 0 or more"),
    ],
)
def test_a_bad_tolerance_is_a_usage_error(pair: str, said: str, compare_after, capsys) -> None:
    assert compare_after(lambda new: None, "--tolerance", pair)[0] == 2
    printed = capsys.readouterr()
    assert f"--tolerance {pair}" in printed.err
    assert said in printed.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "the file: expected an object, got []"),
        ("{}", "expected 'schema' 1 or 2, got None"),
        ('{"schema": 3}', "expected 'schema' 1 or 2, got 3"),
        ('{"schema": 1}', "'arch' of result 1: expected a text"),
        ('{"schema": 1, "results": 3}', "'results' of the file: expected a list"),
        ('{"schema": 1, "results": ["vgg16"]}', "result 1: expected an object"),
    ],
)
def test_a_file_that_is_no_result_gets_one_message_that_names_it(
    text: str, said: str, tmp_path: Path, stored: Json, write, capsys
) -> None:
    good, bad = write("good.json", stored), tmp_path / "bad.json"
    bad.write_text(text)
    for pair in ((bad, good), (good, bad)):
        assert main(["compare", *map(str, pair)]) == 3
        printed = capsys.readouterr()
        assert f"{bad}: " in printed.err
        assert said in printed.err
        assert len(printed.err.splitlines()) == 1
        assert printed.out == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda new: new.pop("n"), "'n' of vgg16: expected a whole number"),
        (lambda new: new.update(n=True), "'n' of vgg16: expected a whole number"),
        (lambda new: new.pop("dataset"), "'dataset' of vgg16: expected a text"),
        (lambda new: new.update(rows={}), "'rows' of vgg16: expected a list"),
        (lambda new: new["rows"].append("cam"), "a row of vgg16: expected an object"),
        (lambda new: new["rows"][0].pop("method"), "'method' of a row of vgg16"),
        (lambda new: new["rows"][0].update(arch=3), "'arch' of vgg16 grad_cam: expected a text"),
        (lambda new: new["rows"][0].pop("n_loc"), "'n_loc' of vgg16 grad_cam"),
        (lambda new: new["rows"][0].update(top1_loc="56"), "top1_loc of vgg16 grad_cam: expected"),
        (lambda new: new["rows"][0].update(top1_loc=101), "expected 0 to 100, got 101"),
        (lambda new: new["rows"].append(new["rows"][0]), "vgg16 grad_cam occurs twice"),
        (lambda new: new.update(tolerance=0.5), "'tolerance' of the file: expected an object"),
        (lambda new: new.update(tolerance={"top1": 0.5}), "unknown metric 'top1'"),
        (lambda new: new.update(tolerance={"top1_loc": "0.5"}), "the tolerance of top1_loc"),
    ],
)
def test_a_malformed_result_is_refused_and_the_place_named(
    change: Change, said: str, stored: Json, write
) -> None:
    change(stored)
    path = write("bad.json", stored)
    with pytest.raises(DataError) as caught:
        read_results(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_what_is_absent_or_unfinished_is_named(stored: Json, write, tmp_path: Path, capsys) -> None:
    good = str(write("good.json", stored))
    assert main(["compare", "no/such.json", good]) == 3
    assert "no/such.json: cannot be read" in capsys.readouterr().err
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["compare", good, str(empty)]) == 3
    assert "run.json: not found" in capsys.readouterr().err
    (empty / "run.json").write_text(json.dumps({"identity": IDENTITY, "status": "running"}))
    assert main(["compare", good, str(empty)]) == 3
    assert "has not finished" in capsys.readouterr().err
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    assert main(["compare", good, str(tmp_path / "bytes.json")]) == 3
    assert "bytes.json: not JSON" in capsys.readouterr().err


def test_comparing_loads_no_torch(stored: Json, write) -> None:
    path = str(write("same.json", stored))
    code = (
        "import sys\nfrom wsol_bench.cli.main import main\n"
        f"assert main(['compare', {path!r}, {path!r}]) == 0\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_result_of_schema_1_is_compared_with_one_of_schema_2(
    stored: Json, write: Callable[[str, object], Path]
) -> None:
    old = deepcopy(stored)
    old["schema"] = 1
    del old["metrics"]
    for row in old["rows"]:
        del row["n"]
    paths = write("old.json", old), write("new.json", stored)
    comparison = compare(*map(read_results, paths))
    assert len(comparison.cells) == 10
    assert {cell.verdict for cell in comparison.cells} == {Verdict.SAME}


def test_a_metric_with_another_unit_is_compared_without_a_range(
    stored: Json, write: Callable[[str, object], Path]
) -> None:
    name = "distance:at=centre"
    head = {"name": name, "title": "distance", "unit": "px", "higher_is_better": False}
    stored["metrics"].append(head)
    for row in stored["rows"]:
        row[name] = 223.5
    path = str(write("old.json", stored))
    assert main(["compare", path, path, f"--tolerance={name}=150"]) == 0
    assert read_results(Path(path)).metrics[name] == "px"


def test_a_metric_that_the_baseline_lacks_is_a_usage_error(compare_after, capsys) -> None:
    assert compare_after(lambda new: None, "--metrics=max_box_acc")[0] == 2
    assert "unknown metric of the baseline 'max_box_acc'" in capsys.readouterr().err
