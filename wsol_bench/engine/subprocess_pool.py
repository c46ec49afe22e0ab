"""Workers that are processes on this machine.

Each is a new program, neither forked nor spawned from this one: a process that has used
a GPU cannot be forked, and spawning would run the caller's script again if it lacks a
`__main__` guard.
"""

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from signal import Signals

from wsol_bench.engine.messages import Job, Lost, Message
from wsol_bench.engine.shards import Shard
from wsol_bench.runtime.subprograms import command_of, environment_of

_PAUSE = 0.5
"""Seconds to wait for messages before the run checks for a stop request."""
_END = 10.0
"""Seconds for a process to exit by itself before it is killed."""
_STOP = None
"""Sent in place of a shard: stop after the current batch."""


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    pipe: Connection


class SubprocessPool:
    """A `Pool` of programs connected by pipes; all of them exit when this process does."""

    waiting_for = "Workers are starting."

    def __init__(self, jobs: Sequence[Job]) -> None:
        """Starts one process per job."""
        self._jobs = jobs
        self._workers = [_start(job) for job in jobs]

    def give(self, worker: int, shard: Shard) -> None:
        """See `Pool`."""
        _send(self._workers[worker], shard)

    def wait(self) -> Sequence[tuple[int, Message]]:
        """See `Pool`."""
        pipes = {worker.pipe: number for number, worker in enumerate(self._workers)}
        open_ones = [pipe for pipe in pipes if not pipe.closed]
        return [
            (pipes[pipe], self._receive(pipes[pipe]))
            for pipe in wait(open_ones, _PAUSE)
            if isinstance(pipe, Connection)
        ]

    def replace(self, worker: int) -> None:
        """See `Pool`."""
        self._workers[worker] = _start(self._jobs[worker])

    def stop(self) -> None:
        """See `Pool`."""
        for worker in self._workers:
            _send(worker, _STOP)

    def kill(self) -> None:
        """Kills all workers."""
        for worker in self._workers:
            worker.process.kill()

    def close(self) -> None:
        """Ends all workers; those that do not exit in time are killed."""
        for worker in self._workers:
            worker.pipe.close()  # to a worker this means that the run has ended
        for worker in self._workers:
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(_END)
            worker.process.kill()
            worker.process.wait()

    def _receive(self, number: int) -> Message:
        worker = self._workers[number]
        try:
            message: Message = worker.pipe.recv()
        except (EOFError, OSError):
            worker.pipe.close()
            return Lost(_end_of(worker.process))
        return message


def _start(job: Job) -> _Worker:
    ours, theirs = Pipe()
    with theirs:
        process = subprocess.Popen(
            command_of("wsol_bench.engine.subprocess_main", str(theirs.fileno())),
            env=environment_of(),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=2,  # stdout is reserved for results
            start_new_session=True,  # Ctrl-C is for this process, which stops the workers
        )
    worker = _Worker(process, ours)
    _send(worker, job)
    return worker


def _send(worker: _Worker, what: object) -> None:
    with suppress(OSError):  # it has ended, which `wait` reports
        worker.pipe.send(what)


def _end_of(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(_END)
    except subprocess.TimeoutExpired:
        process.kill()
        return f"process {process.pid} closed its pipe"
    if code >= 0:
        return f"process {process.pid} ended with exit code {code}"
    with suppress(ValueError):
        return f"process {process.pid} was ended by {Signals(-code).name}"
    return f"process {process.pid} was ended by signal {-code}"
