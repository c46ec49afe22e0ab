"""`python -m wsol_bench.engine.subprocess_main FD`: a worker that talks over a pipe."""

import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from wsol_bench.engine.messages import HEARTBEAT, Alive, Message

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
    pipe = Connection(handle)
    outbox = _Outbox(pipe)
    threading.Thread(target=outbox.beat, daemon=True).start()
    from wsol_bench.engine.worker import Inbox, serve  # takes seconds

    inbox = Inbox()
    try:
        job = pipe.recv()
        threading.Thread(target=_read, args=(pipe, inbox), daemon=True).start()
        serve(job, inbox, outbox.send)
    except (EOFError, OSError):
        os._exit(1)  # the run is gone
    threading.Event().wait()  # for `_read` to end the process


class _Outbox:
    """The worker's end of the pipe; thread-safe."""

    def __init__(self, pipe: Connection) -> None:
        """Sends through a pipe."""
        self._pipe, self._lock = pipe, threading.Lock()

    def send(self, message: Message) -> None:
        """Sends one message."""
        with self._lock:
            self._pipe.send(message)

    def beat(self) -> None:
        """Sends signs of life for as long as the process lasts."""
        while True:
            try:
                self.send(Alive(time.process_time()))
            except (OSError, ValueError):
                os._exit(1)  # the run is gone
            time.sleep(HEARTBEAT)


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
