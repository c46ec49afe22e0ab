"""The processors and GPUs of this machine, and how local workers share them."""

import os
from collections.abc import Sequence

import torch

from wsol_bench.settings import RunSettings

_ANY_GPU = ("auto", "cuda")
"""Values of `--device` that leave the choice of the GPU open."""


def threads_here(settings: RunSettings) -> int:
    """The number of threads of all workers on this machine together."""
    return settings.threads or processors()


def processors() -> int:
    """The number of processors that this process may use; a job scheduler may limit it."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux has it
        return os.cpu_count() or 1


def gpus_here(settings: RunSettings) -> int:
    """The number of GPUs to spread workers over; 0 if one device was named or none exists."""
    return torch.cuda.device_count() if settings.device in _ANY_GPU else 0


def count_here(settings: RunSettings) -> int:
    """The number of workers; default: 1."""
    return settings.workers or 1


def devices_here(settings: RunSettings, workers: int) -> Sequence[str]:
    """The device of each worker: all GPUs in turn, or the one that was named."""
    gpus = gpus_here(settings)
    if not gpus:
        return [settings.device] * workers
    each = settings.gpus_per_worker or min(1.0, gpus / workers)
    return [f"cuda:{int(worker * each) % gpus}" for worker in range(workers)]
