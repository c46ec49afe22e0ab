"""A rendering that is interrupted leaves neither processes nor folders behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from wsol_bench.datasets.demo import write
from wsol_bench.runtime.subprograms import environment_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
PATIENCE = 60.0


def offspring_of(pid: int) -> set[int]:
    """The processes that a process began, and those that they began; no zombies."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(path.parent.name)] = int(fields[1])
    found, more = set(), {pid}
    while more:
        more = {child for child, parent in parents.items() if parent in more} - found
        found |= more
    return found


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def begin(cache: Path, *arguments: str) -> tuple[subprocess.Popen[str], set[int]]:
    """Starts a program; comes back when images are being rendered, with its processes."""
    program = subprocess.Popen(
        [sys.executable, "-P", "-m", "wsol_bench", *arguments],
        env={**environment_of(), "XDG_CACHE_HOME": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: list(cache.rglob("*.JPEG")))
    return program, offspring_of(program.pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_renders_the_demo_takes_its_processes_with_it(
    number: int, tmp_path: Path
) -> None:
    program, others = begin(tmp_path, "run", "--arch=alexnet", "--limit=1")
    assert others
    program.send_signal(number)
    assert program.wait(PATIENCE) == 130
    until(lambda: not any(map(is_alive, others)))
    assert list((tmp_path / "wsol_bench").iterdir()) == []
    assert "Traceback" not in program.communicate()[1]


def test_make_demo_takes_sigterm_as_an_interruption(tmp_path: Path) -> None:
    program, others = begin(tmp_path, "data", "make-demo", str(tmp_path / "demo"))
    program.terminate()
    assert program.wait(PATIENCE) == 130
    until(lambda: not any(map(is_alive, others)))
    assert list(tmp_path.iterdir()) == []
    assert "Traceback" not in program.communicate()[1]


def test_what_a_killed_rendering_leaves_ends_and_is_cleaned_by_the_next(tmp_path: Path) -> None:
    program, others = begin(tmp_path, "data", "make-demo", str(tmp_path / "demo"))
    program.kill()
    program.communicate()
    until(lambda: not any(map(is_alive, others)))
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".demo-")
    alive = tmp_path / f".demo-{left.name.split('-')[1]}-{os.getpid()}-0"
    alive.mkdir()
    write(tmp_path / "demo", count=1, seed=1, workers=1)
    assert {each.name for each in tmp_path.iterdir()} == {"demo", alive.name}
