"""Help texts: a paragraph is broken by the terminal alone, never by its source."""

import re
import shlex

import pytest
from rich.console import Console

from wsol_bench.cli.help import joined
from wsol_bench.cli.main import app

TEXT = """Sum
    marised.

    A second
    paragraph.

    Parameters
    ----------
    one
        Of the
        first.
    two
        Of the second.
    """


def test_paragraphs_and_descriptions_become_one_line_each() -> None:
    assert joined(TEXT) == (
        "Sum marised.\n\nA second paragraph.\n\n"
        "Parameters\n----------\none\n    Of the first.\ntwo\n    Of the second."
    )


@pytest.mark.parametrize("command", [name for name in app if not name.startswith("-")])
def test_on_a_wide_terminal_every_flag_has_one_line(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = Console(width=2000)  # else the width of the first help printed in this process
    app([command, "--help"], console=wide, result_action="return_value")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│ ")]
    assert lines
    assert all(re.match(r"│ (\*  |   )?[\w-]", line) for line in lines)


COMMANDS = [("run",), ("data", "check"), ("data", "make-demo"), ("data", "statistics")]
COMMANDS += [(name,) for name in app if not name.startswith("-") and name not in ("run", "data")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_has_an_example_that_parses(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    app([*command, "--help"], console=Console(width=100), result_action="return_value")
    text = capsys.readouterr().out
    (example,) = re.findall(r"^For example:\n    (wsol-bench .*)$", text, re.M)
    program, *tokens = shlex.split(example)
    assert (program, *tokens[: len(command)]) == ("wsol-bench", *command)
    called, bound, _ = app.parse_args(tokens, exit_on_error=False, print_error=False)
    assert called.__name__ in (command[-1].replace("-", "_"), "list_names")
    assert bound.arguments
    assert re.search(r"^Documentation: .*docs/index\.md", text, re.M)
