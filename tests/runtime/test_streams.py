"""What becomes of a program whose output nobody can take."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wsol_bench.runtime import streams
from wsol_bench.runtime.streams import Written, standard_streams

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
PROGRAM = (sys.executable, "-m", "wsol_bench")


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_what_cannot_be_written_is_dropped_and_the_first_error_is_kept():
    stream = Written(Broken())
    assert stream.write("a") == 1
    first = stream.failure
    print("b", file=stream)
    stream.flush()
    assert isinstance(first, BrokenPipeError)
    assert stream.failure is first


def test_a_closed_stream_is_a_failure_too():
    inner = io.StringIO()
    inner.close()
    stream = Written(inner)
    stream.writelines(["a"])
    assert isinstance(stream.failure, ValueError)


def test_the_streams_are_put_back(monkeypatch):
    before = sys.stdout, sys.stderr
    with standard_streams() as out:
        assert sys.stdout is out
    with pytest.raises(KeyError), standard_streams():
        raise KeyError
    assert (sys.stdout, sys.stderr) == before


def test_streams_that_python_found_closed_take_everything(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with standard_streams() as out:
        print("said", file=sys.stderr)
        assert out.failure is None


def test_closed_descriptors_are_filled_and_open_ones_left():
    code = (
        "import os\nos.close(0); os.close(2)\n"
        "from wsol_bench.runtime.streams import open_closed_streams as fill\nfill()\n"
        "print(os.open('/dev/null', os.O_RDONLY) > 2, [bool(os.fstat(n)) for n in range(3)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "True [True, True, True]\n"
    assert streams.open_closed_streams() is None  # with all open it changes nothing


def run(command: str) -> subprocess.CompletedProcess[str]:
    """A shell's command, in which $RUN is the program."""
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        env={**ENVIRONMENT, "RUN": " ".join(PROGRAM)},
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("$RUN list archs | true; exit ${PIPESTATUS[0]}", 0),
        ("$RUN list archs >&-", 0),
        ("$RUN list archs 2>&-", 0),
        ("$RUN compare a b 2>&-", 3),
        ("$RUN compare a b 2>/dev/full", 3),
        ("$RUN compare a b 2>&1 | true; exit ${PIPESTATUS[0]}", 3),
        ("$RUN list archs >/dev/full", 1),
        ("PYTHONIOENCODING=ascii $RUN list protocols | cat; exit ${PIPESTATUS[0]}", 0),
    ],
)
def test_the_exit_code_is_that_of_the_work(command: str, code: int) -> None:
    done = run(command)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "unexpected" not in done.stderr


def test_a_full_disk_behind_stdout_is_told():
    assert run("$RUN list archs >/dev/full").stderr == (
        "wsol-bench: standard output: [Errno 28] No space left on device.\n"
    )


def test_a_pipe_gets_utf8_whatever_the_locale_says():
    code = (
        "from wsol_bench.runtime.streams import standard_streams\n"
        "with standard_streams(): print(chr(0x2265))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        env={**ENVIRONMENT, "PYTHONIOENCODING": "latin-1"},
    )
    assert done.stdout == "≥\n".encode()


@pytest.fixture
def slow_run(small_dataset: Path, small_weights: Path, tmp_path: Path) -> list[str]:
    return [
        *(*PROGRAM, "run", "--arch=squeezenet1_1", f"--weights={small_weights}"),
        *(f"--data={small_dataset}", "--methods=center", f"--out={tmp_path / 'run'}"),
    ]


def test_a_run_whose_progress_nobody_reads_is_finished(slow_run: list[str], tmp_path: Path) -> None:
    command = " ".join(slow_run)
    done = run(f"{command} 2>&1 >/dev/null | true; exit ${{PIPESTATUS[0]}}")
    assert done.returncode == 0
    assert '"finished"' in (tmp_path / "run" / "run.json").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts_is_one_line_and_130(number: signal.Signals) -> None:
    code = (
        "import os, sys, time\n"
        "from wsol_bench.__main__ import start\n"
        "class Finder:\n"  # the signal comes while the commands are imported
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'wsol_bench.cli.main':\n"
        f"            os.kill(os.getpid(), {int(number)}); time.sleep(60)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.exit(start())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "wsol-bench: interrupted.\n")


@pytest.fixture
def main() -> Callable[..., int]:
    from wsol_bench.cli.main import main

    return main


def test_a_keyboard_interrupt_anywhere_says_how_to_go_on(main, monkeypatch, capsys):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("wsol_bench.runs.evaluate.evaluate", interrupted)
    assert main(["run", "--arch=vgg16", "--out=runs/a"]) == 130
    said = capsys.readouterr().err
    assert "interrupted. Continue with:" in said
    assert "--out=runs/a" in said
