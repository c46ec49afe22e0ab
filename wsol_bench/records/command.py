"""The command that makes a run, from the settings that its manifest holds."""

import shlex
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from wsol_bench.records.manifest import Manifest
from wsol_bench.records.run_files import REMEDY
from wsol_bench.settings import RunSettings

_SPELT = {"changes": "set"}
"""Settings whose flag has another name."""


def command_of(settings: Mapping[str, Any], out: str) -> str:
    """A command line for a shell, without the settings that equal their defaults.

    Args:
        settings: of a manifest.
        out: the value of `--out`.
    """
    words = ["wsol-bench", "run"]
    for field in fields(RunSettings):
        value = settings.get(field.name)
        if field.name != "out" and not _is_default(field, value):
            words += _flag(_SPELT.get(field.name, field.name).replace("_", "-"), value)
    return shlex.join([*words, "--out", out])


def remedy_of(manifest: Manifest, out: str) -> str:
    """How to make a missing or damaged shard again: the command with every row of the run."""
    if not manifest.settings:  # not finished yet
        return REMEDY
    asked = [str(each) for each in manifest.settings.get("methods", ())]
    rows = dict.fromkeys([*asked, *(row.name for row in manifest.rows)])
    settings = {**manifest.settings, "methods": list(rows)}
    return f"This makes the shard anew: {command_of(settings, out)}"


def _is_default(field: Any, value: Any) -> bool:
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    return value is None or value in (field.default, default, {}, [])


def _flag(name: str, value: Any) -> list[str]:
    if value is True:
        return [f"--{name}"]
    if value is False:
        return [f"--no-{name}"]
    if isinstance(value, dict):
        return [word for key, each in value.items() for word in (f"--{name}", f"{key}={each}")]
    if isinstance(value, list) and name == "set":
        return [word for each in value for word in (f"--{name}", str(each))]
    if isinstance(value, list):
        return [f"--{name}", ",".join(str(each) for each in value)]
    return [f"--{name}", str(value)]
