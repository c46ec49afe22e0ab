"""Functions compiled by numba, kept on the disk where there is a place to keep them.

numba raises where neither the package's folder nor the user's cache can be written,
where the disk is full, and where a kept file was cut off. To compile anew takes
seconds and is never a reason to end a run.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

from numba import njit
from numba.core.caching import FunctionCache

Function = TypeVar("Function", bound=Callable[..., Any])


class _Kept(FunctionCache):
    """numba's own, for which nothing that goes wrong with a file matters."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        # A file that was cut off raises whatever its unpickling meets.
        with suppress(Exception):
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        with suppress(Exception):
            self.flush()  # type: ignore[no-untyped-call] # else it could never be kept again
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(Exception):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]


def compiled(function: Function) -> Function:
    """Compiles a function at its first call, or takes what an earlier process kept.

    It runs outside the interpreter lock. A function that calls another compiled one
    should lie in the same file: numba looks for changes only there.
    """
    return compiled_with()(function)


def compiled_with(**options: Any) -> Callable[[Function], Function]:
    """`compiled`, with options of numba's njit."""

    def compile_it(function: Function) -> Function:
        # No fastmath: it may assume that no value is NaN and reorder the sums.
        dispatcher: Any = njit(nogil=True, **options)(function)
        with suppress(RuntimeError, OSError):  # there is no place that can be written
            dispatcher._cache = _Kept(function)  # type: ignore[no-untyped-call]
        return cast(Function, dispatcher)

    return compile_it
