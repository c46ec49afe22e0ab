"""Runs that can be killed: the program in processes of its own, over a few demo images."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wsol_bench.datasets.demo import DEFAULT_SEED, write

HERE = Path(__file__).parent
IMAGES = 48
SHARD = 4
METHODS = ("c_mwp", "grad_cam", "center")
PATIENCE = 120.0


@dataclass
class Run:
    """The program, started."""

    program: "Program"
    pid: int
    out: Path
    err: Path

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        return int(self.program.ask({"reap": self.pid}))

    def until(self, condition: Callable[[], object]) -> None:
        """Waits for something that the run does."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, self.said
            time.sleep(0.01)

    @property
    def printed(self) -> str:
        return self.out.read_text() if self.out.exists() else ""  # it may not have begun

    @property
    def said(self) -> str:
        return self.err.read_text() if self.err.exists() else ""


@dataclass
class Program:
    """Starts runs over the same images."""

    data: Path
    logs: Path
    server: subprocess.Popen[str]
    started: int = 0
    arguments: list[str] = field(default_factory=list)

    def ask(self, order: dict) -> str:
        assert self.server.stdin
        assert self.server.stdout
        self.server.stdin.write(json.dumps(order) + "\n")
        self.server.stdin.flush()
        return self.server.stdout.readline()

    def start(self, folder: Path | str, *more: str, file_limit: int = 0) -> Run:
        self.started += 1
        out, err = (self.logs / f"{self.started}.{name}" for name in ("out", "err"))
        order = {
            "shard": SHARD,
            "arguments": [*self.arguments, f"--out={folder}", *more],
            "out": str(out),
            "err": str(err),
            "file_limit": file_limit,
        }
        return Run(self, int(self.ask(order)), out, err)

    def finish(self, folder: Path | str, *more: str) -> dict:
        """Runs to the end and gives what it printed."""
        run = self.start(folder, *more)
        assert run.wait() == 0, run.said
        return json.loads(run.out.read_text())


@pytest.fixture(scope="session")
def demo_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "images"
    write(folder, IMAGES, DEFAULT_SEED, workers=1)
    return folder


@pytest.fixture(scope="session")
def program(demo_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    arguments = ["run", "--arch=alexnet", "--weights=demo", f"--data={demo_images}"]
    arguments += [f"--methods={','.join(METHODS)}", "--batch-size=2", "--threads=1"]
    arguments += ["--keep-maps", "--json"]
    with subprocess.Popen(
        [sys.executable, str(HERE / "forks.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as server:
        yield Program(demo_images, tmp_path_factory.mktemp("logs"), server, arguments=arguments)


@dataclass(frozen=True)
class Whole:
    """An uninterrupted run: what every other must come to."""

    files: dict[str, bytes]
    rows: list[dict]
    seconds: float


def files_of(folder: Path) -> dict[str, bytes]:
    """The bytes of all records and maps."""
    found = sorted([*folder.rglob("*.parquet"), *folder.rglob("*.npy")])
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.fixture(scope="session")
def whole(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole") / "run"
    program.finish(tmp_path_factory.mktemp("warm") / "run")  # numba may compile in this one
    started = time.monotonic()
    result = program.finish(folder)
    return Whole(files_of(folder), result["rows"], time.monotonic() - started)


@dataclass(frozen=True)
class Count:
    """Of records, against those that there should be."""

    lost: int
    doubled: int


def count_records(folder: Path, whole: Whole) -> Count:
    """Lines of every shard's examples and rows, against those of the uninterrupted run."""

    def lines(files: Mapping[str, bytes]) -> Counter:
        tables = {name: content for name, content in files.items() if name.endswith(".parquet")}
        return Counter(
            (name, line)
            for name, content in tables.items()
            for line in range(pq.read_metadata(pa.BufferReader(content)).num_rows)
        )

    found = {n: c for n, c in files_of(folder).items() if not n.startswith("parts/")}
    wanted, there = lines(whole.files), lines(found)
    return Count(sum((wanted - there).values()), sum((there - wanted).values()))


@pytest.fixture
def counted(whole: Whole) -> Callable[[Path], Count]:
    return lambda folder: count_records(folder, whole)


def shards_in(folder: Path) -> int:
    return len(list((folder / "examples").glob("*.parquet")))


@pytest.fixture
def shards() -> Callable[[Path], int]:
    return shards_in


@pytest.fixture
def same_as_whole(whole: Whole) -> Callable[[Path, dict], bool]:
    """Whether a finished run has the records, maps and table of the uninterrupted one."""
    return lambda folder, result: files_of(folder) == whole.files and result["rows"] == whole.rows
