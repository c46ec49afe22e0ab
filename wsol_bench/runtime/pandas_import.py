"""Keeps pandas from being imported where none of its objects occurs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_pandas() -> Iterator[None]:
    """Makes pandas seem not installed, unless it is imported already.

    At its first conversion pyarrow imports pandas (0.35 s) in order to recognise pandas' objects,
    and does without where it is not installed. The commands on finished runs have no such objects.
    pyarrow does not ask again, so this is for a process that ends with its command.
    """
    if "pandas" in sys.modules:
        yield
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _NoPandas:
    """A finder of modules that ends the search for pandas."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Leaves every other module to the next finder."""
        if name == "pandas":
            raise ModuleNotFoundError(f"{name} is kept out of this command", name=name)
