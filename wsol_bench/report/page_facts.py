"""What a report says of how its figures came about: protocol, data, weights, command."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from wsol_bench.datasets.named import NAMED
from wsol_bench.report.page_runs import ReportRun
from wsol_bench.settings import RunSettings

_DIGITS = 12
"""Of a sha256: enough to tell two files apart."""

_POSITIONAL = ("out",)
"""Settings that decide no figure and are left to the reader's machine."""

_SPELT = {"changes": "set", "layers": "layer"}
"""Settings whose flag has another name."""


@dataclass(frozen=True, slots=True)
class Facts:
    """How the figures of one run came about.

    Attributes:
        run: the run.
        lines: (what, its value), in order.
        command: what makes the run again, with paths cut to their last part.
        note: what a reader must know of the data, or "".
    """

    run: ReportRun
    lines: tuple[tuple[str, str], ...]
    command: str
    note: str


def facts_of(run: ReportRun) -> Facts:
    """Everything that decided a run's figures, from its manifest."""
    named = NAMED.get(str(run.manifest["settings"].get("data")))
    return Facts(run, tuple(_lines(run)), command_of(run), named.note if named else "")


def command_of(run: ReportRun) -> str:
    """The command of a run, without settings that are the default's."""
    settings: Mapping[str, Any] = run.manifest["settings"]
    words = ["wsol-bench", "run"]
    for field in fields(RunSettings):
        value = settings.get(field.name)
        if field.name not in _POSITIONAL and not _is_default(field, value):
            words += _flag(_SPELT.get(field.name, field.name).replace("_", "-"), value)
    return " ".join(shlex.quote(word) for word in [*words, "--out", run.path.name or "run"])


def _is_default(field: Any, value: Any) -> bool:
    if value is None or value == field.default:
        return True
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    return value == default or value in ({}, [])


def _flag(name: str, value: Any) -> list[str]:
    if value is True:
        return [f"--{name}"]
    if isinstance(value, dict):
        return [word for key, each in value.items() for word in (f"--{name}", f"{key}={each}")]
    if isinstance(value, list) and name == "set":
        return [word for each in value for word in (f"--{name}", str(each))]
    if isinstance(value, list):
        return [f"--{name}", ",".join(str(each) for each in value)]
    return [f"--{name}", last_part(str(value))]


def last_part(path: str) -> str:
    """A path's last part, after a prefix such as `caffe:` if it has one.

    A report is handed round; the folders of the machine that made it are nobody's business.
    """
    prefix, colon, rest = path.partition(":")
    if colon and rest:
        return f"{prefix}:{last_part(rest)}"
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2] or path


def _lines(run: ReportRun) -> Iterator[tuple[str, str]]:
    identity, manifest = run.identity, run.manifest
    for part in dict.fromkeys(id(row.part) for row in run.rows):
        own = next(row.part for row in run.rows if id(row.part) == part).identity
        yield "network", f"{own['arch']}, {last_part(str(own['weights']))}"
        yield "weights' sha256", _short(own["weights_sha256"])
    yield "data", _data(run)
    yield "data's sha256", f"{_short(identity['dataset_sha256'])} (ids, labels and boxes)"
    yield "protocol", f"{run.protocol.name}: {run.protocol.summary}"
    yield "its source", run.protocol.source
    layers = (f"{row.title}: {row.part.identity['methods'][row.method]}" for row in _maps(run))
    yield "layers", ", ".join(layers) or "none: no method makes maps"
    yield "σ of Backprop's Gaussian", f"{identity['sigma']:g} of the map's side"
    left_out = identity["blacklist"]
    yield (
        "blacklist",
        f"{left_out:,} images" if left_out else "none: localization counts all images",
    )
    yield "maps", "kept" if run.keeps_maps else "not kept"
    yield "device", f"{manifest.get('device', 'unknown')}, {manifest.get('seconds', 0):,.0f} s"
    versions = manifest.get("versions", {})
    yield "versions", ", ".join(f"{name} {version}" for name, version in versions.items())


def _maps(run: ReportRun) -> Iterator[Any]:
    return (row for row in run.rows if row.has_map)


def _data(run: ReportRun) -> str:
    identity = run.identity
    missing = run.manifest.get("missing_images", 0)
    absent = f"; {missing:,} annotated images absent, passed over" if missing else ""
    return f"{identity['dataset']}, n = {run.n:,} images of {identity['classes']:,} classes{absent}"


def _short(digest: object) -> str:
    return str(digest)[:_DIGITS] if digest else "not kept"
