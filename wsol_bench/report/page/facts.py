"""The facts that a report lists about its figures: protocol, data, weights, command."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wsol_bench.analysis.scored_run import ReportRun
from wsol_bench.datasets.named import NAMED
from wsol_bench.records.command import command_of as command_line
from wsol_bench.report.page.words import unreadable_words
from wsol_bench.runtime.names import last_part

_DIGITS = 12
"""Characters of a sha256 that are shown; enough to distinguish two files."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The conditions of one run's figures.

    Attributes:
        run: the run.
        lines: (what, its value), in order.
        command: that makes the run again, with paths cut to their last part.
        note: a remark on the data, or "".
    """

    run: ReportRun
    lines: tuple[tuple[str, str], ...]
    command: str
    note: str


def facts_of(run: ReportRun) -> Facts:
    """Everything that determined a run's figures, from its manifest."""
    named = NAMED.get(str(run.manifest.settings.get("data")))
    return Facts(run, tuple(_lines(run)), command_of(run), named.note if named else "")


def command_of(run: ReportRun) -> str:
    """The command of a run, with paths cut to their last part."""
    settings = {
        name: last_part(value) if isinstance(value, str) else value
        for name, value in run.manifest.settings.items()
    }
    return command_line(settings, run.path.name or "run")


def _lines(run: ReportRun) -> Iterator[tuple[str, str]]:
    identity, manifest = run.identity, run.manifest
    for network in dict.fromkeys(id(row.network) for row in run.rows):
        own = next(row.network for row in run.rows if id(row.network) == network).identity
        weights = f"{last_part(own.weights)}, sha256 {_short(own.weights_sha256)}"
        yield "network", f"{own.arch}, {weights}"
    yield "data", _data(run)
    damaged = unreadable_words(run)
    if damaged:
        yield "unreadable", damaged
    yield "data's sha256", f"{_short(identity.dataset_sha256)} (ids, labels and boxes)"
    yield "protocol", f"{run.protocol.name}: {run.protocol.summary}"
    yield "its source", run.protocol.source
    maps = (row for row in run.rows if row.has_map)
    layers = (f"{row.title}: {row.network.row(row.method).layer}" for row in maps)
    yield "layers", ", ".join(layers) or "none: no method makes maps"
    left_out = identity.blacklist
    yield (
        "blacklist",
        f"{left_out:,} images" if left_out else "none: localization counts all images",
    )
    yield "maps", "kept" if run.keeps_maps else "not kept"
    yield "device", f"{manifest.device}, {manifest.seconds:,.0f} s"
    yield from _numerics(run)
    versions = manifest.versions
    yield "versions", ", ".join(f"{name} {version}" for name, version in versions.items())


def _data(run: ReportRun) -> str:
    identity = run.identity
    missing = run.manifest.missing_images
    absent = f"; {missing:,} annotated images absent, passed over" if missing else ""
    limit = run.manifest.data.limit
    first, how = ("the first ", f" (--limit {limit})") if limit else ("", "")
    images = "1 image" if run.n == 1 else f"{run.n:,} images"
    return (
        f"{identity.dataset}: {first}{images}{how}; the network has "
        f"{identity.classes:,} classes{absent}"
    )


def _numerics(run: ReportRun) -> Iterator[tuple[str, str]]:
    """Facts of the machine that may change a figure's last digits; an older run has fewer."""
    settings = run.manifest.settings
    precision = run.identity.precision
    if precision:
        yield "precision", str(precision)
    if settings.get("batch_size"):
        yield "batch size", f"{settings['batch_size']:,}"
    machines: Sequence[Mapping[str, Any]] = run.manifest.machines or ()
    noted = [each["deterministic"] for each in machines if "deterministic" in each]
    asked = settings.get("deterministic")
    if noted or asked is not None:
        yield "deterministic", "yes" if all(noted or [asked]) else "no"
    if machines:
        known = run.manifest.versions  # listed for all machines together
        own = ({k: v for k, v in each.items() if known.get(k) != v} for each in machines)
        yield "machine", "; ".join(dict.fromkeys(map(_machine, own)))


_COUNTED = ("cores", "threads")
_UNNAMED = ("cpu", "gpu", "instructions", "system")
"""Keys of a machine whose values need no name."""


def _machine(machine: Mapping[str, Any]) -> str:
    """A machine as its manifest records it, such as "Xeon, 2 cores, torch 2.15.0"."""
    facts = []
    for name, value in machine.items():
        if isinstance(value, bool) or value is None:
            continue
        if name in _COUNTED:
            facts.append(f"{value} {name.removesuffix('s') if value == 1 else name}")
        else:
            facts.append(str(value) if name in _UNNAMED else f"{name} {value}")
    return ", ".join(facts)


def _short(digest: object) -> str:
    return str(digest)[:_DIGITS] if digest else "not kept"
