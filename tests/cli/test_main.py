"""The command line: what it prints where, and how it ends."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import wsol_bench
from wsol_bench.cli.main import main
from wsol_bench.records.run_folder import RunFolder

METHODS = "backprop,c_mwp,mwp,grad_cam,cam,center"


def run_small(data: Path, weights: Path, *more: str) -> list[str]:
    return [
        "run",
        "--arch=squeezenet1_1",
        f"--weights={weights}",
        f"--data={data}",
        "--batch-size=4",
        *(() if any(each.startswith("--methods=") for each in more) else (f"--methods={METHODS}",)),
        *more,
    ]


def test_json_is_one_object_with_the_documented_keys(
    small_dataset: Path, small_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(run_small(small_dataset, small_weights, "--json")) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["schema"] == 2
    assert (printed["arch"], printed["protocol"]) == ("squeezenet1_1", "gradcam-iccv17")
    assert printed["n"] == 9
    methods = [row["method"] for row in printed["rows"]]
    assert methods == ["backprop", "c_mwp", "mwp", "grad_cam", "center"]
    assert "average pooling" in printed["not_applicable"]["cam"]
    for row in printed["rows"]:
        for metric in ("top1_cls", "top5_cls", "top1_loc", "top5_loc", "gt_known_loc"):
            low, high = row["ci"][metric]
            assert 0 <= low <= row[metric] <= high <= 100
        assert sum(printed["map_states"][row["method"]].values()) == 9


def test_results_go_to_stdout_and_progress_to_stderr(
    small_dataset: Path, small_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(run_small(small_dataset, small_weights)) == 0
    printed = capsys.readouterr()
    assert "Centred box" in printed.out
    assert "9/9 images" in printed.err
    assert "images/s" not in printed.out
    assert max(len(line) for line in printed.out.splitlines()) <= 80


def test_a_run_leaves_a_manifest_and_records(
    small_dataset: Path, small_weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert main(run_small(small_dataset, small_weights, f"--out={out}", "-q")) == 0
    manifest = json.loads((out / "run.json").read_text())
    assert manifest["status"] == "finished"
    assert len(manifest["identity"]["weights_sha256"]) == 64
    assert len(manifest["identity"]["dataset_sha256"]) == 64
    rows = {row["name"]: row for row in manifest["rows"]}
    assert rows["c_mwp"]["layer"]
    assert rows["backprop"]["options"] == {"sigma": 0.02}
    assert rows["center"]["makes_map"] is False
    assert manifest["versions"]["torch"]
    assert manifest["seconds"] > 0
    table = RunFolder(out).read()
    assert len(table) == 9 * 5
    assert {"image_id", "method", "label", "classes", "scores", "iou", "map_state"} <= set(
        table.column_names
    )


def test_the_same_command_twice_gives_the_same_records_value_for_value(
    small_dataset: Path, small_weights: Path, tmp_path: Path
) -> None:
    tables = []
    for name in ("first", "second"):
        out = tmp_path / name
        assert main(run_small(small_dataset, small_weights, f"--out={out}", "-q")) == 0
        tables.append(RunFolder(out).read())
    assert tables[0].equals(tables[1])


def test_the_same_command_into_the_same_folder_keeps_what_is_there(
    small_dataset: Path,
    small_weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = run_small(small_dataset, small_weights, f"--out={tmp_path / 'out'}")
    assert main(command) == 0
    before = capsys.readouterr().out
    shard = tmp_path / "out" / "rows" / "r000" / "00000000.parquet"
    written = shard.stat().st_mtime_ns
    assert main(command) == 0
    after = capsys.readouterr()
    assert after.out == before
    assert "9 of 9 images are already in" in after.err
    assert shard.stat().st_mtime_ns == written


def test_another_run_into_the_same_folder_is_refused_and_the_difference_named(
    small_dataset: Path,
    small_weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = f"--out={tmp_path / 'out'}"
    assert main(run_small(small_dataset, small_weights, out, "-q")) == 0
    assert main(run_small(small_dataset, small_weights, out, "-q", "--set=iou=0.4")) == 2
    assert "protocol.iou: 0.5 there, 0.4 now" in capsys.readouterr().err
    # A row of the same name with other options is another row's records too.
    named = run_small(
        small_dataset, small_weights, out, "-q", "--methods=backprop:sigma=0:name=mwp"
    )
    assert main(named) == 2
    assert "mwp: method: 'mwp' there, 'backprop' now" in capsys.readouterr().err


def test_a_row_is_added_to_a_finished_run(
    small_dataset: Path,
    small_weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"

    def files() -> dict[Path, tuple[bytes, int]]:
        found = list(out.rglob("*.parquet"))
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in found}

    command = run_small(small_dataset, small_weights, f"--out={out}", "--methods=backprop,center")
    assert main(command) == 0
    before = files()
    more = "--methods=backprop,backprop:sigma=0"
    assert main(run_small(small_dataset, small_weights, f"--out={out}", more, "--json")) == 0
    printed = capsys.readouterr()
    rows = json.loads(printed.out.splitlines()[-1])["rows"]
    assert [row["method"] for row in rows] == ["backprop", "backprop:sigma=0"]
    assert {path: files()[path] for path in before} == before
    assert main(["score", str(out), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["method"] for row in rows] == ["backprop", "center", "backprop:sigma=0"]


def test_the_public_function_gives_rows_a_frame_and_a_file(
    small_dataset: Path, small_weights: Path, tmp_path: Path
) -> None:
    result = wsol_bench.run(
        arch="squeezenet1_1",
        weights=str(small_weights),
        data=small_dataset,
        methods="grad_cam,center",
    )
    assert [row.method for row in result.rows] == ["grad_cam", "center"]
    frame = result.to_frame()
    assert frame.loc["center", "gt_known_loc"] == result.rows[1].figures["gt_known_loc"].value
    result.save(tmp_path / "result.json")
    assert json.loads((tmp_path / "result.json").read_text())["n"] == 9


def test_public_names_are_declared_and_exist() -> None:
    assert {"run", "RunSettings", "WsolBenchError"} <= set(wsol_bench.__all__)
    assert all(hasattr(wsol_bench, name) for name in wsol_bench.__all__)


@pytest.mark.parametrize("what", ["archs", "methods", "datasets", "protocols", "weights"])
def test_list_prints_every_entry_of_a_table(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", what]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 1


def test_list_of_a_method_shows_its_options_and_what_its_reader_must_know(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["list", "methods", "backprop"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Backprop", "Simonyan et al. 2013, section 3.1"]
    (sigma,) = (line for line in lines if line.startswith("sigma "))
    assert "a share of the map's side" in sigma
    assert " 0.02 " in sigma
    assert main(["list", "methods", "eigen_cam"]) == 0
    assert "one map for all classes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run"], 2, "--arch"),
        (["rum"], 2, "run"),
        (["run", "--arch=vgg61", "--data=."], 2, "vgg16"),
        (["run", "--arch=vgg16", "--data=.", "--methods=grad_cma"], 2, "grad_cam"),
        (["run", "--arch=vgg16", "--data=.", "--protocol=x"], 2, "gradcam-iccv17"),
        (["run", "--arch=vgg16", "--data=.", "--batch-size=0"], 2, "--batch-size 0"),
        (["run", "--arch=vgg16", "--data=.", "--batch-size=many"], 2, "batch-size"),
        (["run", "--arch=vgg16", "--data=.", "--methods=backprop:sigma=-1"], 2, "share of the map"),
        (["run", "--arch=vgg16", "--data=.", "--gate=high"], 2, "--gate"),
        (["run", "--arch=vgg16", "--data=.", "--layer=relu"], 2, "grad_cam:layer=NAME"),
        (["run", "--arch=vgg16", "--data=.", "--methods=center:layer=relu"], 2, "unknown option"),
        (["run", "--arch=vgg16", "--data=.", "--device=warp"], 2, "--device warp"),
        (["run", "--arch=vgg16", "--data=no/such/folder"], 3, "no/such/folder"),
        (["data", "check", "no/such/folder"], 3, "no/such/folder"),
        (["list", "wat"], 2, "archs"),
        (["list", "methods", "grad_cma"], 2, "Did you mean grad_cam"),
        (
            ["list", "datasets", "cub"],
            2,
            "list methods NAME or list metrics NAME",
        ),
        (["list", "archs", "vgg61"], 2, "Did you mean vgg16"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_usage_gets_one_message_and_the_right_code(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    printed = capsys.readouterr()
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""


@pytest.fixture
def broken(small_dataset: Path, tmp_path: Path) -> Path:
    """A copy of the small dataset for a test to break."""
    return Path(shutil.copytree(small_dataset, tmp_path / "broken"))


def test_a_truncated_image_is_named(
    broken: Path, small_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = broken / "ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000003.JPEG"
    image.write_bytes(image.read_bytes()[: image.stat().st_size // 2])
    command = run_small(broken, small_weights)
    assert main(command) == 3
    told = capsys.readouterr()
    assert "n = 9" in told.out  # the table is made all the same
    assert "ILSVRC2012_val_00000003.JPEG" in told.err
    assert "--allow-unreadable 1" in told.err
    assert "Traceback" not in told.err
    assert main([*command, "--allow-unreadable", "1", "--json"]) == 0
    told = capsys.readouterr()
    result = json.loads(told.out)
    assert result["unreadable"] == ["ILSVRC2012_val_00000003"]
    assert all(row["gt_known_loc"] >= 100 / 9 for row in result["rows"])


def test_a_broken_annotation_is_named(
    broken: Path, small_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = broken / "ILSVRC/Annotations/CLS-LOC/val/ILSVRC2012_val_00000004.xml"
    path.write_text(path.read_text().replace("</object>", "</objekt>"))
    assert main(run_small(broken, small_weights, "-q")) == 3
    assert "ILSVRC2012_val_00000004.xml" in capsys.readouterr().err


def test_absent_images_stop_a_run_unless_they_are_admitted(
    broken: Path, small_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (broken / "ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000004.JPEG").unlink()
    assert main(run_small(broken, small_weights, "-q")) == 3
    assert "ILSVRC2012_val_00000004" in capsys.readouterr().err
    assert main(run_small(broken, small_weights, "--allow-missing", "--json")) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["n"] == 8
    assert "1 annotated image" in printed.err


class Bomb:
    """What a pickle can do: run anything when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch exploded",)


