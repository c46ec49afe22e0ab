"""Which process makes which shard, where several share one run's folder.

A claim is a file that names its process and changes every few seconds. It is advice
and no lock: two that make the same shard write the same records over each other, each
time whole, so a claim that is overlooked costs time and nothing else. That is why no
clock is compared and no lock of the file system is needed: a claim counts as left
behind when its process is gone from this machine, or when it has not changed for a
minute by the watcher's own watch.
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

from wsol_bench.records.run_folder import CLAIMS, RunFolder
from wsol_bench.records.storage.entry import Storage
from wsol_bench.records.storage.messages import writing
from wsol_bench.runtime.process_owner import Owner

BEAT = 10.0
"""Seconds between two changes of a claim."""
STALE = 60.0
"""Seconds without a change after which its process counts as gone."""


class Claims:
    """This process's claims on the shards of a run; a context that gives them back."""

    def __init__(self, folder: RunFolder, clock: Callable[[], float] = monotonic) -> None:
        """Claims nothing yet.

        Args:
            folder: begun.
            clock: seconds, only ever compared with one another.
        """
        self._storage: Storage = folder.storage
        self._path = folder.path
        self._clock = clock
        self._me = Owner.here()
        self._held: set[int] = set()
        self._seen: dict[int, tuple[bytes, float]] = {}
        self._beats = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, daemon=True)

    def __enter__(self) -> Self:
        """Begins to renew claims."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Gives all claims back."""
        self._ended.set()
        self._thread.join()
        for number in tuple(self._held):
            self.release(number)

    def take(self, number: int) -> bool:
        """Claims a shard; says whether it is this process's now.

        Raises:
            DataError: the claim cannot be written.
        """
        with self._lock, writing(self._path / CLAIMS):
            self._storage.make(CLAIMS)
            taken = self._storage.create(_name(number), self._content()) or self._inherit(number)
            if taken:
                self._held.add(number)
        return taken

    def release(self, number: int) -> None:
        """Gives a shard back, made or not."""
        with self._lock:
            self._held.discard(number)
            self._seen.pop(number, None)
            with suppress(OSError):  # it will count as left behind
                if _owner(self._read(number) or b"") == self._me:
                    self._storage.remove(_name(number))

    def holder(self, number: int) -> Owner | None:
        """Who holds a shard's claim, where somebody does and it can be read."""
        return _owner(self._read(number) or b"")

    def beat(self) -> None:
        """Changes this process's claims, except those that another has taken over."""
        with self._lock:
            self._beats += 1
            for number in self._held:
                with suppress(OSError, pa.ArrowException):  # a full disk must not end the run here
                    if _owner(self._storage.read(_name(number))) == self._me:
                        self._storage.write(_name(number), self._content())

    def _beat_on(self) -> None:
        while not self._ended.wait(BEAT):
            self.beat()

    def _inherit(self, number: int) -> bool:
        """Takes over a claim that was left behind; of two that try the last one has it."""
        content = self._read(number)
        if content is None:
            return False  # given back just now; whoever asks again gets it
        owner = _owner(content)
        if owner == self._me:
            return True
        if not (owner and owner.is_gone()) and not self._is_stale(number, content):
            return False
        self._storage.write(_name(number), self._content())
        return _owner(self._read(number) or b"") == self._me

    def _is_stale(self, number: int, content: bytes) -> bool:
        now = self._clock()
        if number not in self._seen or content != self._seen[number][0]:
            self._seen[number] = (content, now)
        return now - self._seen[number][1] > STALE

    def _read(self, number: int) -> bytes | None:
        try:
            return self._storage.read(_name(number))
        except FileNotFoundError:
            return None

    def _content(self) -> bytes:
        return json.dumps({**asdict(self._me), "beat": self._beats}).encode()


def _owner(content: bytes) -> Owner | None:
    """Whose claim it is, or None where it is only half written yet."""
    try:
        values = json.loads(content)
        return Owner(*(values[name] for name in ("host", "machine", "pid", "started")))
    except (ValueError, KeyError, TypeError):
        return None


def _name(number: int) -> str:
    return f"{CLAIMS}/{number:05d}.json"
