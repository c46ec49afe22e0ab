"""What of a run is made, what is being made, and what is left."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

import numpy as np
import pyarrow as pa

from wsol_bench.engine.claims import Claims
from wsol_bench.engine.messages import Part
from wsol_bench.engine.shards import Shard
from wsol_bench.records.shard_files import Maps, ShardFiles, ShardState
from wsol_bench.runtime.process_owner import Owner

_PAUSE = 1.0
"""Seconds after which shards that others are making are looked at again."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a run's folder holds at the beginning.

    Attributes:
        whole: the shards that are there.
        begun: shard -> how many of its images are there.
        damaged: the shards of which something is there that cannot be used.
    """

    whole: frozenset[int]
    begun: Mapping[int, int]
    damaged: tuple[int, ...]

    def images(self, shards: Sequence[Shard]) -> int:
        """How many images need not be done again."""
        whole = sum(shard.images for shard in shards if shard.number in self.whole)
        return whole + sum(self.begun.values())


@dataclass(slots=True)
class _Gathered:
    """The finished batches of a shard, in order."""

    shard: Shard
    tables: list[pa.Table] = field(default_factory=list)
    maps: list[Maps] = field(default_factory=list)
    images: int = 0
    kept: int = 0

    def add(self, table: pa.Table, maps: Maps, images: int) -> None:
        self.tables.append(table)
        self.maps.append(maps)
        self.images += images

    def joined(self) -> tuple[pa.Table, Maps]:
        maps = {m: np.concatenate([each[m] for each in self.maps]) for m in self.maps[0]}
        return pa.concat_tables(self.tables), maps


class Ledger:
    """Hands out the shards that are missing and writes those that are done."""

    def __init__(
        self,
        shards: Sequence[Shard],
        files: ShardFiles,
        claims: Claims,
        methods: int,
        kept: Iterable[str],
    ) -> None:
        """Looks at nothing yet.

        Args:
            shards: all of the run.
            files: where they are kept.
            claims: of this process.
            methods: how many records an image has.
            kept: the methods whose maps are kept.
        """
        self.shards, self._files, self._claims = shards, files, claims
        self._methods, self._kept = methods, tuple(kept)
        self._left: deque[Shard] = deque(shards)
        self._open: dict[int, _Gathered] = {}
        self._damaged: set[int] = set()
        self._look_again = 0.0
        self.on_made_elsewhere: Callable[[int], None] = lambda images: None

    def survey(self) -> Found:
        """Reads all that is there, and leaves only what is missing to be handed out.

        Raises:
            DataError: the records are of another version.
        """
        states = {shard.number: self._state(shard) for shard in self.shards}
        whole = frozenset(n for n, state in states.items() if state is ShardState.WHOLE)
        self._damaged = {n for n, state in states.items() if state is ShardState.DAMAGED}
        self._left = deque(shard for shard in self.shards if shard.number not in whole)
        begun, bad = {}, set(self._damaged)
        missing = {shard.number: shard for shard in self._left}
        for number in self._files.parts():
            if number in missing and (images := self._part_of(missing[number]).images):
                begun[number] = images
            else:  # damaged, or of a shard that another process has made meanwhile
                if number in missing and not self._was_finished(number):
                    bad.add(number)
                self._files.remove_part(number, self._kept)
        return Found(whole, begun, tuple(sorted(bad)))

    def is_done(self) -> bool:
        """Whether every shard is there."""
        return not self._left and not self._open

    def take(self) -> Shard | None:
        """Claims a shard that is missing; gives what of it is to be done.

        Returns:
            None where all are made, or being made by other processes.

        Raises:
            DataError: a claim cannot be written.
        """
        if monotonic() < self._look_again:
            return None
        for _ in range(len(self._left)):
            shard = self._left.popleft()
            if self._is_made(shard):
                self.on_made_elsewhere(shard.images)
            elif not self._claims.take(shard.number):
                self._left.append(shard)
            elif self._is_made(shard):  # between the look and the claim
                self._claims.release(shard.number)
                self.on_made_elsewhere(shard.images)
            else:
                self._open[shard.number] = self._part_of(shard)
                return self.rest_of(shard.number)
        self._left = deque(sorted(self._left, key=lambda shard: shard.number))
        self._look_again = monotonic() + _PAUSE
        return None

    def is_open(self, number: int) -> bool:
        """Whether a shard was taken and is not whole yet."""
        return number in self._open

    def rest_of(self, number: int) -> Shard:
        """What of a shard that was taken is still to be done."""
        gathered = self._open[number]
        return replace(gathered.shard, start=gathered.shard.start + gathered.images)

    def add(self, part: Part) -> None:
        """Takes in a batch; writes its shard when that is whole.

        Raises:
            DataError: the shard cannot be written.
        """
        gathered = self._open[part.number]
        gathered.add(part.table, part.maps, part.images)
        if gathered.images == gathered.shard.images:
            self._files.write(part.number, *gathered.joined())
            del self._open[part.number]
            self._files.remove_part(part.number, self._kept)
            self._claims.release(part.number)

    def keep(self) -> None:
        """Writes the beginnings of the shards that are not whole.

        Raises:
            DataError: one cannot be written.
        """
        for number, gathered in self._open.items():
            if gathered.images > gathered.kept:
                self._files.write_part(number, *gathered.joined())
                gathered.kept = gathered.images

    def holders(self) -> list[Owner]:
        """The other processes that are making what is left, as far as one can tell."""
        owners = (self._claims.holder(shard.number) for shard in self._left)
        return sorted({owner for owner in owners if owner and not owner.is_gone()}, key=str)

    def _is_made(self, shard: Shard) -> bool:
        if shard.number in self._damaged:
            return self._state(shard) is ShardState.WHOLE
        return self._files.has(shard.number)

    def _was_finished(self, number: int) -> bool:
        """Whether another process has just made a shard and removed its beginning."""
        made = number not in self._damaged and self._files.has(number)
        return made or not self._files.has_part(number)

    def _state(self, shard: Shard) -> ShardState:
        return self._files.state_of(shard.number, shard.images, self._methods, self._kept)

    def _part_of(self, shard: Shard) -> _Gathered:
        """The beginning of a shard as it was kept; nothing where that cannot be used."""
        gathered = _Gathered(shard)
        kept = self._files.read_part(shard.number, self._kept)
        if kept is None:
            return gathered
        table, maps = kept
        images, over = divmod(len(table), self._methods)
        if over or not 0 < images < shard.images or any(len(a) < images for a in maps.values()):
            return gathered
        gathered.add(table, {method: array[:images] for method, array in maps.items()}, images)
        gathered.kept = images
        return gathered
