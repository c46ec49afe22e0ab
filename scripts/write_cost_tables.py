"""Writes the tables of docs/cost.md from what `bench --json` left in results/bench/.

    python scripts/write_cost_tables.py

A table stands between `<!-- KIND of FOLDER -->` and `<!-- end -->`; a folder has one file
per network and batch size, as scripts/measure_cost.sh leaves them.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wsol_bench.settings import ARCH_SETS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/cost.md"
RESULTS = ROOT / "results/bench"
PLACE = re.compile(r"(<!-- (?P<kind>\w+) of (?P<folder>[\w-]+) -->\n).*?(<!-- end -->)", re.S)

Case = Mapping[str, Any]
Rows = Iterable[Sequence[str]]

FORWARD_MS = "one forward, ms"
NEEDED = {
    "forward": "forward",
    "gradient, grad_cam": "gradient at the features",
    "gradient, backprop": "gradient at the pixels",
    "excitation, positive weights": "excitation, positive weights",
    "excitation, each signal": "excitation, each signal",
}


def written(page: str) -> str:
    """The page with every table made anew."""
    return PLACE.sub(
        lambda found: found[1] + _table(found["kind"], found["folder"]) + found[4], page
    )


def _table(kind: str, folder: str) -> str:
    files = sorted((RESULTS / folder).glob("*.json"))
    cases = [json.loads(path.read_text("utf-8")) for path in files]
    if not cases:
        return "Not measured yet.\n"
    order = [*ARCH_SETS["all"], *(case["arch"] for case in cases)]
    return KINDS[kind](sorted(cases, key=lambda case: (order.index(case["arch"]), case["batch"])))


def machine(cases: Sequence[Case]) -> str:
    """One sentence: what the figures were measured on."""
    case = cases[0]
    facts, versions = case["machine"], case["versions"]
    device = facts.get("gpu") or f"{facts['cpu']}, {facts['cores']} cores"
    told = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (
        f"{device}, {facts['threads']} torch threads, {facts['instructions']}; {told}; "
        f"medians of {case['rounds']} interleaved repeats, minimum and maximum in brackets.\n"
    )


def counted(cases: Sequence[Case]) -> str:
    """What the work needs, in forwards, by the graph."""
    archs = {case["arch"]: case["counted"] for case in cases}
    rows = [["G multiply-adds an image", *(f"{c['forward_gmacs']:.2f}" for c in archs.values())]]
    for name, title in NEEDED.items():
        rows.append([title, *(f"{each['needed'][name]:.3f}" for each in archs.values())])
    return _markdown(["", *(f"`{arch}`" for arch in archs)], rows)


def costs(cases: Sequence[Case]) -> str:
    """Task by case: counted, then measured."""
    rows = [[FORWARD_MS, *(f"{case['forward_ms']:.0f}" for case in cases)]]
    for name in _names(case["ratios"] for case in cases):
        rows.append([name, *(_cost(case, name) for case in cases)])
    return _markdown(["in forwards", *map(_headed, cases)], rows)


def _cost(case: Case, name: str) -> str:
    if name not in case["ratios"]:
        return "n/a"
    performed = case["counted"]["performed"].get(name)
    measured = _spread(case["ratios"][name], case["spread"][name])
    return measured if performed is None else f"{measured}; counted {performed:.2f}"


def floors(cases: Sequence[Case]) -> str:
    """The forward pass and its floor, and the floors of the other stages."""
    stages = [name for name in NEEDED if name != "forward"]
    head = ["", "forward, ms", "floor, ms", "of which memory-bound, ms", "forward / floor", "peak"]
    rows = []
    for case in cases:
        counted, peak = case["counted"], case["counted"]["peak"]
        floor = counted["floor_ms"]
        rows.append(
            [
                _headed(case),
                f"{case['forward_ms']:.0f}",
                f"{floor['forward']:.0f}",
                f"{counted['forward_floor_from_bytes_ms']:.0f}",
                f"{case['forward_ms'] / floor['forward']:.2f}",
                f"{peak['gmacs_per_s']:.0f} G/s, {peak['gbytes_per_s']:.0f} GB/s",
                *(f"{floor[name] / floor['forward']:.2f}" for name in stages),
            ]
        )
    return _markdown([*head, *(NEEDED[name] for name in stages)], rows)


def pipelines(cases: Sequence[Case]) -> str:
    """The whole pipeline against the bare loop and the forward."""
    head = ["", "methods", "bare loops", "forwards", "ms an image"]
    rows = []
    for case in (case for case in cases if case["pipeline"]):
        for name, each in {**case["pipeline"]["bare"], **case["pipeline"]["runs"]}.items():
            rows.append(
                [
                    f"{_headed(case)}, {case['pipeline']['images']} images",
                    name,
                    _spread(each["bare_loops"], each["bare_loops_spread"]),
                    _spread(each["forwards"], each["forwards_spread"]),
                    f"{each['ms_per_image']:.1f}",
                ]
            )
    return _markdown(head, rows)


def peers(cases: Sequence[Case]) -> str:
    """Other libraries by case, in our forwards and in their own."""
    work = {"label_map": "one map", "top5": "top-5 protocol"}
    rows = [["ours", "both", *(_cost(case, "grad_cam") for case in cases)]]
    for name in _names(case["peers"] for case in cases):
        versions = {case["peers"][name]["version"] for case in cases if name in case["peers"]}
        label = " ".join([name, *sorted(filter(None, versions))])
        for what, title in work.items():
            rows.append([label, title, *(_peer(case["peers"].get(name), what) for case in cases)])
    return _markdown(["library", "work", *map(_headed, cases)], rows)


def _peer(peer: Mapping[str, Any] | None, what: str) -> str:
    if not peer or what not in peer:
        return "n/a"
    cost = peer[what]
    mismatch = "" if peer["agrees"] else " (other maps)"
    ours = _spread(cost["forwards"], cost["spread"])
    return f"{ours}; own {cost['own_forwards']:.2f}{mismatch}"


def sweeps(cases: Sequence[Case]) -> str:
    """The boxes of a map at 1,000 thresholds."""
    rows = []
    kinds = {case["sweep"]["maps"]: case["sweep"] for case in cases if case["sweep"]}
    for sweep in kinds.values():  # it does not depend on the network, only on the maps
        same = f"{sweep['same_boxes_as_labelling']} of {sweep['slow_count']}"
        for name, ms in sweep["ms"].items():
            taken = _spread(ms, sweep["spread"][name])
            rows.append([sweep["maps"], name, taken, f"{sweep['ratios'][name]:.0f}", same])
    return _markdown(["maps", "implementation", "ms", "ratio", "boxes equal to labelling"], rows)


def profiles(profiled: Sequence[Case]) -> str:
    """Where the time of a run goes, as scripts/profile_run.py found it."""
    rows = []
    for each in profiled:
        methods = ", ".join(each["methods"])
        rows.append([f"`{each['arch']}`, {each['images']} images, {methods}", "", "", ""])
        for row in each["rows"]:
            share = f"{100 * row['seconds'] / each['profiled_seconds']:.1f}"
            ms = f"{1000 * row['seconds'] / each['images']:.2f}"
            rows.append([row["stage"], row["thread"], share, ms])
    return _markdown(["stage", "thread", "% of the wall clock", "ms an image"], rows)


def startup(cases: Sequence[Case]) -> str:
    """The seconds of commands."""
    rows = [
        [
            name,
            _spread(each["cpu_seconds"], each["cpu_spread"]),
            _spread(each["seconds"], each["seconds_spread"]),
        ]
        for case in cases
        for name, each in (case["startup"] or {}).items()
    ]
    return _markdown(["command", "CPU seconds", "seconds"], rows)


def precision(cases: Sequence[Case]) -> str:
    """Half precision: the forward pass, and each method's boxes against those in float32."""
    head = ["", "precision", "forwards in float32", "method", "boxes equal, %"]
    rows = []
    for case in cases:
        forward = _spread(case["forward"], case["forward_spread"])
        for method, boxes in case["methods"].items():
            rows.append(
                [
                    f"{_headed(case)}, {case['images']} images",
                    case["precision"],
                    forward,
                    method,
                    f"{boxes['equal']:.1f}",
                    f"{boxes['within_a_pixel']:.1f}",
                    f"{boxes['mean_iou']:.3f}",
                ]
            )
    return _markdown([*head, "within a pixel, %", "mean IoU of both boxes"], rows)


KINDS: Mapping[str, Callable[[Sequence[Case]], str]] = {
    "machine": machine,
    "counted": counted,
    "costs": costs,
    "floors": floors,
    "pipelines": pipelines,
    "peers": peers,
    "sweep": sweeps,
    "profile": profiles,
    "startup": startup,
    "precision": precision,
}


def _headed(case: Case) -> str:
    return f"`{case['arch']}`, batch {case['batch']}"


def _names(tables: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for table in tables for name in table))


def _spread(median: float, ends: Sequence[float]) -> str:
    return f"{median:.2f} ({ends[0]:.2f}–{ends[1]:.2f})"


def _markdown(head: Sequence[str], rows: Rows) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    """Rewrites the page."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
