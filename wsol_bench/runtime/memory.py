"""Reuse of freed memory."""

import ctypes
import sys

# Names and numbers of glibc's malloc.h.
_TRIM_THRESHOLD = -1
_MMAP_MAX = -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """Makes glibc keep freed memory for reuse; on other systems it does nothing.

    A network frees and allocates the same tens of megabytes at every layer. By default,
    glibc returns each large block to the system and maps it again, and the system clears
    every page: a fifth of the time of a pass with gradients on a CPU. The peak memory of
    the process is unchanged.
    """
    if not sys.platform.startswith("linux"):
        return
    malloc = getattr(ctypes.CDLL(None), "mallopt", None)
    if malloc is not None:
        malloc(_MMAP_MAX, 0)
        malloc(_TRIM_THRESHOLD, _NEVER)
