"""Gives shards to workers and takes finished batches back, until all is made.

Workers may come late and may be lost at any moment: what a lost worker had in hand
is given to another from the first image that had not come back.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import monotonic, sleep
from typing import Protocol as Interface

import pyarrow as pa

from wsol_bench.engine.messages import Failed, Lost, Message, Part, Ready, Said, Stopped
from wsol_bench.engine.shard_queue import Ledger
from wsol_bench.engine.shards import Shard
from wsol_bench.errors import DataError, RunError
from wsol_bench.runtime.interrupt import Stop

AHEAD = 2
"""Shards that a worker has in hand, so that it need not wait for the next."""
LOSSES = 3
"""Workers that may be lost at the same batch, or before they are ready, in a row."""
GRACE = 60.0
"""Seconds for workers to finish the batch in hand, before they are given up."""
KEEP = 30.0
"""Seconds between two writings of what is finished of shards that are not whole: what a
power cut or a kill can cost at most, beside the batches in hand."""
_PATIENCE = 30.0
"""Seconds without a worker, or with other processes' shards only, between two lines."""
_PAUSE = 0.2


class Pool(Interface):
    """Workers, numbered from 0."""

    def give(self, worker: int, shard: Shard) -> None:
        """Puts a shard, or the rest of one, into a worker's inbox."""
        ...

    def wait(self) -> Sequence[tuple[int, Message]]:
        """What workers say; waits a fraction of a second at most if they do not."""
        ...

    def replace(self, worker: int) -> None:
        """Starts another in place of one that was lost."""
        ...

    def stop(self) -> None:
        """Asks all to finish the batch in hand and no more."""
        ...

    @property
    def lacking(self) -> str:
        """What the workers that have not started wait for, for a message."""
        ...


