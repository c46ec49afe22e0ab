"""The interface of a pool of workers, which an engine implements and the scheduler drives."""

from collections.abc import Sequence
from typing import Protocol as Interface

from wsol_bench.engine.messages import Message
from wsol_bench.engine.shards import Shard


class Pool(Interface):
    """Workers, numbered from 0."""

    def give(self, worker: int, shard: Shard) -> None:
        """Assigns a shard, or the rest of one, to a worker."""
        ...

    def wait(self) -> Sequence[tuple[int, Message]]:
        """Returns the workers' messages; waits at most a fraction of a second for the first."""
        ...

    def replace(self, worker: int) -> None:
        """Starts a worker in place of one that is lost or given up, and kills the latter."""
        ...

    def stop(self) -> None:
        """Makes all workers stop after their current batch."""
        ...

    @property
    def waiting_for(self) -> str:
        """The reason why workers have not started, for a message."""
        ...
