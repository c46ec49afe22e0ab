"""Feeds a reader a great many inputs and keeps what it should not have done.

Each reader runs in a process of its own, whose address space is bounded. A finding is
any exception that is not the project's own, a warning, memory that ran out (even where
an own error covers it), an input that took too long, or a message that is not one
printable line that names the file.
"""

import faulthandler
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from fuzz_readers import Reader, check_message
from hypothesis import HealthCheck, Phase, given, seed, settings

from wsol_bench.errors import WsolBenchError

MOST_SECONDS = 5.0
"""Of processor time for one input."""
HANGS_AFTER = 120.0
"""Seconds after which code that no signal reaches is ended."""
ROUND = 2_000
"""Inputs after which hypothesis starts anew, with the next seed: it remembers them all."""


class TooSlow(BaseException):
    """An input took more than `MOST_SECONDS`; past every `except Exception`."""


@dataclass(slots=True)
class Finding:
    """One kind of misbehaviour: how often it came, and its smallest input."""

    what: str
    count: int
    content: bytes


@dataclass(slots=True)
class Figures:
    """What came of one reader's inputs.

    Attributes:
        inputs: how many it read.
        refused: how many of them it refused, whole or in part, in the project's words.
        seconds: all in all, with the making of the inputs.
        slowest: processor seconds of its slowest input.
        megabytes: by which the process's peak memory grew, the makers of inputs included.
        findings: by what happened.
    """

    inputs: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    megabytes: float = 0.0
    findings: dict[str, Finding] = field(default_factory=dict)

    def note(self, what: str, content: bytes) -> None:
        """Adds one more case of a finding."""
        finding = self.findings.setdefault(what, Finding(what, 0, content))
        finding.count += 1
        finding.content = min(finding.content, content, key=len)


def attempt(reader: Reader, content: bytes, folder: Path) -> bool:
    """Reads one input; whether any of it was refused. Other errors than ours go on up."""
    path = folder / reader.file
    path.write_bytes(content)
    try:
        with warnings.catch_warnings(), _in_time():
            warnings.simplefilter("error")
            return reader.read(path)
    except WsolBenchError as error:
        if _ran_out_of_memory(error):
            raise MemoryError(f"hidden behind: {error}") from error
        check_message(str(error), path)
        return True


def campaign(reader: Reader, inputs: int, first_seed: int) -> Figures:
    """Feeds a reader so many inputs, in this process."""
    figures = Figures()
    before, started = _peak_megabytes(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for number, count in enumerate(_rounds(inputs)):
            _round(reader, count, first_seed + number, Path(folder), figures)
    figures.seconds = time.monotonic() - started
    figures.megabytes = _peak_megabytes() - before
    return figures


def bound_memory(megabytes: int) -> None:
    """Ends this process's right to more address space than it has and so much more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _round(reader: Reader, count: int, round_seed: int, folder: Path, figures: Figures) -> None:
    @seed(round_seed)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(reader.content)
    def feed(content: bytes) -> None:
        figures.inputs += 1
        started = time.process_time()
        try:
            figures.refused += attempt(reader, content, folder)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            figures.note(_kind(error), content)
        figures.slowest = max(figures.slowest, time.process_time() - started)

    feed()


def _rounds(inputs: int) -> Iterator[int]:
    while inputs > 0:
        yield min(inputs, ROUND)
        inputs -= ROUND


def _kind(error: BaseException) -> str:
    """The exception and the innermost line of it, which tells one cause from another."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
    said = str(error).partition("\n")[0][:120]
    return f"{type(error).__name__} at {place}: {said}"


def _ran_out_of_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def _in_time() -> Iterator[None]:
    def late(*_arguments: object) -> None:
        raise TooSlow(f"more than {MOST_SECONDS:g} s")

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
    faulthandler.dump_traceback_later(HANGS_AFTER, exit=True)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGVTALRM, before)


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def save_findings(figures: Figures, name: str, folder: Path) -> list[str]:
    """Writes each finding's smallest input; gives a line on each."""
    lines = []
    for finding in figures.findings.values():
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}-{sha256(finding.content).hexdigest()[:12]}"
        path.write_bytes(finding.content)
        lines.append(f"{name}: {finding.count} x {finding.what!r}, smallest input {path}")
    return lines


if sys.platform == "win32":
    raise ImportError("the campaign bounds memory and time as Unix does")
