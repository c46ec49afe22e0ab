"""Several processes on one folder share the work, whatever becomes of some of them."""

import json
import signal
from pathlib import Path

import pytest

from wsol_bench.runtime.process_owner import Owner


def test_three_processes_on_one_folder_come_to_one_runs_files(program, same_as_whole, tmp_path):
    folder = tmp_path / "run"
    runs = [program.start(folder) for _ in range(3)]
    assert [run.wait() for run in runs] == [0, 0, 0], [run.said for run in runs]
    for run in runs:
        assert same_as_whole(folder, json.loads(run.out.read_text()))
    assert not list(folder.glob("leases/*"))
    assert not list(folder.glob("parts/*"))


def test_a_second_process_is_told_of_the_first_and_takes_over_when_it_is_killed(
    program, shards, same_as_whole, tmp_path
):
    folder = tmp_path / "run"
    first = program.start(folder)
    first.until(lambda: list(folder.glob("leases/*.json")))
    first.send(signal.SIGSTOP)  # it lives, and does not get on
    second = program.start(folder)
    second.until(lambda: f"process {first.pid} on" in second.said)
    # It makes all but the shards that the first has in hand.
    second.until(lambda: shards(folder) == 12 - len(list(folder.glob("leases/*.json"))))
    first.send(signal.SIGKILL)
    assert second.wait() == 0, second.said
    assert "working on this run too" in second.said
    first.wait()
    assert same_as_whole(folder, json.loads(second.out.read_text()))


def test_a_killed_process_leaves_leases_that_hold_up_nobody(
    program, shards, same_as_whole, tmp_path
):
    folder = tmp_path / "run"
    run = program.start(folder)
    run.until(lambda: shards(folder))
    run.send(signal.SIGKILL)
    run.wait()
    left = [json.loads(path.read_text())["pid"] for path in folder.glob("leases/*.json")]
    assert left == [run.pid] * len(left)
    assert left
    again = program.start(folder)
    assert again.wait() == 0
    assert "too" not in again.said
    assert same_as_whole(folder, json.loads(again.out.read_text()))


def test_two_different_commands_at_the_same_moment_do_not_mix(program, tmp_path):
    folder = tmp_path / "run"
    runs = [program.start(folder), program.start(folder, "--set=iou=0.4")]
    codes = sorted(run.wait() for run in runs)
    assert codes == [0, 2]
    (refused,) = [run for run in runs if "holds the records of another run" in run.said]
    assert "protocol.iou" in refused.said


@pytest.mark.slow
def test_two_processes_that_add_other_rows_to_a_run_keep_them_all(program, tmp_path):
    folder = tmp_path / "run"
    rows = ("backprop", "backprop:sigma=0.05")
    names = ("c_mwp", "grad_cam", "center", *rows)
    program.finish(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*.parquet")}
    runs = [program.start(folder, f"--methods={name}") for name in rows]
    assert [run.wait() for run in runs] == [0, 0], [run.said for run in runs]
    manifest = json.loads((folder / "run.json").read_text())
    assert {row["name"] for row in manifest["rows"]} == set(names)
    assert {row["method"] for row in manifest["result"]["rows"]} == set(names)
    assert manifest["status"] == "finished"
    assert {path: path.read_bytes() for path in before} == before
    alone = program.finish(tmp_path / "alone", f"--methods={','.join(names)}")
    found = {row["method"]: row for row in manifest["result"]["rows"]}
    assert found == {row["method"]: row for row in alone["rows"]}


@pytest.mark.parametrize("scheme", ["file://"])
def test_a_uri_as_out_is_the_folder_that_it_names(scheme, program, same_as_whole, tmp_path):
    folder = tmp_path / "run"
    result = program.finish(f"{scheme}{folder}")
    assert same_as_whole(folder, result)
    assert Owner.here().host  # and nothing is written beside it
    assert not Path("file:").exists()
