"""How the examples of a dataset are cut into shards."""

from collections.abc import Sequence
from dataclasses import dataclass

SHARD = 256
"""Images per shard. Cut by the dataset's index alone, so that neither the batch
size nor the number of workers moves a boundary."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A range of a dataset's examples.

    Attributes:
        number: its place among the shards.
        start, stop: half-open, among the examples.
    """

    number: int
    start: int
    stop: int

    @property
    def images(self) -> int:
        """How many examples it has."""
        return self.stop - self.start


def shards_of(images: int) -> Sequence[Shard]:
    """So many examples cut into shards, in order."""
    starts = range(0, images, SHARD)
    return [Shard(n, start, min(start + SHARD, images)) for n, start in enumerate(starts)]
