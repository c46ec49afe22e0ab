"""A lock on a file of a run's folder that is read, changed and written back.

Object stores have no exclusive creation that pyarrow reaches, so the lock needs none. Each
process writes a claim under a name of its own and then lists all claims. If it sees no other
claim it holds the lock: a claim that is written later finds this one. Otherwise the claim with
the lowest name stays and waits for the others, which withdraw and try again.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from time import monotonic, sleep

import pyarrow as pa

from wsol_bench.records.storage.entry import Storage
from wsol_bench.runtime.process_owner import Owner, is_gone

LOCKS = "locks"
PAUSE = 0.05
"""Seconds between two checks of the claims; at most ten times this before a new claim."""
EXPIRY = 60.0
"""Seconds after which the claim of a process on another machine is abandoned. What is done under
a lock takes well under one."""

_number = count()


@contextmanager
def locked(storage: Storage, name: str) -> Iterator[None]:
    """Holds the lock on a file; waits while another process or thread holds it.

    Args:
        storage: of the folder, which exists.
        name: of the file.

    Raises:
        OSError: a claim cannot be written or listed.
    """
    claim = _acquire(storage, name)
    try:
        yield
    finally:
        _withdraw(storage, claim)


def _acquire(storage: Storage, name: str) -> str:
    storage.make(LOCKS)
    since: dict[str, float] = {}
    while True:
        mine = f"{name}-{Owner.here().tag}-{next(_number)}"
        storage.write(f"{LOCKS}/{mine}", str(Owner.here()).encode())
        try:
            claims = _claims(storage, name, since)
            while mine == min(claims, default="") and len(claims) > 1:
                sleep(PAUSE)
                claims = _claims(storage, name, since)
        except BaseException:
            _withdraw(storage, mine)
            raise
        if claims == {mine}:
            return mine
        _withdraw(storage, mine)
        sleep(PAUSE * random.uniform(1, 10))


def _withdraw(storage: Storage, claim: str) -> None:
    with suppress(OSError, pa.ArrowException):  # it expires
        storage.remove(f"{LOCKS}/{claim}")


def _claims(storage: Storage, name: str, since: dict[str, float]) -> set[str]:
    """The claims on a file; those of ended processes are removed.

    Args:
        storage, name: see `locked`.
        since: claim -> when this process first saw it, on its own clock; it is extended.
    """
    found = set()
    for claim in storage.names(LOCKS):
        of, machine, pid, started, _ = claim.rsplit("-", 4)
        if of != name:
            continue
        first = since.setdefault(claim, monotonic())
        if is_gone(machine, int(pid), int(started)) or monotonic() - first > EXPIRY:
            _withdraw(storage, claim)
        else:
            found.add(claim)
    return found
