"""What `bench` prints."""

import json

from rich import box
from rich.console import Console
from rich.table import Table

from wsol_bench.bench import Measured, measure
from wsol_bench.errors import UsageError, find
from wsol_bench.networks.archs import ARCHS
from wsol_bench.prepare import find_device


def print_bench(
    name: str, topology: str, device: str, batch: int, rounds: int, *, as_json: bool
) -> None:
    """Measures one arch and prints the ratios on stdout.

    Raises:
        UsageError: an unknown name, or a number below 1.
    """
    arch = find("arch", name, ARCHS)
    find(f"topology of {name}", topology, arch.topologies)
    for flag, number in (("--batch-size", batch), ("--rounds", rounds)):
        if number < 1:
            raise UsageError(f"{flag} {number}: expected 1 or more.")
    measured = measure(arch, topology, find_device(device), batch, rounds)
    if as_json:
        print(json.dumps(measured.to_json()))
    else:
        Console().print(_table(measured))
        print(f"1,000 thresholds on one 224x224 map: {measured.sweep_ms:.2f} ms")


def _table(measured: Measured) -> Table:
    table = Table(
        title=(
            f"{measured.arch} ({measured.topology}), {measured.device}, batch {measured.batch}: "
            f"one forward is {measured.forward_ms:.0f} ms"
        ),
        caption=f"cost in forwards, maps and boxes included; median of {measured.rounds}, least, "
        "largest",
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("task")
    for heading in ("forwards", "least", "largest"):
        table.add_column(heading, justify="right")
    for name, ratio in measured.ratios.items():
        low, high = measured.spread[name]
        table.add_row(name, f"{ratio:.2f}", f"{low:.2f}", f"{high:.2f}")
    return table
