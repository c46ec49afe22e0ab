"""Leases on shards, for processes that share the folder of one run.

A lease is a file that names its process and is renewed every few seconds. It is advisory:
two processes that make the same shard write identical files, each time atomically, so a
lease that is ignored wastes time and does no other harm. Hence neither synchronised clocks
nor file locks are needed: a lease has expired when its process has ended on this machine,
or when its content has not changed for a minute on the observer's own monotonic clock.
"""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from time import monotonic
from types import TracebackType
from typing import Self

import pyarrow as pa

from wsol_bench.records.run_folder import LEASES, RunFolder
from wsol_bench.records.storage.entry import Storage
from wsol_bench.records.storage.messages import writing
from wsol_bench.records.storage.retry import without_retries
from wsol_bench.runtime.process_owner import Owner

RENEWAL_INTERVAL = 10.0
"""Seconds between two renewals of a lease."""
EXPIRY = 60.0
"""Seconds without a renewal after which a lease has expired."""


class Leases:
    """The leases of this process on shards of a run; a context that releases them."""

    def __init__(self, folder: RunFolder, clock: Callable[[], float] = monotonic) -> None:
        """Holds no lease at first.

        Args:
            folder: the run's folder, already created.
            clock: a monotonic clock in seconds.
        """
        self._storage: Storage = folder.storage
        self._once = without_retries(folder.storage)  # for what is repeated anyway or need not be
        self._path = folder.path
        self._clock = clock
        self._me = Owner.here()
        self._held: set[int] = set()
        self._observed: dict[int, tuple[bytes, float]] = {}
        self._renewals = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_exit, daemon=True)

    def __enter__(self) -> Self:
        """Starts to renew leases."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Releases all leases."""
        self._ended.set()
        self._thread.join()
        for number in tuple(self._held):
            self.release(number)

    def acquire(self, number: int) -> bool:
        """Tries to acquire the lease on a shard; returns whether this process holds it now.

        Raises:
            DataError: the lease cannot be written.
        """
        with self._lock, writing(self._path / LEASES):
            self._storage.make(LEASES)
            created = self._storage.create(_name(number), self._content())
            acquired = created or self._take_over(number)
            if acquired:
                self._held.add(number)
        return acquired

    def release(self, number: int) -> None:
        """Releases the lease on a shard."""
        with self._lock:
            self._held.discard(number)
            self._observed.pop(number, None)
            with suppress(OSError):  # it expires
                if _owner(self._once.read(_name(number))) == self._me:
                    self._once.remove(_name(number))

    def holder(self, number: int) -> Owner | None:
        """The process that holds a shard's lease, or None if none does or it cannot be read."""
        return _owner(self._read(number) or b"")

    def renew(self) -> None:
        """Renews the leases of this process, except those that another has taken over."""
        with self._lock:
            self._renewals += 1
            for number in self._held:
                with suppress(OSError, pa.ArrowException):  # a full disk must not end the run here
                    if _owner(self._once.read(_name(number))) == self._me:
                        self._once.write(_name(number), self._content())

    def _renew_until_exit(self) -> None:
        while not self._ended.wait(RENEWAL_INTERVAL):
            self.renew()

    def _take_over(self, number: int) -> bool:
        """Takes over an expired lease; if two processes try, the last to write holds it."""
        content = self._read(number)
        if content is None:
            return False  # released in this moment; the next attempt succeeds
        owner = _owner(content)
        if owner == self._me:
            return True
        if not (owner and owner.is_gone()) and not self._has_expired(number, content):
            return False
        self._storage.write(_name(number), self._content())
        return _owner(self._read(number) or b"") == self._me

    def _has_expired(self, number: int, content: bytes) -> bool:
        now = self._clock()
        if number not in self._observed or content != self._observed[number][0]:
            self._observed[number] = (content, now)
        return now - self._observed[number][1] > EXPIRY

    def _read(self, number: int) -> bytes | None:
        try:
            return self._storage.read(_name(number))
        except FileNotFoundError:
            return None

    def _content(self) -> bytes:
        return json.dumps({**asdict(self._me), "beat": self._renewals}).encode()


def _owner(content: bytes) -> Owner | None:
    """The holder of a lease, or None if the file is incomplete."""
    try:
        values = json.loads(content)
        return Owner(*(values[name] for name in ("host", "machine", "pid", "started")))
    except (ValueError, KeyError, TypeError):
        return None


def _name(number: int) -> str:
    return f"{LEASES}/{number:05d}.json"
