"""The commands: parse, call, print. What a command does is elsewhere.

Nothing here imports torch before a command needs it, so `--help` is quick.
"""

import shlex
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Group, Parameter

from wsol_bench.cli.bench import bench
from wsol_bench.cli.compare import compare
from wsol_bench.cli.data import data_app
from wsol_bench.cli.export import export
from wsol_bench.cli.figures import figure, show
from wsol_bench.cli.help import with_joined_lines
from wsol_bench.cli.report import leaderboard, report
from wsol_bench.cli.reproduce import reproduce
from wsol_bench.cli.run import run
from wsol_bench.cli.runs import ablate, breakdown, pairs, score, table
from wsol_bench.cli.sanity import sanity
from wsol_bench.errors import (
    EXIT_FINE,
    EXIT_INTERRUPTED,
    EXIT_RUN_FAILED,
    EXIT_USAGE,
    Interrupted,
    UsageError,
    WsolBenchError,
)
from wsol_bench.runtime.memory import OUT_OF_MEMORY, is_out_of_memory
from wsol_bench.runtime.pandas_import import without_pandas
from wsol_bench.runtime.streams import standard_streams
from wsol_bench.settings import REMOVED

PROGRAM = "wsol-bench"

_HELP = """\
Measures how well networks trained on image labels alone localize objects.

A first run, which needs no data and no download:

  wsol-bench run --arch vgg16

Your own network on your own images, and a page of the result:

  wsol-bench run --arch net.py:build --weights net.pth --data images --out mine
  wsol-bench report mine"""

_DOCS = Path(__file__).parents[2] / "docs" / "index.md"
"""The documentation's first page, in a checkout or an unpacked source distribution."""

_MORE = f"""\
Flags of a command: wsol-bench COMMAND --help.
Documentation: {_DOCS if _DOCS.is_file() else "docs/index.md of the source distribution"}"""

app = App(
    name=PROGRAM,
    help=_HELP,
    help_epilogue=_MORE,
    version=lambda: f"{PROGRAM} {version('wsol_bench')}",
    version_flags=["--version", "-V"],
    help_format="plaintext",
    group_commands=Group("This program", sort_key=9),
    suppress_keyboard_interrupt=False,  # `main` reports how to continue
)
app.register_install_completion_command(help="Install completion for this shell.")

MEASURE = Group("Measure", sort_key=1)
LOOK = Group("Look at results", sort_key=2)
COMPARE = Group("Compare", sort_key=3)
DATA = Group("Data, names and exchange", sort_key=4)

COMMANDS: Mapping[Group, tuple[Callable[..., Any], ...]] = MappingProxyType(
    {
        MEASURE: (run, score, reproduce, sanity, bench),
        LOOK: (report, figure, show, breakdown, ablate),
        COMPARE: (table, pairs, compare, leaderboard),
        DATA: (export,),
    }
)
"""Group of `--help` -> its commands."""

for group, commands in COMMANDS.items():
    for command in commands:
        app.command(with_joined_lines(command), group=group)
data_app.group = (DATA,)
app.command(data_app)

_WITHOUT_PANDAS = [
    [name] for name in ("score", "table", "pairs", "breakdown", "ablate", "compare", "export")
]
"""The commands on finished runs, which convert no object of pandas and run no code of the user."""

_GO_ON = {"run": False, "reproduce": True}
"""Commands that continue where they were interrupted; whether they do so without --out."""

_REMOVED_COMMANDS = {"table1": "reproduce gradcam-table1"}
"""Removed command -> the one that replaces it."""

_REMOVED_FLAGS = {
    ("breakdown", "--method"): "--methods",
    ("export", "--method"): "--methods",
    ("pairs", "--metric"): "--metrics",
}
"""Removed (command, flag) -> its new spelling."""


