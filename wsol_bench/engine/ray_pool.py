"""Workers that are Ray actors, on this machine or on many.

Ray Core's actors, not Ray Data: see DESIGN. An actor that is lost is not restarted by
Ray but replaced here, because only the run knows what it had in hand. Actors for which
there is no room yet wait, which is how machines join late and how a cluster that
scales itself learns that more are wanted.
"""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from importlib import import_module
from logging import CRITICAL
from pathlib import Path
from typing import Any

from wsol_bench.engine.messages import Job, Lost, Message
from wsol_bench.engine.ray_worker import CALLS, RayWorker
from wsol_bench.engine.shards import Shard
from wsol_bench.errors import RunError, UsageError

_PAUSE = 0.5
_KNOCK = 5.0
"""Seconds for the head to take a connection."""
_ADDRESS = "RAY_ADDRESS"


@contextmanager
def cluster(address: str | None) -> Iterator[Any]:
    """Ray while inside, joined to a cluster or started on this machine alone.

    Args:
        address: of a running cluster, or None for RAY_ADDRESS, or else for a Ray of
            our own on this machine, which ends with the run.

    Raises:
        UsageError: Ray is not installed.
        RunError: the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray: Any = import_module("ray")
    except ImportError as error:
        raise UsageError(
            "--engine ray: Ray is not installed. Install it with: pip install 'wsol_bench[ray]'"
        ) from error
    # Ray tells on stdout, which is for results, what becomes of its processes.
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        ours = not ray.is_initialized()
        if ours:
            _join(ray, address or os.environ.get(_ADDRESS))
        try:
            yield ray
        finally:
            if ours:
                ray.shutdown()


def _join(ray: Any, address: str | None) -> None:
    own = {} if address else {"include_dashboard": False}
    try:
        _knock(address or "")
        ray.init(address or "local", log_to_driver=False, logging_level=CRITICAL, **own)
    except (ConnectionError, RuntimeError, ValueError, OSError, OverflowError) as error:
        raise RunError(
            f"--ray-address {address}: no Ray cluster answers ({_first_line(error)}). "
            "Expected HOST:PORT of its head, or auto on one of its machines."
        ) from error


def _knock(address: str) -> None:
    """Sees that somebody listens at HOST:PORT; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK).close()


class RayPool:
    """A `Pool` of actors, each with a network of its own."""

    def __init__(self, ray: Any, job: Job, workers: int, gpus: float) -> None:
        """Asks for the actors; they come as there is room.

        Args:
            ray: from `cluster`.
            job: how each works; its threads are the CPUs that an actor reserves.
            workers: how many.
            gpus: that an actor reserves; a fraction shares one.
        """
        self._ray, self._job, self._gpus = ray, job, gpus
        self._actor = ray.remote(RayWorker).options(
            num_cpus=job.threads,
            num_gpus=gpus,
            max_concurrency=CALLS,
            scheduling_strategy="SPREAD",
        )
        self._actors: list[Any] = [None] * workers
        self._listening: dict[Any, int] = {}
        for number in range(workers):
            self.replace(number)

    @property
    def lacking(self) -> str:
        """See `Pool`."""
        there = self._ray.cluster_resources()
        return (
            f"Each needs {self._job.threads} CPUs and {self._gpus:g} GPUs; the cluster has "
            f"{there.get('CPU', 0):g} CPUs and {there.get('GPU', 0):g} GPUs in all."
        )

    def give(self, worker: int, shard: Shard) -> None:
        """See `Pool`."""
        self._actors[worker].give.remote(shard)

    def wait(self) -> Sequence[tuple[int, Message]]:
        """See `Pool`."""
        listening = list(self._listening)
        if self._ray.wait(listening, num_returns=1, timeout=_PAUSE)[0]:
            ready, _ = self._ray.wait(listening, num_returns=len(listening), timeout=0)
        else:
            ready = []
        said: list[tuple[int, Message]] = []
        for reference in ready:
            worker = self._listening.pop(reference)
            try:
                said += [(worker, message) for message in self._ray.get(reference)]
            except self._ray.exceptions.RayError as error:
                said.append((worker, Lost(_why(error))))
            else:
                self._listen(worker)
        return said

    def replace(self, worker: int) -> None:
        """See `Pool`."""
        self._kill(worker)
        self._actors[worker] = self._actor.remote(self._job)
        self._listen(worker)

    def stop(self) -> None:
        """See `Pool`."""
        for actor in self._actors:
            actor.stop.remote()

    def close(self) -> None:
        """Ends all actors."""
        for worker in range(len(self._actors)):
            self._kill(worker)

    def _listen(self, worker: int) -> None:
        self._listening[self._actors[worker].listen.remote()] = worker

    def _kill(self, worker: int) -> None:
        if self._actors[worker] is not None:
            with suppress(self._ray.exceptions.RayError):
                self._ray.kill(self._actors[worker], no_restart=True)


def _why(error: Exception) -> str:
    """Ray's account of a lost actor in a few words; of one that never began its own error."""
    kind, lines = type(error).__name__, str(error).strip().splitlines()
    if kind == "ActorUnavailableError":
        return "its machine does not answer"
    if "creation task" in lines[0] or kind != "ActorDiedError":
        return f"{kind}: {lines[-1].strip()}"
    return "its process or its machine is gone"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".:")
