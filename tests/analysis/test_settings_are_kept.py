"""No setting of a run is lost by any reader: score(run(S), change) == run(S + change)."""

import csv
import json
import re
from pathlib import Path

import pytest
from matplotlib.text import Text

from wsol_bench.cli.main import main
from wsol_bench.protocols.catalog import ERRORS
from wsol_bench.records.opened_run import open_networks
from wsol_bench.records.run_folder import RunFolder
from wsol_bench.report.figures.figure import FigureOptions, draw_run

METHODS = "grad_cam,backprop:sigma=0.05,center"
SETTINGS = {
    "nothing": (),
    "iou": ("iou=0.3",),
    "threshold": ("threshold=0.4",),
    "strict": ("strict=true",),
    "mean": ("reference=mean", "threshold=1"),
    "upsampling": ("upsampling=nearest",),
    "connectivity": ("connectivity=4",),
    "component": ("component=all",),
    "truth": ("truth=first",),
    "inclusive": ("inclusive=true",),
    "view": ("view=center-crop",),
    "two at once": ("truth=largest", "threshold=0.3"),
    "fewer classes": ("topk=1",),
}
CHANGES = {name: SETTINGS[name] for name in SETTINGS if name not in ("nothing", "view")}
PAIRS = [(first, second) for first in SETTINGS for second in CHANGES if first != second]
SHORT = [pair for number, pair in enumerate(PAIRS) if number % 9 == 0]
"""Every setting and every change at least once; the others are slow for the default suite."""


@pytest.fixture(scope="module")
def figures(small_dataset: Path, small_weights: Path, tmp_path_factory: pytest.TempPathFactory):
    """The rows of a run under some settings, run once and then remembered, and its folder."""
    made: dict[tuple[str, ...], tuple[list[dict], Path]] = {}

    def run(changes: tuple[str, ...], *flags: str) -> tuple[list[dict], Path]:
        key = (*changes, *flags)
        if key not in made:
            out = tmp_path_factory.mktemp("run") / "run"
            sets = [word for change in changes for word in ("--set", change)]
            command = ["run", "--arch=squeezenet1_1", f"--weights={small_weights}", "-q"]
            command += [f"--data={small_dataset}", f"--methods={METHODS}", "--keep-maps"]
            assert main([*command, f"--out={out}", *sets, *flags]) == 0
            made[key] = (rows_of(RunFolder(out).manifest().result), out)
        return made[key]

    return run


def rows_of(result: object) -> list[dict]:
    assert isinstance(result, dict)
    return [{k: v for k, v in row.items() if k != "seconds"} for row in result["rows"]]


def scored(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    capsys.readouterr()
    code = main(["score", *arguments, "--json"])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    return json.loads(printed.out)


def check(first: str, second: str, figures, capsys) -> None:
    own, change = SETTINGS[first], CHANGES[second]
    # A field that is set again has the later value.
    names = {each.partition("=")[0] for each in change}
    both = tuple(each for each in own if each.partition("=")[0] not in names) + change
    _, folder = figures(own)
    sets = [word for each in change for word in ("--set", each)]
    again = scored(capsys, str(folder), *sets)
    expected, whole = figures(both)
    assert rows_of(again) == expected
    assert again["protocol"] == RunFolder(whole).manifest().identity.protocol.name


@pytest.mark.parametrize(("first", "second"), SHORT, ids=" ".join)
def test_a_run_scored_under_a_change_is_the_run_made_with_it(first, second, figures, capsys):
    check(first, second, figures, capsys)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second"), [pair for pair in PAIRS if pair not in SHORT], ids=" ".join
)
def test_every_other_change_likewise(first, second, figures, capsys):
    check(first, second, figures, capsys)


@pytest.mark.parametrize("name", SETTINGS)
def test_score_without_flags_gives_the_runs_own_figures(name, figures, capsys):
    expected, folder = figures(SETTINGS[name])
    assert rows_of(scored(capsys, str(folder))) == expected


