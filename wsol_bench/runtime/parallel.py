"""Work spread over threads, in order, in memory that does not grow with the work."""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")

_AHEAD = 16
"""Jobs per thread that may wait or be done and not yet asked for."""
_LOW_PRIORITY = 15


def in_threads(work: Callable[[Job], Outcome], jobs: Iterable[Job]) -> Iterator[Outcome]:
    """Does compiled work on one thread per core; gives outcomes in the jobs' order.

    Unlike an executor's own map it takes jobs only as outcomes are asked for.
    """
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
    """Threads that work beside a main one.

    Args:
        threads: how many.
        gives_way: whether to take a core only when the main work leaves one idle, on
            systems where a thread can be told to. A network on a CPU splits each layer
            evenly over the cores and waits for the slowest, so that a thread that took
            one core would halt them all.
    """
    return ThreadPoolExecutor(threads, initializer=_give_way if gives_way else None)


def _give_way() -> None:
    if sys.platform == "linux":  # elsewhere the number would be taken for a process
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOW_PRIORITY)
