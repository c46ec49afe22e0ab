"""The pool of a run that does its work in its own process."""

from collections.abc import Callable, Generator, Sequence

from wsol_bench.engine.messages import BatchResult, Job, Message, OpenedJob, Stopped
from wsol_bench.engine.shards import Shard
from wsol_bench.engine.worker import Inbox, process_shards, ready

_HOST = "this process"


class InProcess:
    """A `Pool` of one worker, which runs one batch per call of `wait`."""

    waiting_for = ""

    def __init__(self, job: Job, opened: OpenedJob, report: Callable[[str], None]) -> None:
        """Prepares the worker; the first `wait` starts it.

        Args:
            job: its batch size and threads.
            opened: the network and images that the job would open.
            report: shows the user a line at once, while a batch is made.
        """
        self._job, self._opened, self._report = job, opened, report
        self._inbox = Inbox()
        self._parts: Generator[BatchResult, None, None] | None = None
        self._messages: list[Message] = [ready(opened, _HOST)]

    def give(self, worker: int, shard: Shard) -> None:
        """See `Pool`."""
        self._inbox.put(shard)

    def wait(self) -> Sequence[tuple[int, Message]]:
        """See `Pool`; errors of the batch are raised."""
        if self._messages:
            return [(0, self._messages.pop(0))]
        if self._parts is None:
            job = self._job
            self._parts = process_shards(
                self._opened, self._inbox.take, job.batch_size, job.threads, self._report
            )
        part = next(self._parts, None)
        if part is None:
            self._parts = None
            return []
        return [(0, part)]

    def replace(self, worker: int) -> None:
        """See `Pool`; this process cannot lose itself."""

    def stop(self) -> None:
        """See `Pool`."""
        self.close()
        self._messages = [Stopped()]

    def close(self) -> None:
        """Shuts the pipeline's threads down."""
        self._inbox.stop()
        if self._parts is not None:
            self._parts.close()