def test_a_protocol_file_gives_the_figures_of_its_fields(figures, capsys, tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text('base = "gradcam-iccv17"\nthreshold = 0.4\niou = 0.3\n')
    expected, _ = figures(("threshold=0.4", "iou=0.3"))
    named, folder = figures((), f"--protocol={file}")
    assert named == expected
    assert rows_of(scored(capsys, str(folder))) == expected
    assert rows_of(scored(capsys, str(figures(())[1]), "--protocol", str(file))) == expected


MEASURED = "mean_best_iou,max_box_acc,gt_known_loc"


def test_a_run_measures_what_it_is_asked_for_and_so_do_its_readers(figures, capsys):
    rows, folder = figures((), f"--metrics={MEASURED}")
    names = MEASURED.split(",")
    assert [name for name in rows[0] if name in names] == names
    assert all(row[name] is not None for row in rows for name in names)
    assert rows_of(scored(capsys, str(folder))) == rows
    usual = figures(())[1]
    assert rows_of(scored(capsys, str(usual), "--metrics", MEASURED)) == rows
    found = printed(capsys, "pairs", str(folder))
    assert [each["name"] for each in found["metrics"]] == names


def test_a_run_under_a_protocol_of_maps_is_the_run_scored_under_it(figures, capsys):
    rows, _ = figures((), "--protocol=maxboxacc")
    assert all(row["max_box_acc"] is not None for row in rows)
    assert rows == rows_of(scored(capsys, str(figures(())[1]), "--protocol=maxboxacc"))


def test_other_metrics_for_a_finished_run_are_measured_by_score(
    figures, small_dataset, small_weights, capsys
):
    _, folder = figures(())
    command = ["run", "--arch=squeezenet1_1", f"--weights={small_weights}", "-q", "--keep-maps"]
    command += [f"--data={small_dataset}", f"--methods={METHODS}", f"--out={folder}"]
    assert main([*command, "--metrics=mean_best_iou"]) == 2
    assert f"score {folder} --metrics NAMES" in capsys.readouterr().err


def test_a_field_of_a_file_that_no_metric_reads_is_refused(figures, capsys, tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text('base = "maxboxacc"\ntopk = 3\niou = 0.5\n')
    assert main(["score", str(figures(())[1]), "--protocol", str(file)]) == 2
    assert f"--protocol {file}: topk: changes none" in capsys.readouterr().err


def test_a_blacklist_counts_in_every_reader(figures, capsys, tmp_path: Path):
    blacklist = tmp_path / "blacklist.txt"
    blacklist.write_text("1\n5\n")
    expected, folder = figures((), f"--blacklist={blacklist}")
    assert {row["n_loc"] for row in expected} == {7}
    assert rows_of(scored(capsys, str(folder))) == expected
    swept = scored(capsys, str(folder), "--protocol", "maxboxacc")
    assert {figure for row in swept["rows"] for figure in row["n"].values()} == {7}


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--set", "view=ten-crops"], "--protocol"),
        (["--protocol", "maxboxacc", "--set", "topk=3"], "topk"),
        (["--limit", "2"], "--limit"),
        (["--blacklist", "x"], "--blacklist"),
        (["--tune-on", "SELF"], "--tune-on"),
    ],
)
def test_what_a_reader_does_not_use_is_refused_by_name(arguments, names, figures, capsys):
    _, folder = figures(())
    given = [str(folder) if each == "SELF" else each for each in arguments]
    code = main(["score", str(folder), *given])
    said = capsys.readouterr().err
    assert code == 2
    assert names in said


def test_the_order_of_changes_makes_no_other_run(figures, small_dataset, small_weights):
    rows, folder = figures(("truth=largest", "threshold=0.3"))
    command = ["run", "--arch=squeezenet1_1", f"--weights={small_weights}", "-q"]
    command += [f"--data={small_dataset}", f"--methods={METHODS}", "--keep-maps"]
    sets = ["--set", "threshold=0.3", "--set", "truth=largest"]
    assert main([*command, f"--out={folder}", *sets]) == 0
    assert rows_of(RunFolder(folder).manifest().result) == rows


def test_the_iou_of_a_sweep_counts(figures, capsys):
    folder = str(figures(())[1])

    def values(*flags: str) -> list[float]:
        found = scored(capsys, folder, "--protocol", "maxboxacc", *flags)
        metric = found["metrics"][0]["name"]
        return [row[metric] for row in found["rows"]]

    at_half, at_most, at_least = values(), values("--set", "iou=0.9"), values("--set", "iou=0.1")
    for half, most, least in zip(at_half, at_most, at_least, strict=True):
        assert most <= half <= least
    assert at_most != at_least


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    capsys.readouterr()
    code = main([*arguments, "--json"])
    text = capsys.readouterr()
    assert code == 0, text.err
    return json.loads(text.out)


