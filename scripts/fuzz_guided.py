"""Feeds one reader inputs that atheris guides to code not reached yet (pip install atheris).

    python scripts/fuzz_guided.py tar --seconds 60

It starts from what scripts/fuzz.py makes, stops at the first finding and writes its input
beside itself; at the end it prints how many inputs it ran.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import atheris
from hypothesis import HealthCheck, Phase, given, settings

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/fuzz"))

GUIDING = [
    *("tarfile", "zipfile", "wsol_bench.datasets", "wsol_bench.runtime.names"),
    *("wsol_bench.networks.weights.caffe", "wsol_bench.networks.weights.caffe_bounds"),
    "wsol_bench.networks.weights.files",
]
"""Python code whose branches count as progress; C code has none to show."""

with atheris.instrument_imports(include=GUIDING):
    from fuzz_campaign import attempt
    from fuzz_readers import READERS

SEEDS = 300
LONGEST = 20_000


def main() -> None:
    """Runs until the time is over or something is found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--seconds", type=int, default=60)
    asked = parser.parse_args()
    reader = READERS[asked.reader]
    folder, seeds = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())
    _write_seeds(asked.reader, seeds)
    options = [f"-max_total_time={asked.seconds}", f"-max_len={LONGEST}", "-rss_limit_mb=4096"]
    atheris.Setup(
        [sys.argv[0], str(seeds), *options], lambda content: attempt(reader, content, folder)
    )
    atheris.Fuzz()


def _write_seeds(name: str, folder: Path) -> None:
    @settings(
        max_examples=SEEDS,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(READERS[name].content)
    def write(content: bytes) -> None:
        (folder / f"{len(list(folder.iterdir())):04d}").write_bytes(content)

    write()


if __name__ == "__main__":
    main()
