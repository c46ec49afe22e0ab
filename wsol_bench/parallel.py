"""Work spread over threads, in order, in memory that does not grow with the work."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")

_AHEAD = 16
"""Jobs per thread that may wait or be done and not yet asked for."""


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
