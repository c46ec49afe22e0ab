"""The engines that can do the work of a run: `--engine`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

from wsol_bench.engine.in_process import InProcess
from wsol_bench.engine.messages import Job, OpenedJob
from wsol_bench.engine.pool import Pool
from wsol_bench.engine.ray_pool import RayPool, cluster
from wsol_bench.engine.ray_share import share_of
from wsol_bench.engine.resources import count_here, devices_here, gpus_here, threads_here
from wsol_bench.engine.subprocess_pool import SubprocessPool
from wsol_bench.errors import UsageError
from wsol_bench.runtime.interrupt import Stop
from wsol_bench.settings import RunSettings


@dataclass(frozen=True, slots=True)
class Plan:
    """The work of one network.

    Attributes:
        settings: those of the network.
        open: opens a worker's network and images from settings; can be pickled.
        opened: the same, opened in this process.
        shards: the number of missing shards.
        report: shows the user a line at once.
    """

    settings: RunSettings
    open: Callable[[RunSettings], OpenedJob]
    opened: OpenedJob
    shards: int
    report: Callable[[str], None]

    def job(self, threads: int, device: str) -> Job:
        """Returns the job of one worker."""
        settings = replace(self.settings, device=device)
        return Job(partial(self.open, settings), settings.batch_size, threads)


@dataclass(frozen=True, slots=True)
class Engine:
    """An entry of `ENGINES`.

    Attributes:
        description: one line for the help.
        works_here: whether this process does the work itself and therefore needs the device.
        check: validates the settings; raises UsageError.
        open: (plan, stop) -> a context with the worker pool, which it shuts down.
    """

    description: str
    works_here: Callable[[RunSettings], bool]
    check: Callable[[RunSettings], None]
    open: Callable[[Plan, Stop], AbstractContextManager[Pool]]


@contextmanager
def _open_local(plan: Plan, stop: Stop) -> Iterator[Pool]:
    settings = plan.settings
    if _is_alone(settings):
        own = InProcess(plan.job(threads_here(settings), settings.device), plan.opened, plan.report)
        try:
            yield own
        finally:
            own.close()
        return
    count = min(count_here(settings), plan.shards)
    threads = max(1, threads_here(settings) // count)
    pool = SubprocessPool([plan.job(threads, device) for device in devices_here(settings, count)])
    try:
        with stop.at_once(pool.kill):
            yield pool
    finally:
        pool.close()


@contextmanager
def _open_ray(plan: Plan, stop: Stop) -> Iterator[Pool]:
    with cluster(plan.settings.ray_address) as ray:
        share = share_of(ray, plan.settings)
        job = plan.job(share.threads, share.device)
        pool = RayPool(ray, job, min(share.workers, plan.shards), share.gpus)
        try:
            yield pool
        finally:
            pool.close()


def _is_alone(settings: RunSettings) -> bool:
    return count_here(settings) == 1


def _check_local(settings: RunSettings) -> None:
    _check(settings)
    if settings.ray_address is not None:
        raise UsageError("--ray-address: needs --engine ray.")
    if settings.gpus_per_worker and not gpus_here(settings):
        raise UsageError(
            f"--gpus-per-worker {settings.gpus_per_worker:g}: --device {settings.device} has no "
            "GPUs to share here. Leave the flag out."
        )


def _check(settings: RunSettings) -> None:
    if settings.workers is not None and settings.workers < 1:
        raise UsageError(f"--workers {settings.workers}: expected 1 or more.")
    gpus = settings.gpus_per_worker
    if gpus is not None and not 0 <= gpus <= 1:
        raise UsageError(
            f"--gpus-per-worker {gpus:g}: expected 0 to 1; a network runs on one GPU, and a "
            "fraction lets several share one."
        )


ENGINES: Mapping[str, Engine] = MappingProxyType(
    {
        "local": Engine("this machine", _is_alone, _check_local, _open_local),
        "ray": Engine("a Ray cluster", lambda settings: False, _check, _open_ray),
    }
)
"""The choices of `--engine`."""
