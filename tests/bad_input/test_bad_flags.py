"""Values of flags that make no sense: one message each, before anything is opened."""

import json
import tempfile
from pathlib import Path

import pytest

import wsol_bench
from wsol_bench.cli.main import main
from wsol_bench.errors import UsageError
from wsol_bench.settings import RunSettings

REFUSED = "Refused flags"
FOLDERS = "Refused run folders"
RUN = ("run", "--arch=vgg16", "--data=DIR")
FLAGS = {
    "a part of an image": (*RUN, "--limit=2.7"),
    "a batch and a half": (*RUN, "--batch-size=1.5"),
    "fewer than no images": (*RUN, "--allow-unreadable=-1"),
    "a device without numbers": (*RUN, "--device=meta"),
    "an IoU above 1": (*RUN, "--set=iou=7"),
    "an IoU of 0": (*RUN, "--set=iou=0"),
    "weights of no network": ("run", "--arch=none", "--weights=torchvision", "--data=DIR"),
    "scores beside a network's": (*RUN, "--scores=mine.csv"),
    "a threshold above the maximum": (*RUN, "--set=threshold=1.5"),
    "outputs named twice over": (*RUN, "--target=a.csv", "--classes=b.csv"),
    "maps that a metric reads and nobody keeps": (*RUN, "--metrics=max_box_acc"),
    "maps that nobody keeps": (*RUN, "--keep-maps"),
    "a metric of maps that nobody keeps": (*RUN, "--metrics=max_box_acc"),
    "a metric that needs another run": (*RUN, "--metrics=max_box_acc:threshold=tuned"),
    "a field that is set twice": (*RUN, "--set=iou=0.3", "--set=iou=0.5"),
    "an empty path": (*RUN, "--out="),
}
FILES = {
    "infinitely many classes": "topk = inf",
    "2.9 classes": "topk = 2.9",
    "a truth value for a number": "threshold = true",
}


@pytest.mark.parametrize("what", FLAGS)
def test_a_flag_without_sense_is_refused(what, command, expect_row) -> None:
    told = command(*FLAGS[what])
    expect_row(REFUSED, what, told.err.strip(), told.code)
    assert told.out == ""


@pytest.mark.parametrize("what", FILES)
def test_a_field_of_a_file_without_sense_is_refused(what, command, expect_row, tmp_path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(FILES[what])
    told = command(*RUN, f"--protocol={file}")
    expect_row(REFUSED, what, told.err.strip(), told.code)


@pytest.mark.parametrize(
    "arguments",
    [
        ("data", "check", "DIR", "--limit=1.5"),
        ("data", "make-demo", "x", "--count=1.5"),
        ("data", "make-demo", "x", "--seed=1.5"),
        ("figure", "x", "--seed=1.5"),
        ("report", "x", "--pictures=1.5"),
        ("bench", "--rounds=1.5"),
        ("reproduce", "gradcam-table1", "--data=x", "--weights-dir=x", "--workers=1.5"),
        ("score", "x", "--limit=1.5"),
    ],
)
def test_no_command_rounds_a_number(arguments, command) -> None:
    told = command(*arguments)
    assert (told.code, "1.5: expected a whole number" in told.err) == (2, True)


def test_the_home_folder_is_found_where_the_shell_leaves_its_sign(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    asked = []

    def evaluate(settings: RunSettings, **_: object) -> None:
        asked.append(settings.out)
        raise UsageError("enough")

    monkeypatch.setattr("wsol_bench.runs.evaluate.evaluate", evaluate)
    assert main(["run", "--arch=vgg16", "--out=~/x"]) == 2
    assert asked == [tmp_path / "x"]


def test_an_empty_path_is_refused_in_python_too() -> None:
    with pytest.raises(UsageError, match="out='': expected a path"):
        wsol_bench.run(arch="vgg16", out="")


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("identity", [], "a `run.json` whose identity is a list"),
        ("seconds_of_network", "x", "a `run.json` whose seconds are a word"),
        ("identity", None, ""),
        ("machines", 3, ""),
    ],
)
def test_a_manifest_of_another_form_is_named(
    name, value, what, small_dataset, small_weights, command, expect_row, tmp_path: Path
) -> None:
    flags = ["--arch=squeezenet1_1", f"--weights={small_weights}", f"--data={small_dataset}"]
    flags += ["--methods=grad_cam", f"--out={tmp_path / 'run'}"]
    assert command("run", *flags).code == 0
    path = tmp_path / "run" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    told = command("run", *flags)
    assert (told.code, "unexpected" in told.err) == (3, False)
    assert f"run/run.json: {name!r}" in told.err
    if what:
        expect_row(FOLDERS, what, told.err.strip().splitlines()[-1], told.code)


def test_a_result_of_another_form_is_named(small_dataset, small_weights, command, tmp_path) -> None:
    flags = ["--arch=squeezenet1_1", f"--weights={small_weights}", f"--data={small_dataset}"]
    assert command("run", *flags, "--methods=grad_cam", f"--out={tmp_path / 'run'}").code == 0
    path = tmp_path / "run" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "result": {"rows": [{}]}}))
    told = command("score", tmp_path / "run")
    assert (told.code, "run/run.json" in told.err) == (3, True)


def test_methods_in_another_order_are_the_same_run_printed_in_that_order(
    small_dataset, small_weights, command, tmp_path
) -> None:
    flags = ["--arch=squeezenet1_1", f"--weights={small_weights}", f"--data={small_dataset}"]
    flags += [f"--out={tmp_path / 'run'}"]
    assert command("run", *flags, "--methods=grad_cam,center").code == 0
    told = command("run", *flags, "--methods=center,grad_cam", "--json")
    assert [row["method"] for row in json.loads(told.out)["rows"]] == ["center", "grad_cam"]
    assert "9 of 9 images are already in" in told.err


def test_where_no_folder_can_be_made_the_message_says_what_to_set(
    small_dataset, small_weights, command, expect_row, monkeypatch, tmp_path: Path
) -> None:
    def no_home(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    flags = ["--arch=squeezenet1_1", f"--weights={small_weights}", f"--data={small_dataset}"]
    told = command("run", *flags, "--methods=center", "-q")
    expect_row(FOLDERS, "no temporary folder, and no `--out`", told.err.strip(), told.code)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", no_home)
    told = command("run", "--arch=alexnet", "-q")
    expect_row(FOLDERS, "no home folder for the demo", told.err.strip(), told.code)
