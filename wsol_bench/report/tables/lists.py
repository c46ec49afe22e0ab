"""Output of `list`: the entries of every table."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.table import Table

from wsol_bench.errors import UsageError, find
from wsol_bench.methods.catalog import METHODS, find_method
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL, PROTOCOLS
from wsol_bench.scoring.catalog import METRICS, OWN
from wsol_bench.scoring.published import TABLES, published_table
from wsol_bench.specs.options import Option, written


def print_list(what: str, name: str | None, *, as_json: bool) -> None:
    """Prints one table, or one of its entries, on stdout.

    Raises:
        UsageError: there is no such table or entry, or its entries have no page of their own.
    """
    if name is None:
        _print_catalog(what, as_json)
        return
    find("list", what, CATALOGS)
    if what not in ENTRIES:
        known = " or ".join(f"list {each} NAME" for each in ENTRIES)
        raise UsageError(f"list {what} {name}: expected {known}.")
    ENTRIES[what](name, as_json)


def _print_catalog(what: str, as_json: bool) -> None:
    headings, rows = find("list", what, CATALOGS)
    if as_json:
        print(json.dumps([dict(zip(headings, row, strict=True)) for row in rows()]))
        return
    table = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for row in rows():
        table.add_row(*row)
    Console().print(table)


def _print_method(name: str, as_json: bool) -> None:
    method = find_method(name)
    facts = {"method": method.name, "title": method.title, "source": method.source}
    _print_entry({**facts, "notes": list(method.notes)}, method.options, as_json)


def _print_metric(name: str, as_json: bool) -> None:
    metric = find("metric", name, METRICS, OWN)
    over = "Of pixels pooled" if metric.over == "pixels" else f"A mean over {metric.over}"
    notes = [f"{over}.", *([metric.note] if metric.note else [])]
    facts = {"metric": name, "title": metric.title.format(topk="k"), "source": metric.source}
    _print_entry({**facts, "notes": notes}, metric.options, as_json)


def _print_entry(facts: Mapping[str, Any], options: Sequence[Option], as_json: bool) -> None:
    """An entry's title, source and notes, then its options."""
    if as_json:
        print(json.dumps({**facts, "options": [_as_json(each) for each in options]}))
        return
    console = Console(highlight=False, markup=False)
    for line in (facts["title"], facts["source"], *facts["notes"]):
        console.print(line)
    table = Table("option", "type", "default", "meaning", box=None, pad_edge=False)
    table.header_style = "bold"
    for option in options:
        default = "" if option.default is None else written(option.default)
        table.add_row(option.name, option.expected, default, option.text)
    console.print(table if options else "No options.")


def _as_json(option: Option) -> dict[str, object]:
    return {
        "option": option.name,
        "type": option.expected,
        "default": option.default,
        "meaning": option.text,
    }


def _print_arch(name: str, as_json: bool) -> None:
    from wsol_bench.report.tables.archs import print_arch  # imports torch

    print_arch(name, as_json=as_json)


def _archs() -> Iterable[tuple[str, ...]]:
    from wsol_bench.networks.archs.catalog import ARCHS

    for name, arch in ARCHS.items():
        for topology, net in arch.topologies.items():
            side = net.preprocessing.size
            yield name, topology, f"{side}x{side}", net.roles["features"], net.roles["excitation"]


def _methods() -> Iterable[tuple[str, ...]]:
    for name, method in METHODS.items():
        yield name, method.title, method.source


def _metrics() -> Iterable[tuple[str, ...]]:
    for name, metric in METRICS.items():
        options = ", ".join(f"{each.name}={each.default}" for each in metric.options)
        better = "higher" if metric.higher_is_better else "lower"
        needs = ", ".join(sorted(metric.needs))
        title = metric.title.format(topk="k")
        yield name, title, better, metric.over, needs, options, metric.source


def _datasets() -> Iterable[tuple[str, ...]]:
    from wsol_bench.datasets.catalog import LAYOUTS  # imports scipy
    from wsol_bench.datasets.named import NAMED

    for name, dataset in NAMED.items():
        yield f"{name} (by name)", dataset.description
    for name, layout in LAYOUTS.items():
        yield name, layout.description


def _protocols() -> Iterable[tuple[str, ...]]:
    for name, protocol in PROTOCOLS.items():
        default = " (default)" if name == DEFAULT_PROTOCOL else ""
        yield name + default, protocol.source


def _weights() -> Iterable[tuple[str, ...]]:
    from wsol_bench.networks.weights.forms import FORMS

    for form, weights in FORMS.items():
        yield form, weights.topology or "the arch's own", weights.text


def _tables() -> Iterable[tuple[str, ...]]:
    for name in TABLES:
        table = published_table(name)
        yield name, table.title, ", ".join(table.data), table.source


CATALOGS: dict[str, tuple[tuple[str, ...], Callable[[], Iterable[tuple[str, ...]]]]] = {
    "archs": (("arch", "topology", "input", "features", "excitation"), _archs),
    "methods": (("method", "title", "source"), _methods),
    "metrics": (
        ("metric", "title", "better", "mean over", "needs", "options", "source"),
        _metrics,
    ),
    "datasets": (("layout", "content"), _datasets),
    "protocols": (("protocol", "source"), _protocols),
    "tables": (("table", "title", "data", "source"), _tables),
    "weights": (("--weights", "topology", "description"), _weights),
}

ENTRIES: Mapping[str, Callable[[str, bool], None]] = MappingProxyType(
    {"archs": _print_arch, "methods": _print_method, "metrics": _print_metric}
)
"""Tables whose entries are listed by name."""