class Drive:
    """One run's way from missing shards to whole ones.

    Attributes:
        devices: on which workers ran, as torch calls them.
        machines: where they ran, each kind once.
    """

    def __init__(
        self,
        ledger: Ledger,
        pool: Pool,
        identity: Mapping[str, object],
        on_table: Callable[[pa.Table, int], None],
        say: Callable[[str], None],
    ) -> None:
        """Nobody is ready yet.

        Args:
            ledger: surveyed.
            pool: just started.
            identity: what every worker must have opened.
            on_table: called with each batch's records and number of images.
            say: tells the user a line.
        """
        self._ledger, self._pool, self._identity = ledger, pool, identity
        self._on_table, self._say = on_table, say
        self._in_hand: dict[int, deque[Shard]] = {}
        self._returned: deque[int] = deque()
        self._losses: Counter[int] = Counter()
        self._early_losses: Counter[int] = Counter()
        self._quiet_since = self._kept_at = monotonic()
        self._places: dict[int, str] = {}
        self._lost: set[int] = set()
        self.devices: set[str] = set()
        self.machines: list[Mapping[str, object]] = []

    def run(self, stop: Stop) -> None:
        """Works until all is made or a stop is asked for, and keeps what is finished.

        Raises:
            DataError, RunError: of a worker; or workers are lost again and again.
        """
        try:
            while not self._ledger.is_done() and not stop.asked:
                self._feed()
                self._listen()
                self._keep_now_and_then()
            if stop.asked:
                self._finish_batches()
        except BaseException:
            with suppress(Exception):  # the first error is the one to tell
                self._ledger.keep()
            raise
        self._ledger.keep()

    def _feed(self) -> None:
        for worker, shards in self._in_hand.items():
            while len(shards) < AHEAD:
                shard = self._next()
                if shard is None:
                    return
                shards.append(shard)
                self._pool.give(worker, shard)

    def _next(self) -> Shard | None:
        if self._returned:
            return self._ledger.rest_of(self._returned.popleft())
        return self._ledger.take()

    def _listen(self) -> None:
        said = self._pool.wait()
        for worker, message in said:
            self._hear(worker, message)
        if said or any(self._in_hand.values()):
            self._quiet_since = monotonic()
        elif not self._ledger.is_done():
            self._be_patient()

    def _hear(self, worker: int, message: Message) -> None:
        if isinstance(message, Part):
            self._ledger.add(message)
            self._on_table(message.table, message.images)
            self._losses.pop(message.number, None)
            self._drop_done(worker)
        elif isinstance(message, Ready):
            self._check(message)
            self.devices.add(message.device)
            if message.machine not in self.machines:
                self.machines.append(message.machine)
            self._in_hand[worker] = deque()
            self._places[worker] = message.place
            if worker in self._lost:
                self._lost.remove(worker)
                self._say(f"A worker on {message.place} has taken the place of a lost one.")
            self._early_losses.pop(worker, None)
        elif isinstance(message, Said):
            self._say(message.text)
        elif isinstance(message, Lost):
            self._lose(worker, message.why)
        elif isinstance(message, Failed):
            raise message.error from RuntimeError(message.trace)

    def _drop_done(self, worker: int) -> None:
        """Takes shards that are whole from what a worker has in hand."""
        shards = self._in_hand[worker]
        while shards and not self._ledger.is_open(shards[0].number):
            shards.popleft()

    def _check(self, ready: Ready) -> None:
        if ready.identity != self._identity:
            names = [n for n, value in self._identity.items() if ready.identity.get(n) != value]
            raise DataError(
                f"{ready.place}: a worker there opened something else than this process "
                f"({', '.join(names) or 'its settings'} differ). Every machine must see the same "
                "images, weights and version of wsol_bench under the same paths."
            )

    def _lose(self, worker: int, why: str) -> None:
        if worker not in self._in_hand:
            self._early_losses[worker] += 1
            if self._early_losses[worker] >= LOSSES:
                raise RunError(
                    f"a worker ended {LOSSES} times before it was ready; the last time: {why}."
                )
        where = f" on {self._places.pop(worker)}" if worker in self._places else ""
        shards = self._in_hand.pop(worker, deque())
        self._returned.extend(shard.number for shard in shards)
        if shards:
            first = self._ledger.rest_of(shards[0].number)
            self._losses[first.number] += 1
            if self._losses[first.number] >= LOSSES:
                raise RunError(
                    f"shard {first.number:05d} ended {LOSSES} workers in a row, within a batch of "
                    f"image {first.start + 1} of the run; the last{where}: {why}. What is finished "
                    "is kept. Try a smaller --batch-size or fewer --workers, if memory ran out."
                )
        self._lost.add(worker)
        self._say(f"Lost a worker{where}: {why}. What it had in hand goes to others.")
        self._pool.replace(worker)

    def _be_patient(self) -> None:
        """Nothing can be done but wait; says for what, now and then."""
        sleep(_PAUSE)
        if monotonic() - self._quiet_since < _PATIENCE:
            return
        self._quiet_since = monotonic()
        holders = self._ledger.holders() if self._in_hand else []
        if holders:
            self._say(f"Waiting for the last shards, made by {', '.join(map(str, holders))}.")
        elif not self._in_hand:
            self._say(f"No worker is ready yet. {self._pool.lacking}")

    def _keep_now_and_then(self) -> None:
        if monotonic() - self._kept_at >= KEEP:
            self._ledger.keep()
            self._kept_at = monotonic()

    def _finish_batches(self) -> None:
        self._pool.stop()
        end = monotonic() + GRACE
        failed: Failed | None = None
        while any(self._in_hand.values()) and monotonic() < end:
            for worker, message in self._pool.wait():
                if isinstance(message, Part):
                    self._hear(worker, message)
                elif isinstance(message, Stopped | Failed | Lost):
                    self._in_hand.pop(worker, None)
                    failed = failed or (message if isinstance(message, Failed) else None)
        if failed:  # after the others' batches are kept
            raise failed.error from RuntimeError(failed.trace)