@app.command(name="list", group=DATA)
@with_joined_lines
def list_names(
    what: str,
    name: str | None = None,
    /,
    *,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> None:
    """List the available archs, methods, metrics and other choices.

    For example:
        wsol-bench list methods grad_cam

    Parameters
    ----------
    what
        archs, methods, metrics, datasets, protocols, tables or weights.
    name
        Of a method, such as grad_cam: lists its options. Of an arch, such as
        torchvision:resnet50 or my_net.py:build: lists its layers and the shapes of their
        outputs, the roles that were found, and which methods it supports.
    as_json
        JSON on stdout instead of the text.
    """
    from wsol_bench.report.tables.lists import print_list

    print_list(what, name, as_json=as_json)


@app.command(group=DATA)
@with_joined_lines
def doctor(*, as_json: Annotated[bool, Parameter("--json", negative=())] = False) -> int:
    """Print what a bug report needs; exit 1 where something essential is broken.

    For example:
        wsol-bench doctor --json

    Parameters
    ----------
    as_json
        One JSON object on stdout instead of the text.
    """
    from wsol_bench.report.tables.doctor import print_doctor

    return print_doctor(as_json=as_json)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code.

    If standard output was closed by its reader, the code is that of
    the work; where its disk is full, that is reported and the code is not 0.
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
        is_light = arguments is None and completed[:1] in _WITHOUT_PANDAS
        with without_pandas() if is_light else nullcontext():
            code = app(
                completed, exit_on_error=False, print_error=False, result_action="return_value"
            )
    except CycloptsError as error:
        return _fail(str(error), EXIT_USAGE, debug)
    except Interrupted as error:
        return _fail(f"{error}{_how_to_go_on(tokens)}", error.exit_code, debug)
    except WsolBenchError as error:
        return _fail(str(error), error.exit_code, debug)
    except KeyboardInterrupt:
        return _fail(f"interrupted.{_how_to_go_on(tokens)}", EXIT_INTERRUPTED, debug)
    except Exception as error:  # the last resort: a bug of ours, reported without a traceback
        if is_out_of_memory(error):
            return _fail(OUT_OF_MEMORY, EXIT_RUN_FAILED, debug)
        kind = type(error).__name__
        return _fail(
            f"unexpected {kind}: {error}. Run again with --debug and report its output.",
            EXIT_RUN_FAILED,
            debug,
        )
    return code if isinstance(code, int) else EXIT_FINE


def _refuse_removed(tokens: Sequence[str]) -> None:
    """Refuses a removed command or flag, with its new spelling.

    Raises:
        UsageError: there is one.
    """
    if tokens and tokens[0] in _REMOVED_COMMANDS:
        raise UsageError(f"{tokens[0]} is now: {_REMOVED_COMMANDS[tokens[0]]}.")
    for token in tokens:
        name = token.partition("=")[0]
        if spelt := _REMOVED_FLAGS.get((tokens[0], name)):
            raise UsageError(f"{tokens[0]}: {name} is now {spelt}.")
        if name.startswith("--") and name[2:] in REMOVED:
            raise UsageError(f"{name}: {REMOVED[name[2:]]}")


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    return code


def _how_to_go_on(tokens: Sequence[str]) -> str:
    """The command that continues from what is kept, if anything is."""
    command = next((token for token in tokens if not token.startswith("-")), "")
    keeps = any(token.partition("=")[0] == "--out" for token in tokens)
    if command not in _GO_ON or not (keeps or _GO_ON[command]):
        return ""
    as_module = Path(sys.argv[0]).name == "__main__.py"
    program = ["python", "-m", "wsol_bench"] if as_module else [PROGRAM]
    return f" Continue with:\n  {shlex.join([*program, *tokens])}"


def _complete_gate(tokens: list[str]) -> list[str]:
    """Lets `--gate` stand alone, which means the published figure."""
    completed = []
    for at, token in enumerate(tokens):
        completed.append(token)
        alone = at + 1 == len(tokens) or tokens[at + 1].startswith("-")
        if token == "--gate" and alone:
            completed.append("published")
    return completed
