"""This machine's processors and GPUs, and how local workers share them."""

import os
from collections.abc import Sequence

import torch

from wsol_bench.settings import RunSettings

_ANY_GPU = ("auto", "cuda")
"""What a user writes for a GPU without saying which."""


def threads_here(settings: RunSettings) -> int:
    """Threads for all workers of this machine together."""
    return settings.threads or processors()


def processors() -> int:
    """Those that this process may use, which a scheduler may have made fewer."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux has it
        return os.cpu_count() or 1


def gpus_here(settings: RunSettings) -> int:
    """The GPUs that workers can be spread over; 0 where the device is given or has none."""
    return torch.cuda.device_count() if settings.device in _ANY_GPU else 0


def count_here(settings: RunSettings) -> int:
    """How many workers; one where none are asked for."""
    return settings.workers or 1


def devices_here(settings: RunSettings, workers: int) -> Sequence[str]:
    """The device of each worker: GPUs in turn, or the one device that was given."""
    gpus = gpus_here(settings)
    if not gpus:
        return [settings.device] * workers
    each = settings.gpus_per_worker or min(1.0, gpus / workers)
    return [f"cuda:{int(worker * each) % gpus}" for worker in range(workers)]
