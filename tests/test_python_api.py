"""`wsol_bench.run` and `wsol_bench.open`: their arguments, and what a result can do."""

import inspect
import json
import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import wsol_bench
from wsol_bench.api import RunResult
from wsol_bench.errors import DataError, UsageError
from wsol_bench.records.opened_run import joined_maps, open_networks
from wsol_bench.runtime.progress import progress
from wsol_bench.settings import RunSettings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs") / "first"


@pytest.fixture(scope="module")
def made(small_dataset: Path, small_weights: Path, folder: Path) -> RunResult:
    return wsol_bench.run(
        arch="squeezenet1_1",
        weights=small_weights,
        data=small_dataset,
        methods="grad_cam,cam,center",
        keep_maps=True,
        out=folder,
    )


def test_run_takes_the_settings_by_name_with_their_defaults() -> None:
    parameters = inspect.signature(wsol_bench.run).parameters
    for field in fields(RunSettings):
        default = parameters[field.name].default
        expected = None if field.default is MISSING else field.default
        assert default == expected, field.name
    assert set(parameters) == {field.name for field in fields(RunSettings)} | {"quiet", "unknown"}


def test_names_complete_in_ipython() -> None:
    completer = pytest.importorskip("IPython.core.completer")
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell()
    shell.user_ns["wsol_bench"] = wsol_bench
    shell.Completer.use_jedi = False
    for name in ("limit", "keep_maps", "batch_size", "set"):
        text = f"wsol_bench.run({name[:3]}"
        with completer.provisionalcompleter():
            found = [each.text for each in shell.Completer.completions(text, len(text))]
        assert f"{name}=" in found


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, 'run: expected a network as arch, such as arch="vgg16", which needs no data'),
        ({"arch": "vgg16", "limit": "8"}, "limit='8': expected a whole number, such as 8, or None"),
        ({"arch": "vgg16", "limit": 8.0}, "limit=8.0: expected a whole number"),
        ({"arch": "vgg16", "layers": "x"}, "layers: is an option of each method now"),
        ({"arch": "vgg16", "changes": ("iou=0.3",)}, "changes: is now set"),
        ({"arch": "vgg16", "limt": 8}, "unknown setting 'limt'. Did you mean limit"),
        ({"arch": "vgg16", "methods": 8}, "methods=8: expected specs, functions"),
        ({"arch": "vgg16", "mean": ["a"]}, r"mean=\['a'\]: expected several values"),
        ({"arch": "vgg16", "precision": "fp8"}, "precision='fp8': expected 'fp32' or"),
        ({"arch": "vgg16", "keep_maps": 1}, "keep_maps=1: expected True or False"),
        ({"arch": "vgg16", "out": ""}, "out='': expected a path"),
        ({"arch": "all"}, "arch='all': expected one arch"),
    ],
    ids=str,
)
def test_a_wrong_argument_gets_one_message(given: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        wsol_bench.run(**given)


def test_numbers_and_paths_of_other_types_are_taken() -> None:
    settings = RunSettings.of(
        arch="vgg16", limit=np.int64(8), mean=0.5, std=[0.5, 0.25, 0.5], set="iou=0.3", out="~/x"
    )
    assert (settings.limit, settings.mean, settings.std) == (8, (0.5,), (0.5, 0.25, 0.5))
    assert settings.set == ("iou=0.3",)
    assert settings.out == Path.home() / "x"


def test_a_run_on_the_disk_is_the_result_that_it_was(made: RunResult, folder: Path) -> None:
    opened = wsol_bench.open(folder)
    pd.testing.assert_frame_equal(opened.metrics, made.metrics)
    pd.testing.assert_frame_equal(opened.records, made.records)
    assert opened.to_json() == made.to_json()
    assert str(opened) == str(made)
    assert list(opened.not_applicable) == ["cam"]


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=str(tmp_path)):
        wsol_bench.open(tmp_path)
    with pytest.raises(UsageError, match="open: expected a run's folder"):
        wsol_bench.open("")


def test_opening_a_run_imports_no_torch(made: RunResult, folder: Path) -> None:
    code = f"import sys, wsol_bench; print(wsol_bench.open({str(folder)!r})); "
    code += "sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Grad-CAM" in done.stdout


def test_print_gives_the_table_that_the_command_prints(made: RunResult) -> None:
    text = str(made)
    assert "squeezenet1_1" in text
    assert "cam: n/a: CAM needs" in text
    for row in made.rows:
        assert f"{row.figures['gt_known_loc'].value:.2f}" in text
    assert repr(made).startswith("<RunResult of squeezenet1_1")


