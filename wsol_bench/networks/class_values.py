"""Values of single images that cost passes of their own, such as maps of many passes."""

from collections.abc import Callable, Hashable, Sequence
from time import monotonic

from torch import Tensor

MakeValues = Callable[[int, list[int]], Sequence[Tensor]]
"""(index of the image, classes) -> one value for each of the classes."""

_SECONDS_BETWEEN_REPORTS = 20.0


class ClassValues:
    """Values of the images of one pass, made once per image for all classes expected of it."""

    def __init__(
        self,
        expected: Sequence[Sequence[int]],
        report: Callable[[str], None] | None = None,
    ) -> None:
        """Begins without a value.

        Args:
            expected: the classes that each of n images will be asked for.
            report: called now and then with how far `of` is.
        """
        self._expected = tuple(map(frozenset, expected))
        self._made: dict[Hashable, tuple[dict[int, Tensor], ...]] = {}
        self._report = report
        self._reported = monotonic()

    def of(
        self, key: tuple[Hashable, ...], classes: Sequence[int], make: MakeValues
    ) -> list[Tensor]:
        """Each image's value for its class; see `Forward.for_classes`."""
        made = self._made.setdefault(key, tuple({} for _ in self._expected))
        values = []
        for index, (label, found) in enumerate(zip(classes, made, strict=True)):
            if label not in found:
                labels = sorted({label, *self._expected[index]} - set(found))
                found.update(zip(labels, make(index, labels), strict=True))
                self._say(f"{key[0]}: {index + 1} of {len(made)} inputs of this batch")
            values.append(found[label])
        return values

    def _say(self, line: str) -> None:
        now = monotonic()
        if self._report is not None and now - self._reported >= _SECONDS_BETWEEN_REPORTS:
            self._reported = now
            self._report(line)
