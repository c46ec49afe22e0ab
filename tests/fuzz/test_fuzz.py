"""Whatever the bytes: a result that holds together, or one of the project's errors.

Some thousands of inputs here; `slow` adds the campaign of scripts/fuzz.py, which counts
findings, bounds memory and prints figures.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_campaign import attempt
from fuzz_readers import READERS
from hypothesis import HealthCheck, given, settings

ROOT = Path(__file__).parents[2]
INPUTS = 250
MANY_INPUTS = 100_000


@pytest.mark.parametrize("name", READERS)
def test_any_bytes_are_read_or_refused(name, tmp_path):
    reader = READERS[name]

    @settings(
        max_examples=max(50, round(INPUTS * reader.share)),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(content=reader.content)
    def feed(content):
        attempt(reader, content, tmp_path)

    feed()


@pytest.mark.slow
def test_a_great_many_bytes_are_read_or_refused(tmp_path, capsys):
    command = [sys.executable, str(ROOT / "scripts/fuzz.py"), "--json", f"--keep={tmp_path}"]

    finished = subprocess.run(
        [*command, f"--inputs={MANY_INPUTS}"], capture_output=True, text=True, check=False
    )

    assert finished.returncode == 0, finished.stderr
    figures = json.loads(finished.stdout)
    assert sum(each["inputs"] for each in figures) >= MANY_INPUTS
    assert {each["reader"] for each in figures} == set(READERS)
    assert all(each["findings"] == 0 for each in figures)
    assert all(0 < each["refused"] < each["inputs"] for each in figures)  # both ways were gone
