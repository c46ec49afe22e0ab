"""The commands: parse, call, print. What a command does is elsewhere.

Nothing here imports torch before a command needs it, so `--help` is quick.
"""

import shlex
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from wsol_bench.cli.bench import bench
from wsol_bench.cli.data import data_app
from wsol_bench.cli.export import EXPORT_COMMANDS
from wsol_bench.cli.figures import PICTURE_COMMANDS
from wsol_bench.cli.help import with_joined_lines
from wsol_bench.cli.report import REPORT_COMMANDS
from wsol_bench.cli.reproduce import reproduce
from wsol_bench.cli.run import run
from wsol_bench.cli.runs import RUN_COMMANDS
from wsol_bench.cli.values import Metrics, metrics_asked
from wsol_bench.errors import (
    EXIT_FINE,
    EXIT_INTERRUPTED,
    EXIT_RUN_FAILED,
    EXIT_USAGE,
    Interrupted,
    UsageError,
    WsolBenchError,
)
from wsol_bench.runtime.streams import standard_streams
from wsol_bench.settings import REMOVED

PROGRAM = "wsol-bench"

app = App(
    name=PROGRAM,
    help="Measures how well networks trained on image labels alone can say where the object is.",
    version=lambda: f"{PROGRAM} {version('wsol_bench')}",
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # `main` says how to go on
)
_GO_ON = {"run": False, "reproduce": True}
"""Commands that go on where they were interrupted; whether they do so without --out."""

_REMOVED_COMMANDS = {"table1": "is now: reproduce gradcam-table1."}

app.command(data_app)
COMMANDS = (run, reproduce, *RUN_COMMANDS, bench)
for command in (*COMMANDS, *EXPORT_COMMANDS, *PICTURE_COMMANDS, *REPORT_COMMANDS):
    app.command(with_joined_lines(command))


@app.command(name="list")
@with_joined_lines
def list_names(
    what: str,
    name: str | None = None,
    /,
    *,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> None:
    """List what can be chosen from.

    Parameters
    ----------
    what
        archs, methods, metrics, datasets, protocols or weights.
    name
        Of a method, such as grad_cam: lists its options. Of an arch, such as
        torchvision:resnet50 or my_net.py:build: lists its layers and the shapes of their
        outputs, the roles that were found, and which methods it supports.
    as_json
        JSON on stdout instead of the text.
    """
    from wsol_bench.report.tables.lists import print_list

    print_list(what, name, as_json=as_json)


@app.command
@with_joined_lines
def compare(
    baseline: Path,
    new: Path,
    /,
    *,
    metrics: Metrics = None,
    tolerance: Annotated[list[str] | None, Parameter(negative=())] = None,
    markdown: Annotated[bool, Parameter(negative=())] = False,
    update: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Compare two results cell by cell; exit 4 where one moved further than it may.

    Parameters
    ----------
    baseline
        What `run --json` printed, or a run's folder. Of two folders the images whose
        records differ are named too.
    new
        What to compare with it, likewise.
    metrics
        Comma-separated names of metrics to compare, measured anew from a run's folder (see:
        list metrics). Default: those of the baseline.
    tolerance
        METRIC=POINTS: how far a metric may move. May be repeated. Default: what the
        baseline states under "tolerance", else 0.5.
    markdown
        Print Markdown, for a CI summary.
    update
        Then write the new figures into the baseline, which keeps its tolerances.
    """
    from wsol_bench.report.tables.comparison import print_comparison

    return print_comparison(
        baseline,
        new,
        tolerance or [],
        metrics_asked(metrics),
        markdown=markdown,
        update=update,
    )


@app.command
@with_joined_lines
def doctor(*, as_json: Annotated[bool, Parameter("--json", negative=())] = False) -> int:
    """Print what a bug report needs; exit 1 where something essential is broken.

    Parameters
    ----------
    as_json
        One JSON object on stdout instead of the text.
    """
    from wsol_bench.report.tables.doctor import print_doctor

    return print_doctor(as_json=as_json)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code.

    Nobody need read what it prints: where standard output was closed, the code is that of
    the work; where its disk is full, that is told and the code is not 0.
    """
    with standard_streams() as out:
        code = _main(arguments)
        out.flush()
        if out.failure is None or isinstance(out.failure, BrokenPipeError):
            return code
        return _fail(f"standard output: {out.failure}.", code or EXIT_RUN_FAILED, debug=False)


def _main(arguments: Sequence[str] | None) -> int:
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in tokens
    completed = _complete_gate([token for token in tokens if token != "--debug"])
    try:
        _refuse_removed(completed)
        code = app(completed, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        return _fail(str(error), EXIT_USAGE, debug)
    except Interrupted as error:
        return _fail(f"{error}{_how_to_go_on(tokens)}", error.exit_code, debug)
    except WsolBenchError as error:
        return _fail(str(error), error.exit_code, debug)
    except KeyboardInterrupt:
        return _fail(f"interrupted.{_how_to_go_on(tokens)}", EXIT_INTERRUPTED, debug)
    except Exception as error:  # the last resort: a fault of ours, told without a traceback
        kind = type(error).__name__
        return _fail(
            f"unexpected {kind}: {error}. Run again with --debug and report what it shows.",
            EXIT_RUN_FAILED,
            debug,
        )
    return code if isinstance(code, int) else EXIT_FINE


def _refuse_removed(tokens: Sequence[str]) -> None:
    """Refuses a command or flag that is gone, with its new spelling.

    Raises:
        UsageError: there is one.
    """
    if tokens and tokens[0] in _REMOVED_COMMANDS:
        raise UsageError(f"{tokens[0]}: {_REMOVED_COMMANDS[tokens[0]]}")
    for token in tokens:
        name = token.partition("=")[0]
        if name.startswith("--") and name[2:] in REMOVED:
            raise UsageError(f"{name}: {REMOVED[name[2:]]}")


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    return code


def _how_to_go_on(tokens: Sequence[str]) -> str:
    """The command that goes on from what is kept, where something is."""
    command = next((token for token in tokens if not token.startswith("-")), "")
    keeps = any(token.partition("=")[0] == "--out" for token in tokens)
    if command not in _GO_ON or not (keeps or _GO_ON[command]):
        return ""
    as_module = Path(sys.argv[0]).name == "__main__.py"
    program = ["python", "-m", "wsol_bench"] if as_module else [PROGRAM]
    return f" Go on with:\n  {shlex.join([*program, *tokens])}"


def _complete_gate(tokens: list[str]) -> list[str]:
    """Lets `--gate` stand alone, which means the published figure."""
    completed = []
    for at, token in enumerate(tokens):
        completed.append(token)
        alone = at + 1 == len(tokens) or tokens[at + 1].startswith("-")
        if token == "--gate" and alone:
            completed.append("published")
    return completed
