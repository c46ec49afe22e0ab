"""The resources of each worker in a Ray cluster."""

from dataclasses import dataclass
from typing import Any

from wsol_bench.settings import RunSettings


@dataclass(frozen=True, slots=True)
class Share:
    """The resources to request from Ray.

    Attributes:
        workers: the number of actors.
        threads: the CPUs of each.
        gpus: the GPUs of each, possibly a fraction.
        device: as torch calls it, on the worker's machine.
    """

    workers: int
    threads: int
    gpus: float
    device: str


def share_of(ray: Any, settings: RunSettings) -> Share:
    """The resources from the settings; default: derived from the machines in the cluster.

    With GPUs, each worker gets one and a share of the CPUs: that of the machine with the
    fewest CPUs per GPU. Without GPUs, each worker gets a whole machine.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    with_gpus = [node for node in nodes if node.get("GPU")]
    gpus = settings.gpus_per_worker
    if gpus is None:
        gpus = 1.0 if with_gpus and settings.device != "cpu" else 0.0
    if gpus:
        capacity = [int(node["GPU"] / gpus) for node in with_gpus]
        threads = [int(node.get("CPU", 1) * gpus / node["GPU"]) for node in with_gpus]
        workers = settings.workers or max(1, sum(capacity))
        return Share(
            workers, settings.threads or max(1, min(threads, default=1)), gpus, settings.device
        )
    device = "cpu" if settings.device == "auto" else settings.device
    processors = [int(node["CPU"]) for node in nodes if node.get("CPU")] or [1]
    if settings.workers:
        fair = max(1, sum(processors) // settings.workers)
        threads_each = settings.threads or min(fair, *processors)
        return Share(settings.workers, threads_each, 0.0, device)
    threads_each = settings.threads or min(processors)
    workers = max(1, sum(count // threads_each for count in processors))
    return Share(workers, threads_each, 0.0, device)