@pytest.mark.parametrize("name", SETTINGS)
def test_pairs_differ_by_what_the_runs_own_figures_differ(name, figures, capsys):
    rows, folder = figures(SETTINGS[name])
    own = {row["title"]: row for row in rows}
    found = printed(capsys, "pairs", str(folder))
    assert {each["name"] for each in found["metrics"]} >= {"top1_loc", "gt_known_loc"}
    for metric in found["metrics"]:
        for pair in metric["pairs"]:
            first, second = (
                own[pair[side].strip()][metric["name"]] for side in ("first", "second")
            )
            assert pair["difference"] == pytest.approx(first - second, abs=1e-9)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_groups_of_a_breakdown_add_up_to_the_runs_own_figures(name, figures, capsys):
    rows, folder = figures(SETTINGS[name])
    own = next(row for row in rows if row["method"] == "grad_cam")
    found = printed(capsys, "breakdown", str(folder), "--methods=grad_cam")
    for groups in ("by_size", "by_count", "by_class"):
        for metric in ("top1_loc", "top5_loc", "gt_known_loc", "top1_cls"):
            filled = [each for each in found[groups] if each["counted"][metric]]
            total = sum(each["counted"][metric] for each in filled)
            value = sum(each[metric] * each["counted"][metric] for each in filled) / total
            assert (total, value) == (9, pytest.approx(own[metric], abs=1e-9))


@pytest.mark.parametrize("name", SETTINGS)
def test_a_table_and_a_comparison_show_the_runs_own_figures(name, figures, capsys, tmp_path):
    rows, folder = figures(SETTINGS[name])
    found = printed(capsys, "table", str(folder))
    for row, own in zip(found["rows"], rows, strict=True):
        for metric, cell in row["figures"].items():
            assert cell["value"] == pytest.approx(own[metric], abs=1e-9)
    result = RunFolder(folder).manifest().result
    (tmp_path / "own.json").write_text(json.dumps(result))
    assert main(["compare", str(tmp_path / "own.json"), str(folder)]) == 0
    cells = 5 * len(rows)
    assert f"{cells} of {cells} cells are the same" in capsys.readouterr().out


@pytest.fixture
def class_map(tmp_path: Path) -> Path:
    path = tmp_path / "map.txt"
    path.write_text("n01440764 7 a\nn01443537 3 b\nn01484850 9 c\n")
    return path


DRAWN = ("nothing", "iou", "two at once")
"""Settings under which the default suite draws pages and figures; the others are slow."""
each_setting = pytest.mark.parametrize(
    "name",
    [name if name in DRAWN else pytest.param(name, marks=pytest.mark.slow) for name in SETTINGS],
)


@each_setting
def test_a_report_shows_the_runs_own_figures(name, figures, tmp_path):
    rows, folder = figures(SETTINGS[name])
    page = tmp_path / "page.html"
    assert main(["report", str(folder), f"--out={page}", "--pictures=0", "-q"]) == 0
    (table,) = re.findall(r'<section id="errors".*?</table>', page.read_text(), re.DOTALL)
    shown = re.findall(r'<b class="value">([0-9.]+)</b>', table)
    assert shown == [f"{row[metric]:.2f}" for row in rows for metric in ERRORS]


@each_setting
def test_a_figure_marks_as_many_boxes_right_as_the_runs_own_figures(name, figures, small_dataset):
    rows, folder = figures(SETTINGS[name])
    ids = open_networks(folder)[0].of("center")["image_id"].to_pylist()
    drawing = draw_run(folder, FigureOptions(",".join(ids), (), None, 6.875, 0), quiet=True)
    words = drawing.figure.findobj(Text)
    right = [each for each in words if each.get_text().startswith("IoU 0") and is_bold(each)]
    assert len(right) == round(sum(9 - 0.09 * row["gt_known_loc"] for row in rows))


def is_bold(text: Text) -> bool:
    return text.get_weight() in ("bold", 700)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_table_of_records_has_the_outcomes_of_the_runs_own_figures(name, figures, tmp_path):
    rows, folder = figures(SETTINGS[name])
    assert main(["export", str(folder), str(tmp_path / "out.csv"), "--format=csv"]) == 0
    with (tmp_path / "out.csv").open() as file:
        records = list(csv.DictReader(file))
    for row in rows:
        own = [each["failure"] for each in records if each["method"] == row["method"]]
        assert 100 * own.count("right") / 9 == pytest.approx(100 - row["top1_loc"])


@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "fewer classes"])
def test_exported_predictions_score_as_the_run(
    name, figures, capsys, tmp_path, small_dataset, class_map
):
    rows, folder = figures(SETTINGS[name])
    changes = [each for each in SETTINGS[name] if each.partition("=")[0] in SCORED_AGAIN]
    sets = [word for each in changes for word in ("--set", each)]
    for row in rows:
        file = tmp_path / "predictions.txt"
        command = ["export", str(folder), str(file), f"--class-map={class_map}"]
        assert main([*command, f"--methods={row['method']}"]) == 0
        given = ["--predictions", str(file), f"--data={small_dataset}", f"--class-map={class_map}"]
        (found,) = scored(capsys, *given, *sets)["rows"]
        assert [found[each] for each in ERRORS[:4]] == [row[each] for each in ERRORS[:4]]


SCORED_AGAIN = ("iou", "truth", "inclusive")
"""Fields that decide how a made box is scored."""
