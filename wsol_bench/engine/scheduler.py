"""Distributes shards to workers and collects finished batches until the run is complete.

Workers may join late and may be lost at any moment: the shards of a lost worker go to
another, starting at the first image whose batch had not arrived.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic, sleep

import pyarrow as pa

from wsol_bench.engine.messages import (
    Alive,
    BatchResult,
    Failed,
    LogLine,
    Lost,
    Message,
    Ready,
    Stopped,
)
from wsol_bench.engine.pool import Pool
from wsol_bench.engine.shard_queue import ShardQueue
from wsol_bench.engine.shards import Shard
from wsol_bench.engine.watch import Watch
from wsol_bench.errors import DataError, RunError
from wsol_bench.runtime.interrupt import Stop

SHARDS_AHEAD = 2
"""Shards assigned to a worker at once, so that it never waits for the next one."""
MAX_LOSSES = 3
"""Consecutive losses, at one batch or before a worker is ready, that end the run."""
STOP_TIMEOUT = 20.0
"""Seconds for workers to finish their current batch after a stop request."""
REPORT_AFTER = 30.0
"""Seconds without an answer or without progress after which a worker is reported, gets no more
shards and passes those that it has not started to idle workers."""
GIVE_UP_SILENT = 60.0
"""Seconds without an answer after which a worker is killed and replaced."""
GIVE_UP_STANDING = 300.0
"""Seconds with answers, but neither a batch nor processor time, after which it is, too."""
SILENT_WHEN_STOPPING = 8.0
"""Seconds without an answer after which a stop does not wait for a worker."""
CHECKPOINT_INTERVAL = 30.0
"""Seconds between two writes of the finished batches of incomplete shards. A power cut or
a kill costs at most this, and the current batches."""
_REPORT_INTERVAL = 30.0
"""Seconds between two reports while the run can only wait."""
_PAUSE = 0.2


class Scheduler:
    """Runs the workers of a pool until every shard of a queue is finished.

    Attributes:
        devices: the devices that workers used, as torch calls them.
        machines: the machines that they ran on, each kind once.
    """

    def __init__(
        self,
        queue: ShardQueue,
        pool: Pool,
        identity: Mapping[str, object],
        on_table: Callable[[pa.Table, int], None],
        log: Callable[[str], None],
    ) -> None:
        """Takes over a pool whose workers are starting.

        Args:
            queue: surveyed.
            pool: just started.
            identity: what every worker must have opened.
            on_table: called with the records and the number of images of each batch.
            log: reports a line to the user.
        """
        self._queue, self._pool, self._identity = queue, pool, identity
        self._on_table, self._log = on_table, log
        self._assigned: dict[int, deque[Shard]] = {}
        self._returned: deque[int] = deque()
        self._losses: Counter[int] = Counter()
        self._early_losses: Counter[int] = Counter()
        self._idle_since = self._checkpointed_at = monotonic()
        self._hosts: dict[int, str] = {}
        self._lost: set[int] = set()
        self._watch = Watch()
        self._suspended: set[int] = set()
        self.devices: set[str] = set()
        self.machines: list[Mapping[str, object]] = []

    def run(self, stop: Stop) -> None:
        """Works until all shards are finished or a stop is requested; writes what is finished.

        Raises:
            DataError, RunError: an error of a worker, or workers are lost repeatedly.
        """
        try:
            while not self._queue.is_done() and not stop.asked:
                self._assign()
                self._receive()
                self._checkpoint_if_due()
            if stop.asked:
                self._finish_batches()
        except BaseException:
            with suppress(Exception):  # the first error is the one to report
                self._queue.checkpoint()
            raise
        self._queue.checkpoint()

    def _assign(self) -> None:
        for worker, shards in self._assigned.items():
            if worker in self._suspended:
                continue
            while len(shards) < SHARDS_AHEAD:
                shard = self._next()
                if shard is None:
                    return
                shards.append(shard)
                self._pool.give(worker, shard)

    def _next(self) -> Shard | None:
        while self._returned:
            number = self._returned.popleft()
            if self._queue.is_open(number):
                return self._queue.rest_of(number)
        return self._queue.take() or self._take_unstarted()

    def _take_unstarted(self) -> Shard | None:
        """A shard that a suspended worker has not started."""
        for worker in self._suspended:
            shards = self._assigned.get(worker, deque())
            if len(shards) > 1:
                return self._queue.rest_of(shards.pop().number)
        return None

    def _receive(self) -> None:
        messages = self._pool.wait()
        self._watch.tick()
        for worker, message in messages:
            self._note_sign(worker, message)
            self._handle(worker, message)
        self._check_workers()
        messages = [each for each in messages if not isinstance(each[1], Alive)]
        if messages or any(self._assigned.values()):
            self._idle_since = monotonic()
        elif not self._queue.is_done():
            self._report_waiting()

    def _handle(self, worker: int, message: Message) -> None:
        if isinstance(message, BatchResult):
            if not self._queue.expects(message):
                return  # another worker has made it meanwhile
            self._queue.add(message)
            self._on_table(message.table, message.images)
            self._losses.pop(message.number, None)
            self._drop_finished()
        elif isinstance(message, Ready):
            self._check(message)
            self.devices.add(message.device)
            if message.machine not in self.machines:
                self.machines.append(message.machine)
            self._assigned[worker] = deque()
            self._hosts[worker] = message.host
            if worker in self._lost:
                self._lost.remove(worker)
                self._log(f"A worker on {message.host} has replaced a lost one.")
            self._early_losses.pop(worker, None)
        elif isinstance(message, LogLine):
            self._log(message.text)
        elif isinstance(message, Lost):
            self._handle_loss(worker, message.why)
        elif isinstance(message, Failed):
            raise message.error from RuntimeError(message.trace)

    def _drop_finished(self) -> None:
        """Removes finished shards from those assigned to workers."""
        for worker, shards in self._assigned.items():
            if not all(self._queue.is_open(shard.number) for shard in shards):
                left = (shard for shard in shards if self._queue.is_open(shard.number))
                self._assigned[worker] = deque(left)

    def _note_sign(self, worker: int, message: Message) -> None:
        if isinstance(message, Alive):
            has_work = worker not in self._assigned or bool(self._assigned[worker])
            self._watch.alive(worker, message.processor, has_work=has_work)
        elif not isinstance(message, Lost):
            self._watch.made_progress(worker)

    def _check_workers(self) -> None:
        """Reports workers that do not answer or stand still, and gives them up in the end."""
        for worker in self._watch.workers():
            silence, standstill = self._watch.silence(worker), self._watch.standstill(worker)
            if silence >= GIVE_UP_SILENT:
                self._handle_loss(worker, f"it has not answered for {silence:.0f} s")
            elif standstill >= GIVE_UP_STANDING:
                self._handle_loss(worker, f"it has made no progress for {standstill:.0f} s")
            elif standstill >= REPORT_AFTER and worker not in self._suspended:
                self._suspended.add(worker)
                self._log(self._report_of(worker, silence >= REPORT_AFTER))
            elif standstill < REPORT_AFTER and worker in self._suspended:
                self._suspended.remove(worker)
                self._log(f"{self._name_of(worker)} continues.")

    def _report_of(self, worker: int, is_silent: bool) -> str:
        what, limit = (
            ("has not answered", GIVE_UP_SILENT)
            if is_silent
            else (
                "answers, but has neither finished a batch nor used its processor",
                GIVE_UP_STANDING,
            )
        )
        return (
            f"{self._name_of(worker)} {what} for {REPORT_AFTER:.0f} s. The shards that it has not "
            f"started go to idle workers; after {limit:.0f} s it is replaced."
        )

    def _name_of(self, worker: int) -> str:
        where = f" on {self._hosts[worker]}" if worker in self._hosts else ""
        return f"Worker {worker + 1}{where}"

    def _check(self, ready: Ready) -> None:
        if ready.identity != self._identity:
            names = [n for n, value in self._identity.items() if ready.identity.get(n) != value]
            raise DataError(
                f"{ready.host}: a worker there has opened other data than this process "
                f"({', '.join(names) or 'its settings'} differ). Every machine must see the same "
                "images, weights and version of wsol_bench under the same paths."
            )

    def _handle_loss(self, worker: int, why: str) -> None:
        self._watch.forget(worker)
        self._suspended.discard(worker)
        if worker not in self._assigned:
            self._early_losses[worker] += 1
            if self._early_losses[worker] >= MAX_LOSSES:
                raise RunError(
                    f"a worker ended {MAX_LOSSES} times before it was ready; the last time: {why}."
                )
        where = f" on {self._hosts.pop(worker)}" if worker in self._hosts else ""
        shards = self._assigned.pop(worker, deque())
        self._returned.extend(shard.number for shard in shards)
        if shards:
            first = self._queue.rest_of(shards[0].number)
            self._losses[first.number] += 1
            if self._losses[first.number] >= MAX_LOSSES:
                raise RunError(
                    f"shard {first.number:05d} ended {MAX_LOSSES} workers in a row, within a batch "
                    f"of image {first.start + 1} of the run; the last{where}: {why}. All "
                    "finished batches are kept. If memory ran out, try a smaller --batch-size or "
                    "fewer --workers."
                )
        self._lost.add(worker)
        self._log(f"Lost a worker{where}: {why}. Its unfinished shards go to others.")
        self._pool.replace(worker)

    def _report_waiting(self) -> None:
        """Pauses, and reports from time to time what the run is waiting for."""
        sleep(_PAUSE)
        if monotonic() - self._idle_since < _REPORT_INTERVAL:
            return
        self._idle_since = monotonic()
        holders = self._queue.holders() if self._assigned else []
        if holders:
            self._log(f"Waiting for the last shards, made by {', '.join(map(str, holders))}.")
        elif not self._assigned:
            self._log(f"No worker is ready yet. {self._pool.waiting_for}")

    def _checkpoint_if_due(self) -> None:
        if monotonic() - self._checkpointed_at >= CHECKPOINT_INTERVAL:
            self._queue.checkpoint()
            self._checkpointed_at = monotonic()

    def _finish_batches(self) -> None:
        self._pool.stop()
        end = monotonic() + STOP_TIMEOUT
        failed: Failed | None = None
        while any(self._assigned.values()) and monotonic() < end:
            messages = self._pool.wait()
            self._watch.tick()
            for worker in self._watch.workers():
                if self._watch.silence(worker) >= SILENT_WHEN_STOPPING:
                    self._assigned.pop(worker, None)
            for worker, message in messages:
                self._note_sign(worker, message)
                if isinstance(message, BatchResult):
                    self._handle(worker, message)
                elif isinstance(message, Stopped | Failed | Lost):
                    self._assigned.pop(worker, None)
                    failed = failed or (message if isinstance(message, Failed) else None)
        if failed:  # after the batches of the others are written
            raise failed.error from RuntimeError(failed.trace)
