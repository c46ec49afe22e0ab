"""`python -m wsol_bench`, and the program `wsol-bench`."""

import signal
import sys
from types import FrameType

from wsol_bench.errors import EXIT_INTERRUPTED
from wsol_bench.runtime.streams import open_closed_streams


def start() -> int:
    """Runs the command line; a signal during its import gets a message too."""
    open_closed_streams()
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        from wsol_bench.cli.main import main

        return main()
    except KeyboardInterrupt:
        print("wsol-bench: interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(start())
