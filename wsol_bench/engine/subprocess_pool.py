"""Workers that are processes on this machine.

Each is a new program, neither forked nor spawned from this one: a process that has used
a GPU cannot be forked, and spawning would run the caller's script again if it lacks a
`__main__` guard.
"""

import os
import socket
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from signal import Signals
from time import monotonic

from wsol_bench.engine.messages import Job, Lost, Message
from wsol_bench.engine.shards import Shard
from wsol_bench.runtime.subprograms import command_of, environment_of

_PAUSE = 0.5
"""Seconds to wait for messages before the run checks for a stop request."""
_END = 5.0
"""Seconds for all processes together to exit by themselves before they are killed."""
_STOP = None
"""Sent in place of a shard: stop after the current batch."""


@dataclass(frozen=True, slots=True, eq=False)
class _Worker:
    number: int
    process: subprocess.Popen[bytes]
    pipe: Connection


class SubprocessPool:
    """A `Pool` of programs connected by pipes; all of them exit when this process does.

    A thread per worker reads its pipe: a worker that is halted in the middle of a message
    must not halt the run.
    """

    waiting_for = "Workers are starting."

    def __init__(self, jobs: Sequence[Job]) -> None:
        """Starts one process per job."""
        self._jobs = jobs
        self._messages: SimpleQueue[tuple[_Worker, Message]] = SimpleQueue()
        self._workers = [self._start(number) for number in range(len(jobs))]

    def give(self, worker: int, shard: Shard) -> None:
        """See `Pool`."""
        _send(self._workers[worker], shard)

    def wait(self) -> Sequence[tuple[int, Message]]:
        """See `Pool`."""
        received = []
        with suppress(Empty):
            received.append(self._messages.get(timeout=_PAUSE))
            while True:
                received.append(self._messages.get_nowait())
        current = [(each, message) for each, message in received if self._is_current(each)]
        return [(each.number, message) for each, message in current]

    def replace(self, worker: int) -> None:
        """See `Pool`; kills the old process, which may only be halted."""
        old = self._workers[worker]
        old.process.kill()
        self._workers[worker] = self._start(worker)
        _hang_up(old.pipe)

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
            _hang_up(worker.pipe)  # to a worker this means that the run has ended
        end = monotonic() + _END
        for worker in self._workers:
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(0.0, end - monotonic()))
            worker.process.kill()
        for worker in self._workers:
            with suppress(subprocess.TimeoutExpired):  # it hangs in the system
                worker.process.wait(_END)

    def _is_current(self, worker: _Worker) -> bool:
        return self._workers[worker.number] is worker

    def _start(self, number: int) -> _Worker:
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
        worker = _Worker(number, process, ours)
        _send(worker, self._jobs[number])
        threading.Thread(target=self._read, args=[worker], daemon=True).start()
        return worker

    def _read(self, worker: _Worker) -> None:
        """Passes messages on until the worker ends."""
        while True:
            try:
                message: Message = worker.pipe.recv()
            except (EOFError, OSError):
                self._messages.put((worker, Lost(_end_of(worker.process))))
                worker.pipe.close()
                return
            self._messages.put((worker, message))


def _send(worker: _Worker, what: object) -> None:
    with suppress(OSError):  # it has ended, which `wait` reports
        worker.pipe.send(what)


def _hang_up(pipe: Connection) -> None:
    """Ends a connection for both sides; closing it would not wake the thread that reads it."""
    with suppress(OSError), socket.socket(fileno=os.dup(pipe.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)


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
