"""The work itself: shards in, finished batches out, wherever the worker lives."""

import socket
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing

import torch

from wsol_bench.datasets.example import Example
from wsol_bench.engine.messages import Failed, Job, Message, Opened, Part, Ready, Said, Stopped
from wsol_bench.engine.shards import Shard
from wsol_bench.errors import RunError, WsolBenchError
from wsol_bench.networks.determinism import fix_order_of_sums
from wsol_bench.pipeline.pipeline import records_of
from wsol_bench.records.table import to_table
from wsol_bench.runtime.machine import machine, version_of

_TOLD_VERSIONS = ("wsol_bench", "torch", "numpy", "pillow")
"""Packages that may move a number, of each session and each machine."""


class Inbox:
    """The shards given to a worker and not yet begun; for several threads."""

    def __init__(self) -> None:
        """Empty."""
        self._shards: deque[Shard] = deque()
        self._changed = threading.Condition()
        self.stopped = False

    def put(self, shard: Shard) -> None:
        """Adds a shard."""
        with self._changed:
            self._shards.append(shard)
            self._changed.notify_all()

    def stop(self) -> None:
        """Gives out nothing more."""
        with self._changed:
            self.stopped = True
            self._changed.notify_all()

    def take(self) -> Shard | None:
        """The next shard, or None where there is none at the moment."""
        with self._changed:
            return self._shards.popleft() if self._shards and not self.stopped else None

    def wait(self) -> bool:
        """Waits for a shard or for the end; says whether there is a shard."""
        with self._changed:
            self._changed.wait_for(lambda: self._shards or self.stopped)
            return not self.stopped


def parts_of(
    opened: Opened,
    take: Callable[[], Shard | None],
    batch_size: int,
    threads: int,
    tell: Callable[[str], None],
) -> Generator[Part, None, None]:
    """Does shards until there is none to take, one batch after the other.

    The pipeline takes batches ahead, so the next shard is begun before the last
    one is done; no batch spans two.

    Args:
        opened: network and images.
        take: gives the next shard, or the rest of one.
        batch_size: tensors per forward pass.
        threads: for decoding and boxes.
        tell: says a line to the user.

    Raises:
        DataError, RunError: see `records_of`.
    """
    images = max(1, batch_size // opened.pipeline.view.count)
    under_way: deque[tuple[int, int]] = deque()

    def batches() -> Iterator[Sequence[Example]]:
        while (shard := take()) is not None:
            for start in range(shard.start, shard.stop, images):
                batch = opened.dataset.examples[start : min(start + images, shard.stop)]
                under_way.append((shard.number, len(batch)))
                yield batch

    for made in records_of(opened.pipeline, opened.dataset, batches(), threads, tell):
        number, count = under_way.popleft()
        yield Part(number, count, to_table(made.records), made.maps)


def ready(opened: Opened, place: str) -> Ready:
    """What a worker says once it has opened its job.

    Args:
        opened: the job.
        place: what messages call the machine.
    """
    pipeline = opened.pipeline
    facts = {
        **machine(pipeline.device),
        "deterministic": pipeline.deterministic,
        **{name: version_of(name) for name in _TOLD_VERSIONS},
    }
    return Ready(opened.must_match, str(pipeline.device), place, facts)


def serve(job: Job, inbox: Inbox, send: Callable[[Message], None]) -> None:
    """A worker's life: open the job, do what comes in, stop when told to.

    Args:
        job: what to open.
        inbox: another thread puts shards into it, and stops it.
        send: takes messages to the run. Errors are messages too.
    """
    fix_order_of_sums()
    try:
        torch.set_num_threads(job.threads)
        opened = job.open()
        send(ready(opened, socket.gethostname()))

        def tell(text: str) -> None:
            send(Said(text))

        while inbox.wait():
            made = parts_of(opened, inbox.take, job.batch_size, job.threads, tell)
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
    """An error of ours as it is; any other by its words, which can always be pickled."""
    if isinstance(error, WsolBenchError):
        return error
    return RunError(
        f"a worker ended with an unexpected {type(error).__name__}: {error}. "
        "Run again with --debug and report what it shows."
    )