def test_maps_are_those_that_the_run_kept(made: RunResult) -> None:
    image = made.records["image_id"][0]
    (values,) = made.maps(image).values()
    assert values.dtype == np.float32
    (network,) = open_networks(made.folder)
    for image, kept in zip(
        network.of("grad_cam")["image_id"].to_pylist(),
        joined_maps(network, "grad_cam"),
        strict=True,
    ):
        np.testing.assert_array_equal(made.maps(image)["grad_cam"], kept)
    with pytest.raises(DataError, match="no image 'nope'"):
        made.maps("nope")


def test_a_run_without_maps_says_how_to_keep_them(small_dataset: Path, small_weights: Path) -> None:
    result = wsol_bench.run(
        arch="squeezenet1_1", weights=small_weights, data=small_dataset, methods="grad_cam", limit=1
    )
    with pytest.raises(DataError, match="keep_maps=True"):
        result.maps(result.records["image_id"][0])


def test_pairs_are_those_of_the_command(
    made: RunResult, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from wsol_bench.cli.main import main

    assert main(["pairs", str(folder), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    frame = made.pairs()
    for metric in printed["metrics"]:
        (pair,) = metric["pairs"]
        (row,) = frame[frame["metric"] == metric["name"]].to_dict("records")
        assert (row["first"], row["second"]) == (pair["first"], pair["second"])
        assert [row["difference"], row["low"], row["high"]] == [pair["difference"], *pair["ci"]]
        assert (row["n"], row["p"], row["p_holm"]) == (pair["n"], pair["p"], pair["p_holm"])


def test_two_results_are_paired_by_image(
    made: RunResult, small_dataset: Path, small_weights: Path
) -> None:
    other = wsol_bench.run(
        arch="squeezenet1_1", weights=small_weights, data=small_dataset, methods="center"
    )
    frame = made.pairs(other, metrics="gt_known_loc")
    assert len(frame) == 3
    same = frame[frame["first"].str.contains("Centred") & frame["second"].str.contains("Centred")]
    assert list(same["difference"]) == [0.0]


READERS = {
    ".csv": lambda path: float(pd.read_csv(path).set_index("method")["gt_known_loc"]["grad_cam"]),
    ".md": lambda path: float(
        next(line for line in path.read_text().splitlines() if "Grad-CAM" in line)
        .split("|")[-2]
        .split()[0]
    ),
    ".tex": lambda path: float(
        next(line for line in path.read_text().splitlines() if "Grad-CAM" in line)
        .split("&")[-1]
        .split()[0]
    ),
    ".json": lambda path: float(
        next(row for row in json.loads(path.read_text())["rows"] if row["method"] == "grad_cam")[
            "gt_known_loc"
        ]
    ),
    ".html": lambda path: float(
        path.read_text().split("Grad-CAM")[1].split("</tr>")[0].split(">")[-4].split()[0]
    ),
}


@pytest.mark.parametrize("suffix", READERS)
def test_save_writes_what_the_suffix_says(made: RunResult, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    made.save(path)
    figure = made.metrics.loc["grad_cam", "gt_known_loc"]
    assert READERS[suffix](path) == pytest.approx(figure, abs=0.005)
    assert "†" not in path.read_text() or suffix != ".csv"


@pytest.mark.parametrize("name", ["x", "x.xlsx", "x.json.gz"])
def test_save_refuses_a_suffix_that_it_cannot_write(
    made: RunResult, tmp_path: Path, name: str
) -> None:
    with pytest.raises(UsageError, match=r"ends in one of \.json, \.csv, \.md, \.tex, \.html"):
        made.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_named(made: RunResult, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent/x\.csv: cannot be written"):
        made.save(tmp_path / "absent/x.csv")


def test_a_result_names_the_revisions_of_code_data_and_weights(made: RunResult) -> None:
    revisions = made.to_json()["revisions"]
    assert revisions["wsol_bench"].startswith("0.")
    assert len(revisions["data"]) == len(revisions["weights"]) == 64


def test_a_notebook_shows_a_bar_that_is_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    display = pytest.importorskip("IPython.display")
    shown: list[str] = []
    handle = SimpleNamespace(update=lambda html: shown.append(html.data))
    monkeypatch.setattr(display, "display", lambda html, display_id: handle)
    monkeypatch.setattr("wsol_bench.runtime.progress.in_notebook", lambda: True)
    with progress("vgg16", 4) as advance:
        for _ in range(4):
            advance(1)
    assert "vgg16: 4/4 images" in shown[-2]
    assert 'value="1.000"' in shown[-2]
    assert shown[-1] == ""


def test_types_are_shipped() -> None:
    assert (Path(wsol_bench.__file__).parent / "py.typed").is_file()
