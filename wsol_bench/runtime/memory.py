"""Reuse of freed memory, collection of garbage, and detection of exhausted memory."""

import gc
import re
import sys

# Names and numbers of glibc's malloc.h.
_TRIM_THRESHOLD = -1
_MMAP_MAX = -4
_NEVER = 2**31 - 1

OUT_OF_MEMORY = (
    "out of memory. Everything finished is kept. Try a smaller --batch-size or fewer --workers, or "
    "raise the limit of this shell (ulimit -v)."
)
_SELDOM = (10_000, 20, 20)
_BY_DEFAULT = gc.get_threshold()
_SAID = re.compile("failed to map segment|[Cc]annot allocate memory|can't allocate memory")
"""Messages of the library loader and of torch when memory is exhausted."""


def keep_freed_memory() -> None:
    """Makes glibc keep freed memory for reuse; on other systems it does nothing.

    A network frees and allocates the same tens of megabytes at every layer. By default,
    glibc returns each large block to the system and maps it again, and the system clears
    every page: a fifth of the time of a pass with gradients on a CPU, and half of the time of
    extracting boxes anew. The peak memory of the process is unchanged.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # not needed by commands that only read records

    malloc = getattr(ctypes.CDLL(None), "mallopt", None)
    if malloc is not None:
        malloc(_MMAP_MAX, 0)
        malloc(_TRIM_THRESHOLD, _NEVER)


def collect_garbage_seldom() -> None:
    """Makes garbage collection rarer, while modules are imported.

    The imports of a run make a million objects and hardly any garbage; looking for it takes
    a seventh of the time until the first batch.
    """
    gc.set_threshold(*_SELDOM)


def collect_garbage_as_usual() -> None:
    """Undoes `collect_garbage_seldom`, before the tensors of many batches can become garbage.

    Thresholds that another program set stay.
    """
    if gc.get_threshold() == _SELDOM:
        gc.set_threshold(*_BY_DEFAULT)


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one of its causes, means that memory is exhausted."""
    while error is not None:
        if isinstance(error, MemoryError) or _SAID.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False
