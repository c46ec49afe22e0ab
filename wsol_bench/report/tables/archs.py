"""Output of `list archs NAME`: the layers of one network, and which methods it supports."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from wsol_bench.errors import NotApplicable
from wsol_bench.methods.catalog import METHODS, find_methods
from wsol_bench.networks.archs.catalog import open_arch
from wsol_bench.networks.archs.entry import Arch, Topology
from wsol_bench.networks.opening import Opened, open_network

_CLASSES = 1000
"""Outputs of the network that is built to be listed, where it takes a number of them."""
_HEADINGS = ("layer", "kind", "output", "cells", "roles")


def print_arch(name: str, *, as_json: bool) -> None:
    """Builds a network without its weights and prints what a run finds in it, on stdout.

    Raises:
        UsageError: there is no such arch, or it cannot be opened.
    """
    arch = open_arch(name)
    found = [_described(arch, topology) for topology in arch.topologies]
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        print("\n\n".join("\n".join(_lines(each)) for each in found))


def _described(arch: Arch, name: str) -> dict[str, Any]:
    topology = arch.topologies[name]
    side = topology.preprocessing.size
    opened = open_network(topology.build(_CLASSES), (side, side), roles=topology.roles)
    cells = opened.network.cells
    published = topology.published
    return {
        "arch": arch.name,
        "topology": name,
        "opening": opened.network.opening,
        "preprocessing": asdict(topology.preprocessing),
        "published": None if published is None else asdict(published),
        "roles": dict(opened.roles),
        "notes": [*filter(None, [topology.note]), *opened.notes],
        "methods": dict(_reasons(opened, topology)),
        "layers": [
            {
                "layer": each.name,
                "kind": type(each.module).__name__,
                "output": list(each.shape[1:]),
                "cells": [cells[each.name].rows, cells[each.name].columns]
                if each.name in cells
                else None,
                "roles": [role for role, layer in opened.roles.items() if layer == each.name],
            }
            for each in opened.layers
        ],
    }


def _reasons(opened: Opened, topology: Topology) -> Iterator[tuple[str, str | None]]:
    """Each method that makes maps, and why the network does not support it; None where it does."""
    side = topology.preprocessing.size
    for row in find_methods(tuple(METHODS)):
        if not row.makes_map:
            continue
        try:
            row.to(opened.network, opened.roles, side)
        except NotApplicable as error:
            yield row.name, str(error)
        else:
            yield row.name, None


def _lines(found: dict[str, Any]) -> Iterator[str]:
    values = found["preprocessing"]
    yield f"{found['arch']} ({found['topology']}), {found['opening']}"
    yield (
        f"input: {values['size']}x{values['size']} {values['order']}, scale {values['scale']:.6g}, "
        f"mean {_numbers(values['mean'])}, std {_numbers(values['std'])}"
    )
    if values["crop"]:
        yield (
            f"centre crop: shorter side {values['crop']['shorter']}, {values['crop']['filter']} "
            "(view center-crop)"
        )
    if found["published"]:
        error = found["published"]
        rates = f"{error['top1']:g} / {error['top5']:g} %"
        yield f"published top-1 / top-5 error: {rates} ({error['source']})"
    for role, layer in found["roles"].items():
        yield f"{role}: {layer}"
    yield from (f"note: {note}" for note in found["notes"])
    methods = found["methods"]
    yield f"methods: {', '.join(name for name, reason in methods.items() if reason is None)}"
    yield from (f"{name}: n/a: {reason}." for name, reason in methods.items() if reason)
    yield ""
    yield from _table([_HEADINGS, *(_row(each) for each in found["layers"])])


def _row(layer: dict[str, Any]) -> tuple[str, ...]:
    shape, cells = ("x".join(map(str, layer[key] or ())) for key in ("output", "cells"))
    return layer["layer"], layer["kind"], shape, cells, ", ".join(layer["roles"])


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def _numbers(values: tuple[float, ...]) -> str:
    return ",".join(f"{value:g}" for value in values)
