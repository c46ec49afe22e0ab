"""How far a run is, on a terminal and elsewhere."""

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from wsol_bench.runtime import progress as module
from wsol_bench.runtime.progress import log, progress

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@contextmanager
def on_terminal() -> Iterator[Terminal]:
    """Puts a terminal in the place of stderr; pytest's own capture would undo a fixture's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm-256color")
        stream = Terminal()
        patch.setattr(sys, "stderr", stream)
        yield stream


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that progress sees; a test sets its only item."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_now_and_then_with_rate_and_time_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("VGG-16", 100) as advance:
        clock[0] = 5
        advance(10)
        assert capsys.readouterr().err == ""
        clock[0] = 20
        advance(10, "cls 25.0")
        assert capsys.readouterr().err == (
            "VGG-16: 20/100 images, 1.0 images/s, 0:01:20 left, cls 25.0\n"
        )
        clock[0] = 25
        advance(80)
    printed = capsys.readouterr()
    assert printed.err == "VGG-16: 100/100 images, 4.0 images/s, 0:00:25 in all\n"
    assert printed.out == ""


def test_a_terminal_gets_a_bar_that_fits_with_the_note_beneath(
    clock: list[float],
) -> None:
    with on_terminal() as terminal, progress("GoogLeNet-GAP", 50_000) as advance:
        clock[0] = 10
        advance(25_000, "top-1 error so far, %: cls 25.0; loc Grad-CAM 61.2")
    lines = ESCAPE.sub("", terminal.getvalue()).replace("\r", "\n").split("\n")
    assert max(len(line.rstrip()) for line in lines) <= 80
    (bar,) = {line for line in lines if "25,000/50,000" in line}
    assert bar.startswith("GoogLeNet-GAP ━━━━━━━━")
    assert len(bar) == 80
    assert bar.rstrip().endswith("2,500 images/s  0:00:10 left")
    assert "top-1 error so far, %: cls 25.0; loc Grad-CAM 61.2" in lines


def test_the_note_stays_until_another_comes_and_goes_at_the_end(
    clock: list[float],
) -> None:
    with on_terminal() as terminal, progress("VGG-16", 3) as advance:
        advance(1, "first note")
        terminal.truncate(0)
        advance(1)
        assert "first note" in terminal.getvalue()
        terminal.truncate(0)
        clock[0] = 2
        advance(1, "last note")
        assert "note" not in terminal.getvalue()
        assert "3/3  1.5 images/s  0:00:02 in all" in ESCAPE.sub("", terminal.getvalue())


def test_no_colour_is_used_where_the_user_wants_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    colour = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|38;5;\d+|9[0-7])[0-9;]*m")
    for value in (None, "1"):
        monkeypatch.delenv("NO_COLOR", raising=False)
        if value:
            monkeypatch.setenv("NO_COLOR", value)
        with on_terminal() as terminal, progress("VGG-16", 2) as advance:
            advance(1, "note")
        assert bool(colour.search(terminal.getvalue())) == (value is None)


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("VGG-16", 2, quiet=True) as advance:
        advance(1)
        advance(1, "note")
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_a_message_breaks_between_words_on_a_terminal_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    message = "This is the embedded demo: rendered images. " * 4
    with on_terminal() as terminal:
        log(message)
    lines = terminal.getvalue().splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    assert " ".join(lines) == message.strip()
    log(message)
    assert capsys.readouterr().err == f"{message}\n"


def test_brief_progress_says_nothing_of_work_that_is_soon_done(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("Reading maps", 4, unit="maps", brief=True) as advance:
        clock[0] = 9
        advance(4)
    assert capsys.readouterr().err == ""
    with progress("Reading maps", 4, unit="maps", brief=True) as advance:
        clock[0] = 20
        advance(1)
        assert "1/4 maps" in capsys.readouterr().err
        clock[0] = 22
        advance(3)
    assert "4/4 maps" in capsys.readouterr().err


def test_brief_progress_leaves_no_bar_on_a_terminal() -> None:
    shown = {}
    for brief in (False, True):
        with on_terminal() as terminal, progress("Reading maps", 4, brief=brief) as advance:
            advance(4)
        shown[brief] = terminal.getvalue()
    erase = "\x1b[2K"
    assert shown[True].rstrip().endswith(erase)
    assert not shown[False].rstrip().endswith(erase)
