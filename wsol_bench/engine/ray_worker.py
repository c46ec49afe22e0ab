"""A worker that lives in a Ray actor."""

import threading
from queue import Empty, SimpleQueue

from wsol_bench.engine.messages import Job, Message
from wsol_bench.engine.shards import Shard
from wsol_bench.engine.worker import Inbox, serve

CALLS = 4
"""How many of the methods may run at once: one listens, the others are brief."""
_PATIENCE = 5.0


class RayWorker:
    """Holds one network and works in a thread of its own while it can be spoken to."""

    def __init__(self, job: Job) -> None:
        """Begins to open the job."""
        self._inbox = Inbox()
        self._said: SimpleQueue[Message] = SimpleQueue()
        arguments = (job, self._inbox, self._said.put)
        threading.Thread(target=serve, args=arguments, daemon=True).start()

    def give(self, shard: Shard) -> None:
        """Puts a shard, or the rest of one, into the inbox."""
        self._inbox.put(shard)

    def stop(self) -> None:
        """Finishes the batch in hand and no more."""
        self._inbox.stop()

    def listen(self) -> list[Message]:
        """All that was said since the last call; waits some seconds for something."""
        said = []
        try:
            said.append(self._said.get(timeout=_PATIENCE))
            while True:
                said.append(self._said.get_nowait())
        except Empty:
            return said
