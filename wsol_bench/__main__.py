"""`python -m wsol_bench`, and the program `wsol-bench`."""

import os
import signal
import sys
from types import FrameType

from wsol_bench.errors import EXIT_INTERRUPTED, EXIT_RUN_FAILED
from wsol_bench.runtime.memory import (
    OUT_OF_MEMORY,
    collect_garbage_seldom,
    is_out_of_memory,
)
from wsol_bench.runtime.streams import open_closed_streams


def start() -> int:
    """Runs the command line; a signal during its import gets a message too."""
    open_closed_streams()
    collect_garbage_seldom()
    # Idle threads of numpy's and scipy's OpenBLAS sleep at once instead of spinning for 50 ms.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        from wsol_bench.cli.main import main

        return main()
    except (MemoryError, ImportError) as error:
        if not is_out_of_memory(error):
            raise
        print(f"wsol-bench: {OUT_OF_MEMORY}", file=sys.stderr)
        return EXIT_RUN_FAILED
    except KeyboardInterrupt:
        print("wsol-bench: interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(start())
