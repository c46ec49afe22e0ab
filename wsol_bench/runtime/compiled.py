"""Functions compiled by numba and cached on disk if a cache folder is available.

numba raises if neither the package's folder nor the user's cache is writable, if the disk
is full, and if a cached file is truncated. Compiling again takes seconds, so none of these
ends a run.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

from numba import njit
from numba.core.caching import FunctionCache

Function = TypeVar("Function", bound=Callable[..., Any])


class _Cache(FunctionCache):
    """numba's cache, but every error of its files is ignored."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        # Unpickling a truncated file may raise any exception.
        with suppress(Exception):
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        with suppress(Exception):
            self.flush()  # type: ignore[no-untyped-call] # else nothing could be cached again
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(Exception):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]


def compiled(function: Function) -> Function:
    """Compiles a function at its first call, or loads it from the cache.

    Compiled functions release the interpreter lock. One that calls another must be in the
    same file, the only one that numba checks for changes.
    """
    return compiled_with()(function)


def compiled_with(**options: Any) -> Callable[[Function], Function]:
    """`compiled`, with options of numba's njit."""

    def compile_it(function: Function) -> Function:
        # No fastmath: it may assume that no value is NaN and reorder the sums.
        dispatcher: Any = njit(nogil=True, **options)(function)
        with suppress(RuntimeError, OSError):  # no cache folder is writable
            dispatcher._cache = _Cache(function)  # type: ignore[no-untyped-call]
        return cast(Function, dispatcher)

    return compile_it
