"""Feeds the readers damaged and hostile files and prints what came of it.

python scripts/fuzz.py                          100,000 inputs over all readers
python scripts/fuzz.py --inputs 5000 tar xml    other numbers, some readers
"""

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests/fuzz"))

from fuzz_campaign import Figures, bound_memory, campaign, save_findings  # noqa: E402
from fuzz_readers import READERS  # noqa: E402

COLUMNS = ("reader", "inputs", "refused", "findings", "seconds", "slowest ms", "memory MB")


def main() -> int:
    """Runs each reader in a process of its own; exit code 1 where there are findings."""
    asked = _arguments()
    names = asked.readers or list(READERS)
    if asked.child:
        return _feed(names[0], asked.inputs, asked.seed, asked.memory, asked.keep)
    share = asked.inputs / sum(READERS[name].share for name in names)
    rows = []
    for name in names:
        inputs = round(share * READERS[name].share + 0.5)
        rows.append(_start(name, inputs, asked))
        if not asked.json:
            _print_row(rows[-1], heading=len(rows) == 1)
    if asked.json:
        print(json.dumps(rows))
    elif len(rows) > 1:
        sums = {key: round(sum(row[key] for row in rows), 1) for key in COLUMNS[1:5]}
        most = {key: max(row[key] for row in rows) for key in COLUMNS[5:]}
        _print_row({"reader": "in all", **sums, **most})
    return int(any(row["findings"] for row in rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(READERS))
    parser.add_argument("--inputs", type=int, default=100_000, help="over all readers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--memory", type=int, default=4096, help="MB that a reader may take")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), help="for inputs")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    for name in set(asked.readers) - set(READERS):
        parser.error(f"no reader {name!r}; there are {', '.join(READERS)}")
    return asked


def _start(name: str, inputs: int, asked: argparse.Namespace) -> dict[str, float | str]:
    options = {"inputs": inputs, "seed": asked.seed, "memory": asked.memory, "keep": asked.keep}
    command = [sys.executable, __file__, name, "--child"]
    finished = subprocess.run(
        [*command, *(f"--{key}={value}" for key, value in options.items())],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if finished.returncode:
        sys.exit(f"{name}: its process ended with {finished.returncode}: a hang or a crash.")
    return json.loads(finished.stdout)


def _feed(name: str, inputs: int, seed: int, memory: int, keep: Path) -> int:
    bound_memory(memory)
    figures = campaign(READERS[name], inputs, seed)
    for line in save_findings(figures, name, keep):
        print(line, file=sys.stderr)
    print(json.dumps(_row(name, figures)))
    return 0


def _row(name: str, figures: Figures) -> dict[str, float | str]:
    counts = asdict(figures)
    return {
        "reader": name,
        **{key: counts[key] for key in ("inputs", "refused")},
        "findings": len(figures.findings),
        "seconds": round(figures.seconds, 1),
        "slowest ms": round(1000 * figures.slowest),
        "memory MB": round(figures.megabytes),
    }


def _print_row(row: dict[str, float | str], heading: bool = False) -> None:
    if heading:
        print("".join(f"{name:>12}" for name in COLUMNS))
    cells = (row[name] for name in COLUMNS)
    print("".join(f"{c:>12}" if isinstance(c, str) else f"{c:>12,}" for c in cells), flush=True)


if __name__ == "__main__":
    sys.exit(main())
