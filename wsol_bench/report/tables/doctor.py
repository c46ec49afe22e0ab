"""Output of `doctor`: a text for bug reports."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsol_bench.errors import EXIT_FINE, EXIT_RUN_FAILED
from wsol_bench.runs.doctor import Finding, examine

Report = Mapping[str, tuple[Finding, ...]]
"""Section -> its findings."""


def print_doctor(*, as_json: bool) -> int:
    """Examines the installation and prints the findings on stdout.

    Returns:
        The exit code: 1 if something that every run needs is broken.
    """
    report = examine()
    problems = problems_of(report)
    if as_json:
        print(without_home(json.dumps(to_json(report), indent=2, ensure_ascii=False)))
    else:
        print(without_home("\n".join(report_lines(report))))
    return EXIT_RUN_FAILED if problems else EXIT_FINE


def problems_of(report: Report) -> list[str]:
    """Every problem with its section."""
    return [
        f"{section}, {finding.name}: {finding.problem}"
        for section, findings in report.items()
        for finding in findings
        if finding.problem
    ]


def report_lines(report: Report) -> list[str]:
    """The sections, one finding per line, with the problems at the end."""
    lines = []
    for section, findings in report.items():
        width = max((len(finding.name) for finding in findings), default=0)
        lines += [section, *(f"  {each.name:{width}}  {each.value}" for each in findings), ""]
    problems = problems_of(report)
    if not problems:
        return [*lines, "Nothing is broken."]
    return [*lines, "Broken:", *(f"  {problem}" for problem in problems)]


def to_json(report: Report) -> dict[str, Any]:
    """The object that `--json` prints: section -> name -> value, and the problems."""
    sections = {
        section: {finding.name: finding.value for finding in findings}
        for section, findings in report.items()
    }
    return {"schema": 1, "problems": problems_of(report), **sections}


def without_home(text: str) -> str:
    """The text with the user's home folder, which holds the user's name, replaced by ~."""
    try:
        home = str(Path.home())
    except RuntimeError:  # a user without a home, as in some containers
        return text
    return text if home == "/" else re.sub(re.escape(home) + r"(?![\w.-])", "~", text)
