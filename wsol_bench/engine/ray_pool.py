"""Workers that are Ray actors, on one machine or on many.

The pool uses the actors of Ray Core, not Ray Data, which hung when a node died. Ray does
not restart a lost actor; the pool replaces it, because only the run knows which shards it
was working on. Actors that exceed the cluster's resources stay pending: machines may join
later, and an autoscaling cluster sees the demand.
"""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from importlib import import_module
from logging import CRITICAL
from pathlib import Path
from time import monotonic
from typing import Any

from wsol_bench.engine.messages import Job, Lost, Message
from wsol_bench.engine.ray_worker import CALLS, RayWorker
from wsol_bench.engine.shards import Shard
from wsol_bench.errors import RunError, UsageError

_PAUSE = 0.5
_CHECK_INTERVAL = 5.0
"""Seconds between two checks of the cluster while no worker answers."""
_CONNECT_TIMEOUT = 5.0
"""Seconds for the head node to accept a connection."""
_ADDRESS = "RAY_ADDRESS"


@contextmanager
def cluster(address: str | None) -> Iterator[Any]:
    """Connects to a Ray cluster, or starts one on this machine for the duration of the run.

    Args:
        address: the address of a running cluster. None takes RAY_ADDRESS from the
            environment; without it a cluster is started here and shut down at the end.

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
    # Ray reports on its processes on stdout, which is reserved for results.
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        own_cluster = not ray.is_initialized()
        if own_cluster:
            _connect(ray, address or os.environ.get(_ADDRESS))
        try:
            yield ray
        finally:
            if own_cluster:
                ray.shutdown()


def _connect(ray: Any, address: str | None) -> None:
    options = {} if address else {"include_dashboard": False}
    try:
        _check_reachable(address or "")
        ray.init(address or "local", log_to_driver=False, logging_level=CRITICAL, **options)
    except Exception as error:  # which Ray raises without a class of its own
        if not address:
            raise RunError(
                f"--engine ray: Ray did not start on this machine ({_first_line(error)}). It may "
                "be short of memory or processors. Run the same command again."
            ) from error
        raise RunError(
            f"--ray-address {address}: no Ray cluster answers ({_first_line(error)}). "
            "Expected HOST:PORT of its head, or auto on one of its machines."
        ) from error


def _check_reachable(address: str) -> None:
    """Checks that a server listens at HOST:PORT; Ray itself would retry for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_TIMEOUT).close()


class RayPool:
    """A `Pool` of actors, each with a network of its own."""

    def __init__(self, ray: Any, job: Job, workers: int, gpus: float) -> None:
        """Requests the actors; Ray starts each once its resources are free.

        Args:
            ray: the module, from `cluster`.
            job: that of each actor; its threads are the CPUs that the actor reserves.
            workers: the number of actors.
            gpus: the GPUs that an actor reserves; a fraction shares one.
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
        self._next_check = monotonic() + _CHECK_INTERVAL
        for number in range(workers):
            self.replace(number)

    @property
    def waiting_for(self) -> str:
        """See `Pool`."""
        available = self._ray.cluster_resources()
        return (
            f"Each needs {self._job.threads} CPUs and {self._gpus:g} GPUs; the cluster has "
            f"{available.get('CPU', 0):g} CPUs and {available.get('GPU', 0):g} GPUs in all."
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
            self._check_cluster()
        messages: list[tuple[int, Message]] = []
        for reference in ready:
            worker = self._listening.pop(reference)
            try:
                messages += [(worker, message) for message in self._ray.get(reference)]
            except self._ray.exceptions.RayError as error:
                messages.append((worker, Lost(_why(error))))
            else:
                self._listen(worker)
        return messages

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
        """Kills all actors."""
        for worker in range(len(self._actors)):
            self._kill(worker)

    def _check_cluster(self) -> None:
        """Ends a wait that cannot succeed, because the machine of this process has left Ray.

        Raises:
            RunError: the raylet of this machine has ended, or no machine is left.
        """
        if monotonic() < self._next_check:
            return
        self._next_check = monotonic() + _CHECK_INTERVAL
        own = self._ray.get_runtime_context().get_node_id()
        nodes = {node["NodeID"]: node["Alive"] for node in self._ray.nodes()}
        if not nodes.get(own, True):
            raise RunError(
                "Ray on this machine has ended (its raylet is gone), so no worker can start. All "
                "finished batches are kept. Run the same command again."
            )
        if not any(nodes.values()):
            raise RunError(
                "the Ray cluster has no machine left. All finished batches are kept. Start the "
                "cluster and run the same command again."
            )

    def _listen(self, worker: int) -> None:
        self._listening[self._actors[worker].listen.remote()] = worker

    def _kill(self, worker: int) -> None:
        if self._actors[worker] is not None:
            with suppress(self._ray.exceptions.RayError):
                self._ray.kill(self._actors[worker], no_restart=True)


def _why(error: Exception) -> str:
    """Summarises why an actor was lost; for one that failed to start, its own error."""
    kind, lines = type(error).__name__, str(error).strip().splitlines()
    if kind == "ActorUnavailableError":
        return "its machine does not answer"
    if "creation task" in lines[0] or kind != "ActorDiedError":
        return f"{kind}: {lines[-1].strip()}"
    return "its process or its machine is gone"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".:")
