"""The identity of a process, for files in a folder that processes and machines share."""

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

_STATE, _STARTED = 0, 19
"""Indices of the fields of /proc/PID/stat after the process's name."""


@dataclass(frozen=True, slots=True)
class Owner:
    """One process on one machine.

    Attributes:
        host: the machine's name, for messages.
        machine: identifies the machine since its last boot; a container with its own
            process ids is a machine.
        pid: the process id.
        started: the start time of the process in clock ticks, because ids are reused; 0 if
            the system does not report it.
    """

    host: str
    machine: str
    pid: int
    started: int

    @classmethod
    def here(cls) -> "Owner":
        """This process."""
        pid = os.getpid()
        fields = _fields(pid)
        return cls(socket.gethostname(), _machine(), pid, int(fields[_STARTED]) if fields else 0)

    @property
    def tag(self) -> str:
        """The identity in a form that may be part of a file name."""
        return f"{self.machine}-{self.pid}-{self.started}"

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    def is_gone(self) -> bool:
        """Whether the process has certainly ended; always False for another machine."""
        return is_gone(self.machine, self.pid, self.started)


def is_gone(machine: str, pid: int, started: int) -> bool:
    """Whether the process of an `Owner` with these attributes has certainly ended."""
    if machine != _machine():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # the process of another user
    except OverflowError:
        return False
    fields = _fields(pid)
    # A zombie has ended; its parent has not read the exit code yet.
    ended = bool(fields) and fields[_STATE] == "Z"
    return ended or bool(started and fields and int(fields[_STARTED]) != started)


@cache
def _machine() -> str:
    parts = [socket.gethostname()]
    with suppress(OSError):  # on systems other than Linux the name must suffice
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return sha256("\n".join(parts).encode()).hexdigest()[:12]


def _fields(pid: int) -> list[str]:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return stat.rpartition(")")[2].split()
