"""The Ray actor that runs a worker."""

import threading
import time
from queue import Empty, SimpleQueue

from wsol_bench.engine.messages import HEARTBEAT, Alive, Job, Message
from wsol_bench.engine.shards import Shard
from wsol_bench.engine.worker import Inbox, serve

CALLS = 4
"""Concurrent calls of an actor: one blocks in `listen`, the others return at once."""


class RayWorker:
    """Runs a worker in a thread of its own, so that the actor stays responsive."""

    def __init__(self, job: Job) -> None:
        """Starts to open the job."""
        self._inbox = Inbox()
        self._messages: SimpleQueue[Message] = SimpleQueue()
        arguments = (job, self._inbox, self._messages.put)
        threading.Thread(target=serve, args=arguments, daemon=True).start()

    def give(self, shard: Shard) -> None:
        """Adds a shard, or the rest of one, to the inbox."""
        self._inbox.put(shard)

    def stop(self) -> None:
        """Makes the worker stop after its current batch."""
        self._inbox.stop()

    def listen(self) -> list[Message]:
        """Returns the messages since the last call, or a sign of life where there are none."""
        messages: list[Message] = []
        try:
            messages.append(self._messages.get(timeout=HEARTBEAT))
            while True:
                messages.append(self._messages.get_nowait())
        except Empty:
            return messages or [Alive(time.process_time())]
