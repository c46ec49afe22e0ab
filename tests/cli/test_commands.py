"""What a user of the command line meets: help, names, JSON, and commands that are gone."""

import json
import re
from pathlib import Path

import pytest

from wsol_bench.cli.main import COMMANDS, app, main
from wsol_bench.errors import UsageError, unknown_name
from wsol_bench.protocols.overrides import resolve


@pytest.fixture(scope="module")
def run(small_dataset: Path, small_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "first"
    command = ["run", "--arch=squeezenet1_1", f"--weights={small_weights}", "--keep-maps", "-q"]
    command += [f"--data={small_dataset}", "--methods=grad_cam,center", f"--out={folder}"]
    assert main(command) == 0
    return folder


def test_help_groups_commands_and_begins_with_an_example(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    places = [out.index(f"─ {group.name} ─") for group in COMMANDS]
    assert places == sorted(places)
    assert out.index("wsol-bench run --arch vgg16") < places[0]
    assert "docs/index.md" in out
    assert max(map(len, out.splitlines())) <= 80


def test_every_command_is_in_a_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    last = capsys.readouterr().out.split("─ This program ─")[1]
    assert {word for word in app if re.search(rf"^│ {word}\b", last, re.M)} <= {
        *("--help", "-h", "--version", "-V", "--install-completion")
    }


@pytest.mark.parametrize("command", [["run"], ["run", "--limit=4"], ["show", "cat.jpg"]])
def test_without_a_network_the_message_says_how_to_begin(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 2
    err = capsys.readouterr().err
    assert "wsol-bench run --arch vgg16" in err
    assert "FILE.py:FUNCTION" in err


def test_the_version_has_a_short_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-V"]) == 0
    assert capsys.readouterr().out.startswith("wsol-bench 0.")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_and_flags(shell: str) -> None:
    script = app.generate_completion(shell=shell)
    assert "reproduce" in script
    assert "keep-maps" in script


@pytest.mark.parametrize("command", ["table", "pairs", "report"])
def test_several_runs_are_shown_as_such(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out.split("\n")[0].endswith("RUN...")


@pytest.mark.parametrize(
    ("command", "spelt"),
    [
        (["breakdown", "x", "--method", "cam"], "--methods"),
        (["export", "x", "y", "--method=cam"], "--methods"),
        (["pairs", "x", "--metric=top1_loc"], "--metrics"),
        (["table1", "--data=x"], "reproduce gradcam-table1"),
    ],
)
def test_what_is_gone_is_refused_with_its_new_spelling(
    command: list[str], spelt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 2
    assert f"is now {spelt}" in capsys.readouterr().err.replace("now: ", "now ")


JSON = {
    "score": ("rows",),
    "pairs": ("metrics",),
    "table": ("rows",),
    "breakdown": ("methods",),
    "ablate": ("runs",),
}


@pytest.mark.parametrize("command", JSON)
def test_a_command_that_prints_a_table_prints_json_too(
    command: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(run), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["schema"] >= 1
    assert all(printed[name] for name in JSON[command])


def test_the_json_of_ablate_has_the_runs_own_choice_once_per_kind(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ablate", str(run), "--json"]) == 0
    (ablated,) = json.loads(capsys.readouterr().out)["runs"]
    choices = {variant["choice"] for variant in ablated["variants"]}
    own = [variant["choice"] for variant in ablated["variants"] if variant["is_own"]]
    assert sorted(own) == sorted(choices)
    assert all([row["method"] for row in v["rows"]] == ["grad_cam"] for v in ablated["variants"])


@pytest.mark.parametrize("what", ["archs", "methods", "metrics", "protocols", "tables", "weights"])
def test_a_list_is_there_for_programs(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", what, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


def test_comparison_as_json_has_a_verdict_per_cell(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(run), str(run), "--json"]) == 0
    cells = json.loads(capsys.readouterr().out)["cells"]
    assert len(cells) == 10
    assert {cell["verdict"] for cell in cells} == {"same"}


def test_results_of_two_networks_are_called_so_once(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", str(run), "--json"]) == 0
    other = tmp_path / "other.json"
    other.write_text(capsys.readouterr().out.replace("squeezenet1_1", "another"))
    assert main(["compare", str(run), str(other)]) == 4
    err = capsys.readouterr().err
    assert err.count("two networks") == 1
    assert "--update" not in err


def test_the_demo_is_a_datasets_name_for_data_commands(
    monkeypatch: pytest.MonkeyPatch, small_dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from wsol_bench.datasets import named

    monkeypatch.setattr(named, "_rendered_demo", lambda quiet: small_dataset)
    entry = named.NamedDataset("", "", "demo", lambda quiet: small_dataset)
    monkeypatch.setattr(named, "NAMED", {"demo": entry})
    assert main(["data", "check", "demo"]) == 0
    assert main(["data", "statistics", "demo", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["statistics"]


def test_a_check_as_json_has_counts_and_the_verdict(
    small_dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(small_dataset), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["images"] == 9
    assert printed["verdict"] == ["A run would succeed."]


def test_export_says_what_it_wrote(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "records.csv"
    assert main(["export", str(run), str(out), "--format=csv"]) == 0
    assert capsys.readouterr().out == f"{out}: csv, all methods, 9 examples\n"


def test_scoring_maps_shows_progress(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsol_bench.runtime.progress._SECONDS_BETWEEN_LINES", 0.0)
    assert main(["score", str(run), "--protocol=maxboxacc"]) == 0
    assert re.search(r"(\d+)/\1 maps", capsys.readouterr().err)
    assert main(["score", str(run)]) == 0  # from the records alone
    assert capsys.readouterr().err == ""


def test_breakdown_takes_several_methods(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["breakdown", str(run)]) == 0
    out = capsys.readouterr().out
    assert "Grad-CAM on squeezenet1_1, n = 9" in out
    assert "Centred box on squeezenet1_1, n = 9" in out


@pytest.mark.parametrize(
    ("command", "own"),
    [
        (["run", "--arch=vgg61"], "FILE.py:FUNCTION"),
        (["run", "--arch=vgg16", "--methods=gradcam"], "FILE.py:FUNCTION"),
        (["run", "--arch=vgg16", "--protocol=mine"], "a TOML file"),
        (["run", "--arch=vgg16", "--data=no/where"], "use-your-own-boxes.md"),
    ],
)
def test_an_unknown_name_comes_with_how_to_bring_ones_own(
    command: list[str], own: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) in (2, 3)
    assert own in capsys.readouterr().err


def test_a_protocol_of_ones_own_is_named_where_one_is_unknown() -> None:
    with pytest.raises(UsageError, match=r"unknown protocol 'x'.*TOML file"):
        resolve("x")


def test_of_a_thousand_names_a_message_has_those_that_begin_like_the_one_asked_for() -> None:
    names = [f"net{number}" for number in range(1000)]
    names += ["vit_tiny_patch16_224", "vit_tiny_patch16_384", "gcvit_tiny"]
    said = str(unknown_name("timm model", "vit_tinyy", names))
    assert said == (
        "unknown timm model 'vit_tinyy'. Did you mean vit_tiny_patch16_224 or "
        "vit_tiny_patch16_384 or gcvit_tiny? 1,003 names are known."
    )
