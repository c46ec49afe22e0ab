"""Ctrl-C and SIGTERM: the current batch is stored, and a message names the next command."""

import json
import re
import shlex
import signal
from dataclasses import replace

import pytest

INTERRUPTED = 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_every_finished_batch_and_says_how_to_go_on(
    number, program, shards, same_as_whole, tmp_path
):
    folder = tmp_path / "a run"  # a name that a shell must quote
    run = program.start(folder)
    run.until(lambda: shards(folder))
    run.send(number)
    assert run.wait() == INTERRUPTED, run.said
    assert "Traceback" not in run.said
    kept = int(re.search(r"interrupted; (\d+) of 48 images are done and kept in", run.said)[1])
    assert 4 <= kept < 48
    command = shlex.split(run.said.rstrip().splitlines()[-1])
    arguments = command[command.index("run") :]
    assert arguments == [*program.arguments, f"--out={folder}"]

    again = program.start(folder)
    assert again.wait() == 0
    assert f"{kept} of 48 images are already in" in again.said
    assert same_as_whole(folder, json.loads(again.out.read_text()))
    seconds = json.loads((folder / "run.json").read_text())["seconds_of_network"]
    assert seconds > json.loads(again.out.read_text())["seconds"] / 2 > 0


def test_a_second_ctrl_c_stops_at_once_and_leaves_nothing_broken(
    program, shards, same_as_whole, tmp_path
):
    folder = tmp_path / "run"
    run = program.start(folder)
    run.until(lambda: shards(folder))
    run.send(signal.SIGINT)
    run.until(lambda: "Ctrl-C again" in run.said or run.printed)
    run.send(signal.SIGINT)
    assert run.wait() == INTERRUPTED
    assert "Traceback" not in run.said
    assert same_as_whole(folder, program.finish(folder))


def test_a_signal_before_the_work_begins_ends_the_run_too(program, tmp_path):
    run = program.start(tmp_path / "run")
    run.until(lambda: run.err.exists())
    run.send(signal.SIGTERM)
    assert run.wait() in (INTERRUPTED, -signal.SIGTERM)  # the latter before `main` is reached
    assert "Traceback" not in run.said


def test_all_archs_stop_at_one_signal(program, shards, tmp_path):
    folder = tmp_path / "all"
    arguments = [each.replace("--arch=alexnet", "--arch=all") for each in program.arguments]
    run = replace(program, arguments=arguments, started=100).start(folder)
    run.until(lambda: shards(folder / "vgg16"))
    run.send(signal.SIGINT)
    assert run.wait() == INTERRUPTED
    assert "--arch=all" in run.said
    assert not (folder / "googlenet").exists()


@pytest.mark.slow
def test_workers_finish_their_batches_too(program, shards, same_as_whole, tmp_path):
    folder = tmp_path / "run"
    run = program.start(folder, "--workers=2")
    run.until(lambda: shards(folder))
    run.send(signal.SIGINT)
    assert run.wait() == INTERRUPTED, run.said
    kept = int(re.search(r"interrupted; (\d+) of 48", run.said)[1])
    again = program.start(folder)
    assert again.wait() == 0
    assert f"{kept} of 48 images are already in" in again.said
    assert same_as_whole(folder, json.loads(again.out.read_text()))
