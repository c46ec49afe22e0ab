"""The one worker that is this process itself."""

from collections.abc import Generator, Sequence

from wsol_bench.engine.messages import Job, Message, Opened, Part, Said, Stopped
from wsol_bench.engine.shards import Shard
from wsol_bench.engine.worker import Inbox, parts_of, ready

_PLACE = "this process"


class Here:
    """A `Pool` of one worker, which does a batch whenever it is waited for."""

    lacking = ""

    def __init__(self, job: Job, opened: Opened) -> None:
        """Begins nothing yet.

        Args:
            job: how to work.
            opened: what it would open, already open.
        """
        self._job, self._opened = job, opened
        self._inbox = Inbox()
        self._parts: Generator[Part, None, None] | None = None
        self._says: list[Message] = [ready(opened, _PLACE)]

    def give(self, worker: int, shard: Shard) -> None:
        """See `Pool`."""
        self._inbox.put(shard)

    def wait(self) -> Sequence[tuple[int, Message]]:
        """See `Pool`; the batch's errors are raised."""
        if self._says:
            return [(0, self._says.pop(0))]
        if self._parts is None:
            job = self._job
            self._parts = parts_of(
                self._opened, self._inbox.take, job.batch_size, job.threads, self._tell
            )
        part = next(self._parts, None)
        if part is None:
            self._parts = None
            return []
        return [(0, part)]

    def replace(self, worker: int) -> None:
        """See `Pool`; this process is never lost to itself."""

    def stop(self) -> None:
        """See `Pool`."""
        self.close()
        self._says = [Stopped()]

    def close(self) -> None:
        """Ends the pipeline's threads."""
        self._inbox.stop()
        if self._parts is not None:
            self._parts.close()

    def _tell(self, text: str) -> None:
        self._says.append(Said(text))
