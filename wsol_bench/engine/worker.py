"""The loop of a worker: takes shards, sends finished batches. Independent of the engine."""

import socket
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing

import torch

from wsol_bench.datasets.example import Example
from wsol_bench.engine.messages import (
    BatchResult,
    Failed,
    Job,
    LogLine,
    Message,
    OpenedJob,
    Ready,
    Stopped,
)
from wsol_bench.engine.shards import Shard
from wsol_bench.errors import RunError, WsolBenchError
from wsol_bench.networks.determinism import fix_order_of_sums
from wsol_bench.pipeline.pipeline import records_of
from wsol_bench.records.table import to_table
from wsol_bench.runtime.machine import machine, versions


class Inbox:
    """The shards that a worker was given and has not started; thread-safe."""

    def __init__(self) -> None:
        """Starts empty."""
        self._shards: deque[Shard] = deque()
        self._changed = threading.Condition()
        self.stopped = False

    def put(self, shard: Shard) -> None:
        """Adds a shard."""
        with self._changed:
            self._shards.append(shard)
            self._changed.notify_all()

    def stop(self) -> None:
        """Makes `take` and `wait` return nothing from now on."""
        with self._changed:
            self.stopped = True
            self._changed.notify_all()

    def take(self) -> Shard | None:
        """Removes and returns the next shard, or None if there is none now."""
        with self._changed:
            return self._shards.popleft() if self._shards and not self.stopped else None

    def wait(self) -> bool:
        """Waits for a shard or for `stop`; returns whether there is a shard."""
        with self._changed:
            self._changed.wait_for(lambda: self._shards or self.stopped)
            return not self.stopped


def process_shards(
    opened: OpenedJob,
    take: Callable[[], Shard | None],
    batch_size: int,
    threads: int,
    log: Callable[[str], None],
) -> Generator[BatchResult, None, None]:
    """Processes shards, batch by batch, until `take` returns none.

    The pipeline prefetches batches, so the next shard is started before the current one
    is finished. No batch spans two shards.

    Args:
        opened: network and images.
        take: returns the next shard, or the rest of one.
        batch_size: tensors per forward pass.
        threads: for decoding and boxes.
        log: reports a line to the user.

    Raises:
        DataError, RunError: see `records_of`.
    """
    images = max(1, batch_size // opened.pipeline.view.count)
    columns = [column.name for column in opened.pipeline.columns]
    queued: deque[tuple[int, int, int]] = deque()

    def batches() -> Iterator[Sequence[Example]]:
        while (shard := take()) is not None:
            for start in range(shard.start, shard.stop, images):
                batch = opened.dataset.examples[start : min(start + images, shard.stop)]
                queued.append((shard.number, start, len(batch)))
                yield batch

    for made in records_of(opened.pipeline, opened.dataset, batches(), threads, log):
        number, start, count = queued.popleft()
        yield BatchResult(number, start, count, to_table(made.records, columns), made.maps)


def ready(opened: OpenedJob, host: str) -> Ready:
    """The message of a worker that has opened its job.

    Args:
        opened: the network and images.
        host: the name of the machine in messages.
    """
    pipeline = opened.pipeline
    facts = {
        **machine(pipeline.device),
        "deterministic": pipeline.deterministic,
        **versions(),
    }
    return Ready(opened.must_match, str(pipeline.device), host, facts)


def serve(job: Job, inbox: Inbox, send: Callable[[Message], None]) -> None:
    """Opens the job and processes shards until the inbox is stopped.

    Args:
        job: the network and images to open.
        inbox: filled and stopped by another thread.
        send: sends a message to the run. Errors are sent as messages too.
    """
    fix_order_of_sums()
    try:
        torch.set_num_threads(job.threads)
        opened = job.open()
        send(ready(opened, socket.gethostname()))

        def log(text: str) -> None:
            send(LogLine(text))

        while inbox.wait():
            made = process_shards(opened, inbox.take, job.batch_size, job.threads, log)
            with closing(made) as parts:
                for part in parts:
                    send(part)
                    if inbox.stopped:
                        break
    except Exception as error:
        send(Failed(_sendable(error), traceback.format_exc()))
    else:
        send(Stopped())


def _sendable(error: Exception) -> Exception:
    """Our own errors unchanged; others as a RunError, which can always be pickled."""
    if isinstance(error, WsolBenchError):
        return error
    return RunError(
        f"a worker ended with an unexpected {type(error).__name__}: {error}. "
        "Run again with --debug and report its output."
    )
