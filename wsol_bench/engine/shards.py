"""The division of a dataset's examples into shards."""

from collections.abc import Sequence
from dataclasses import dataclass

SHARD = 256
"""Images per shard. Boundaries depend on the dataset's order alone, neither on the batch
size nor on the number of workers."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A range of a dataset's examples.

    Attributes:
        number: its index among the shards.
        start, stop: the half-open range of its examples.
    """

    number: int
    start: int
    stop: int

    @property
    def images(self) -> int:
        """The number of examples."""
        return self.stop - self.start


def shards_of(images: int) -> Sequence[Shard]:
    """The shards of a dataset with this number of examples, in order."""
    starts = range(0, images, SHARD)
    return [Shard(n, start, min(start + SHARD, images)) for n, start in enumerate(starts)]
