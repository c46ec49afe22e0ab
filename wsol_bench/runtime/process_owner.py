"""Who holds something in a folder that several processes, or machines, may share."""

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

_STATE, _STARTED = 0, 19
"""Places among the fields of /proc/PID/stat that follow the process's name."""


@dataclass(frozen=True, slots=True)
class Owner:
    """One process on one machine.

    Attributes:
        host: the machine's name, for people.
        machine: tells this machine, since it was last started, from all others; a
            container with process ids of its own is a machine.
        pid: of the process.
        started: when the process was, in the system's ticks, because ids come round
            again; 0 where the system does not tell.
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
        """A form that may stand in a file's name."""
        return f"{self.machine}-{self.pid}-{self.started}"

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    def is_gone(self) -> bool:
        """Whether the process has surely ended; of another machine nothing is sure."""
        return is_gone(self.machine, self.pid, self.started)


def is_gone(machine: str, pid: int, started: int) -> bool:
    """Whether the process of an `Owner` of these attributes has surely ended."""
    if machine != _machine():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it is another user's
    except OverflowError:
        return False
    fields = _fields(pid)
    # A zombie has ended; only its parent has not asked for its exit code yet.
    ended = bool(fields) and fields[_STATE] == "Z"
    return ended or bool(started and fields and int(fields[_STARTED]) != started)


@cache
def _machine() -> str:
    parts = [socket.gethostname()]
    with suppress(OSError):  # elsewhere than on Linux the name has to do
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return sha256("\n".join(parts).encode()).hexdigest()[:12]


def _fields(pid: int) -> list[str]:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return stat.rpartition(")")[2].split()
