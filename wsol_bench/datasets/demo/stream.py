"""Random numbers that stay the same across machines and numpy versions.

numpy promises that a bit generator's raw stream never changes (NEP 19), but not
what `Generator` makes of it. So only raw 64-bit words are taken from numpy; what
they become is written out here, in plain arithmetic.
"""

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")

BYTES_PER_NORMAL = 4
BYTE_SUM_MEAN = BYTES_PER_NORMAL * 255 / 2
BYTE_SUM_SPREAD = math.sqrt(BYTES_PER_NORMAL * (256**2 - 1) / 12)


class Stream:
    """A sequence of random numbers that a key determines.

    Args:
        key: non-negative integers or names. Streams of different keys are
            independent of each other.
    """

    def __init__(self, *key: int | str) -> None:
        words = [word if isinstance(word, int) else _number_of(word) for word in key]
        self._bits = np.random.PCG64(np.random.SeedSequence(words))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """One number in [low, high)."""
        return low + (high - low) * (int(self._bits.random_raw()) >> 11) * 2.0**-53

    def normal(self, mean: float = 0.0, spread: float = 1.0) -> float:
        """One number of a normal distribution (Box and Muller 1958)."""
        radius = math.sqrt(-2.0 * math.log(1.0 - self.uniform()))
        return mean + spread * radius * math.cos(2.0 * math.pi * self.uniform())

    def below(self, end: int) -> int:
        """One integer in 0..end-1."""
        return int(self.uniform(0.0, end))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.uniform() < probability

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items, all equally likely."""
        return items[self.below(len(items))]

    def pick_weighted(self, weights: Sequence[float]) -> int:
        """An index, with probability proportional to its weight."""
        place = self.uniform(0.0, sum(weights))
        for index, weight in enumerate(weights):
            place -= weight
            if place < 0.0:
                return index
        return len(weights) - 1

    def permutation(self, count: int) -> list[int]:
        """The integers 0..count-1 in random order."""
        return [int(place) for place in np.argsort(self.uniforms(count), kind="stable")]

    def uniforms(self, count: int) -> NDArray[np.float64]:
        """(count,) numbers in [0, 1)."""
        words = np.asarray(self._bits.random_raw(count), dtype=np.uint64)
        return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normals(self, height: int, width: int) -> NDArray[np.float32]:
        """(height, width) numbers of mean 0 and spread 1, nearly normal.

        Each is a sum of four random bytes, which ends at 3.5 spreads: enough for
        noise in a picture, and several times as fast as exact normal numbers.
        """
        count = height * width
        words = np.asarray(self._bits.random_raw((count + 1) // 2)).astype("<u8")
        quads = words.view(np.uint8).reshape(-1, BYTES_PER_NORMAL)  # (>= count, 4)
        total = quads[:, 0].astype(np.float32)
        for place in range(1, BYTES_PER_NORMAL):
            total += quads[:, place]
        total -= np.float32(BYTE_SUM_MEAN)
        total *= np.float32(1.0 / BYTE_SUM_SPREAD)
        return total[:count].reshape(height, width)


def _number_of(name: str) -> int:
    # Python's own hash of a string differs from process to process.
    return int.from_bytes(name.encode(), "big")
