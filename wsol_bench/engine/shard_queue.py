"""The shards of a run: finished, in progress and missing."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

import numpy as np
import pyarrow as pa

from wsol_bench.engine.leases import Leases
from wsol_bench.engine.messages import BatchResult
from wsol_bench.engine.shards import Shard
from wsol_bench.records.shard_files import ShardFiles, ShardState
from wsol_bench.records.table import Maps
from wsol_bench.runtime.process_owner import Owner

_RETRY_INTERVAL = 1.0
"""Seconds between two checks of shards that other processes are making."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The state of a run's folder at the start of a session.

    Attributes:
        whole: the finished shards.
        begun: shard -> the number of its images that are finished.
        damaged: the shards with files that cannot be decoded.
    """

    whole: frozenset[int]
    begun: Mapping[int, int]
    damaged: tuple[int, ...]

    def images(self, shards: Sequence[Shard]) -> int:
        """The number of finished images."""
        whole = sum(shard.images for shard in shards if shard.number in self.whole)
        return whole + sum(self.begun.values())


@dataclass(slots=True)
class _OpenShard:
    """A shard in progress: its finished batches, in order."""

    shard: Shard
    tables: list[pa.Table] = field(default_factory=list)
    maps: list[Maps] = field(default_factory=list)
    images: int = 0
    kept: int = 0

    def add(self, table: pa.Table, maps: Maps, images: int) -> None:
        self.tables.append(table)
        self.maps.append(maps)
        self.images += images

    @property
    def is_complete(self) -> bool:
        return self.images == self.shard.images

    def joined(self) -> tuple[pa.Table, Maps]:
        maps = {m: np.concatenate([each[m] for each in self.maps]) for m in self.maps[0]}
        return pa.concat_tables(self.tables), maps


class ShardQueue:
    """Hands out missing shards and writes finished ones."""

    def __init__(
        self,
        shards: Sequence[Shard],
        files: ShardFiles,
        leases: Leases,
    ) -> None:
        """Starts with every shard missing; `survey` reads the folder.

        Args:
            shards: all shards of the run.
            files: their files.
            leases: those of this process.
        """
        self.shards, self._files, self._leases = shards, files, leases
        self._left: deque[Shard] = deque(shards)
        self._open: dict[int, _OpenShard] = {}
        self._damaged: set[int] = set()
        self._next_check = 0.0
        self.on_finished_elsewhere: Callable[[int], None] = lambda images: None

    def survey(self) -> Survey:
        """Reads all files; afterwards only missing shards are handed out.

        Raises:
            DataError: the records were written by another version.
        """
        states = {shard.number: self._state(shard) for shard in self.shards}
        whole = frozenset(n for n, state in states.items() if state is ShardState.WHOLE)
        self._damaged = {n for n, state in states.items() if state is ShardState.DAMAGED}
        self._left = deque(shard for shard in self.shards if shard.number not in whole)
        begun, bad = {}, set(self._damaged)
        missing = {shard.number: shard for shard in self._left}
        for number in self._files.partial.numbers():
            if number in missing and (images := self._part_of(missing[number]).images):
                begun[number] = images
            else:  # damaged, or another process has finished its shard meanwhile
                if number in missing and not self._was_finished(number):
                    bad.add(number)
                self._files.partial.remove(number)
        return Survey(whole, begun, tuple(sorted(bad)))

    def is_done(self) -> bool:
        """Whether every shard is finished."""
        return not self._left and not self._open

    def take(self) -> Shard | None:
        """Leases a missing shard and returns its unfinished range.

        Returns:
            None if all shards are finished or in progress, here or in another process.

        Raises:
            DataError: a lease cannot be written.
        """
        if monotonic() < self._next_check:
            return None
        for _ in range(len(self._left)):
            shard = self._left.popleft()
            if self._is_finished(shard):
                self.on_finished_elsewhere(shard.images)
            elif not self._leases.acquire(shard.number):
                self._left.append(shard)
            elif self._is_finished(shard):  # between the check and the lease
                self._leases.release(shard.number)
                self.on_finished_elsewhere(shard.images)
            else:
                progress = self._open[shard.number] = self._part_of(shard)
                if not progress.is_complete:
                    return self.rest_of(shard.number)
                self._write(progress)  # which had failed, in an earlier session
        self._left = deque(sorted(self._left, key=lambda shard: shard.number))
        self._next_check = monotonic() + _RETRY_INTERVAL
        return None

    def is_open(self, number: int) -> bool:
        """Whether a shard was taken and is not finished."""
        return number in self._open

    def rest_of(self, number: int) -> Shard:
        """The unfinished range of a shard that was taken."""
        progress = self._open[number]
        return replace(progress.shard, start=progress.shard.start + progress.images)

    def expects(self, batch: BatchResult) -> bool:
        """Whether a batch is the next one of a shard in progress."""
        return self.is_open(batch.number) and self.rest_of(batch.number).start == batch.start

    def add(self, batch: BatchResult) -> None:
        """Adds a finished batch; writes its shard when that is complete.

        Raises:
            DataError: the shard cannot be written.
        """
        progress = self._open[batch.number]
        progress.add(batch.table, batch.maps, batch.images)
        if progress.is_complete:
            self._write(progress)

    def _write(self, progress: _OpenShard) -> None:
        """Writes a complete shard; its partial files are removed once it is written."""
        number = progress.shard.number
        self._files.write(number, *progress.joined())
        del self._open[number]
        self._files.partial.remove(number)
        self._leases.release(number)

    def checkpoint(self) -> None:
        """Writes the finished batches of incomplete shards.

        Raises:
            DataError: one cannot be written.
        """
        for number, progress in self._open.items():
            if progress.images > progress.kept:
                self._files.partial.write(number, *progress.joined())
                progress.kept = progress.images

    def holders(self) -> list[Owner]:
        """The other processes that hold leases on missing shards, as far as is known."""
        owners = (self._leases.holder(shard.number) for shard in self._left)
        return sorted({owner for owner in owners if owner and not owner.is_gone()}, key=str)

    def _is_finished(self, shard: Shard) -> bool:
        if shard.number in self._damaged:
            return self._state(shard) is ShardState.WHOLE
        return self._files.has(shard.number)

    def _was_finished(self, number: int) -> bool:
        """Whether another process has just finished a shard and removed its partial files."""
        finished = number not in self._damaged and self._files.has(number)
        return finished or not self._files.partial.has(number)

    def _state(self, shard: Shard) -> ShardState:
        return self._files.state_of(shard.number)

    def _part_of(self, shard: Shard) -> _OpenShard:
        """A shard with the batches of its partial files; empty if these cannot be used."""
        progress = _OpenShard(shard)
        kept = self._files.partial.read(shard.number)
        if kept is None:
            return progress
        table, maps = kept
        images, over = divmod(len(table), len(self._files.rows))
        if over or not 0 < images <= shard.images or any(len(a) < images for a in maps.values()):
            return progress
        progress.add(table, {method: array[:images] for method, array in maps.items()}, images)
        progress.kept = images
        return progress
