"""`python -m wsol_bench.engine.subprocess_main FD`: a worker that talks over a pipe."""

import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsol_bench.engine.worker import Inbox

_IGNORED = (signal.SIGINT, signal.SIGTERM)
"""The run handles these and stops its workers; job schedulers send them to every process."""


def main(handle: int) -> None:
    """Works until the run closes its end of the pipe or ends.

    Args:
        handle: the file descriptor of the pipe.
    """
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    from wsol_bench.engine.worker import Inbox, serve  # takes seconds

    pipe = Connection(handle)
    inbox = Inbox()
    try:
        job = pipe.recv()
        threading.Thread(target=_read, args=(pipe, inbox), daemon=True).start()
        serve(job, inbox, pipe.send)
    except (EOFError, OSError):
        os._exit(1)  # the run is gone
    threading.Event().wait()  # for `_read` to end the process


def _read(pipe: Connection, inbox: "Inbox") -> None:
    while True:
        try:
            shard = pipe.recv()
        except (EOFError, OSError):
            os._exit(0)
        if shard is None:
            inbox.stop()
        else:
            inbox.put(shard)


if __name__ == "__main__":
    main(int(sys.argv[1]))