def test_a_pickled_object_is_refused_and_not_run(
    small_dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    for name, save in (("zip.pth", torch.save), ("plain.pth", _plain_pickle)):
        save(Bomb(), tmp_path / name)
        assert main(run_small(small_dataset, tmp_path / name, "-q")) == 3
        assert name in capsys.readouterr().err
    assert not (tmp_path / "exploded").exists()


def _plain_pickle(value: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(value))


def test_a_failing_gate_stops_the_run_and_says_what_to_suspect(
    small_dataset: Path, small_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(run_small(small_dataset, small_weights, "-q", "--gate", "0")) == 1
    assert "suspect" in capsys.readouterr().err


def test_a_gate_without_a_published_figure_asks_for_one(
    small_dataset: Path, small_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(run_small(small_dataset, small_weights, "-q", "--gate")) == 2
    assert "--gate PERCENT" in capsys.readouterr().err


def test_no_method_that_can_run_is_a_usage_error(
    small_dataset: Path, small_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "run",
        "--arch=squeezenet1_1",
        f"--weights={small_weights}",
        f"--data={small_dataset}",
        "--methods=cam",
    ]
    assert main(command) == 2
    assert "none can run" in capsys.readouterr().err


def test_a_layer_can_be_chosen_and_an_unknown_one_lists_the_near(
    small_dataset: Path, small_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = run_small(small_dataset, small_weights, "-q", "--methods=grad_cam:layer=features.10")
    assert main(good) == 0
    bad = run_small(small_dataset, small_weights, "-q", "--methods=grad_cam:layer=features.99")
    assert main(bad) == 2
    assert "features.9" in capsys.readouterr().err


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--debug", "run", "--arch=vgg16", "--data=no/such/folder"]) == 3
    assert "Traceback" in capsys.readouterr().err


def test_the_module_runs_as_a_program() -> None:
    command = [sys.executable, "-m", "wsol_bench", "--version"]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert finished.stdout.startswith("wsol-bench 0.")


def test_a_reader_that_goes_away_is_no_error() -> None:
    program = f"{sys.executable} -m wsol_bench list archs | head -n 1"
    finished = subprocess.run(program, shell=True, capture_output=True, text=True, check=True)
    assert finished.stderr == ""


def test_data_check_reports_and_ends_with_a_verdict(
    broken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(broken)]) == 0
    assert "A run would succeed." in capsys.readouterr().out
    (broken / "ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000004.JPEG").write_bytes(b"")
    assert main(["data", "check", str(broken)]) == 3
    printed = capsys.readouterr().out
    assert "ILSVRC2012_val_00000004" in printed
    assert "A run would count the unreadable images as wrong" in printed
