"""Workers that are processes on this machine.

Each is a program of its own, not a fork or a spawn of this one: a fork of a process
that has used a GPU is broken, and a spawn would run a caller's script a second time
where it has no `__main__` guard.
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
"""Seconds to listen before the run looks whether it was asked to stop."""
_END = 10.0
"""Seconds for a process to end by itself."""
_STOP = None
"""In place of a shard: finish the batch in hand and no more."""


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    pipe: Connection


class Processes:
    """A `Pool` of programs that talk over pipes; all end when this process does."""

    lacking = "They are starting."

    def __init__(self, jobs: Sequence[Job]) -> None:
        """Starts a process per job."""
        self._jobs = jobs
        self._workers = [_start(job) for job in jobs]

    def give(self, worker: int, shard: Shard) -> None:
        """See `Pool`."""
        _tell(self._workers[worker], shard)

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
            _tell(worker, _STOP)

    def kill(self) -> None:
        """Ends all at once."""
        for worker in self._workers:
            worker.process.kill()

    def close(self) -> None:
        """Ends all, those that do not hear by force."""
        for worker in self._workers:
            worker.pipe.close()  # which a worker takes for the end of this process
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
            stdout=2,  # results alone go to stdout
            start_new_session=True,  # a Ctrl-C is for this process, which tells the workers
        )
    worker = _Worker(process, ours)
    _tell(worker, job)
    return worker


def _tell(worker: _Worker, what: object) -> None:
    with suppress(OSError):  # it is gone, which `wait` will say
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
