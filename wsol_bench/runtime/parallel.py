"""Ordered work in threads, with bounded memory."""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from wsol_bench.runtime.memory import keep_freed_memory

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")

_AHEAD = 16
"""Jobs per thread that may be pending or finished before their outcomes are consumed."""
_LOW_PRIORITY = 15


def in_threads(work: Callable[[Job], Outcome], jobs: Iterable[Job]) -> Iterator[Outcome]:
    """Runs work that releases the interpreter lock on one thread per core; keeps the order.

    Unlike an executor's `map` it takes jobs only as outcomes are consumed. Freed memory is kept
    for the next job: upsampled maps are large enough to be returned to the system otherwise.
    """
    keep_freed_memory()
    threads = os.cpu_count() or 1
    waiting: deque[Future[Outcome]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for job in jobs:
            waiting.append(pool.submit(work, job))
            if len(waiting) >= threads * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def side_pool(threads: int, *, gives_way: bool) -> ThreadPoolExecutor:
    """Threads that work beside the main thread.

    Args:
        threads: the number of threads.
        gives_way: whether they run at low priority, on systems that have one per thread.
            A network on a CPU splits each layer evenly over the cores and waits for the
            slowest, so a thread that took one core would stall all of them.
    """
    return ThreadPoolExecutor(threads, initializer=_give_way if gives_way else None)


def _give_way() -> None:
    if sys.platform == "linux":  # on other systems the number would name a process
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOW_PRIORITY)
