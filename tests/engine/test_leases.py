"""Which process makes which shard: shared among the living, taken over from the dead."""

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace

import pyarrow.fs as pafs
import pytest

from wsol_bench.engine import leases as module
from wsol_bench.engine.leases import EXPIRY, Leases
from wsol_bench.errors import DataError
from wsol_bench.records.run_folder import RunFolder
from wsol_bench.records.storage.remote import Remote
from wsol_bench.runtime.process_owner import Owner


class Clock:
    """Seconds that a test moves on."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["disk", "memory"])
def shared(request: pytest.FixtureRequest, folder: RunFolder) -> RunFolder:
    if request.param == "memory":
        folder.storage = Remote(pafs._MockFileSystem(), "bucket/run")
    return folder


@pytest.fixture
def mine(shared: RunFolder, clock: Clock) -> Iterator[Leases]:
    with Leases(shared, clock) as leases:
        yield leases


def other(number: int = 0) -> Owner:
    """A process of another machine, of which nothing is ever sure."""
    return replace(Owner.here(), host="elsewhere", machine="f" * 12, pid=number + 1)


def lease_of(owner: Owner, beat: int = 0) -> bytes:
    return json.dumps({**asdict(owner), "beat": beat}).encode()


def test_a_shard_is_leased_once_and_released(mine: Leases, shared: RunFolder) -> None:
    assert mine.acquire(3)
    assert mine.holder(3) == Owner.here()
    assert mine.acquire(3)  # it is ours already
    mine.release(3)
    assert mine.holder(3) is None
    assert shared.storage.names("leases") == []


def test_the_leases_of_a_living_process_are_left_alone(
    mine: Leases, shared: RunFolder, clock: Clock
) -> None:
    shared.storage.make("leases")
    for beat in range(20):  # it renews its lease, however long it takes
        shared.storage.write("leases/00003.json", lease_of(other(), beat))
        assert not mine.acquire(3)
        clock.now += EXPIRY / 2
    assert mine.holder(3) == other()


def test_a_lease_that_nobody_renews_is_taken_over_after_a_minute(
    mine: Leases, shared: RunFolder, clock: Clock
) -> None:
    shared.storage.make("leases")
    shared.storage.write("leases/00003.json", lease_of(other(), 7))
    assert not mine.acquire(3)
    clock.now += EXPIRY
    assert not mine.acquire(3)
    clock.now += 1
    assert mine.acquire(3)
    assert mine.holder(3) == Owner.here()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"host": "x"}'])
def test_half_a_lease_is_taken_over_like_one_that_nobody_renews(
    content: bytes, mine: Leases, shared: RunFolder, clock: Clock
) -> None:
    shared.storage.make("leases")
    shared.storage.write("leases/00003.json", content)
    assert not mine.acquire(3)
    clock.now += EXPIRY + 1
    assert mine.acquire(3)


def test_the_lease_of_a_dead_process_of_this_machine_is_taken_over_at_once(
    mine: Leases, shared: RunFolder
) -> None:
    dead = replace(Owner.here(), started=Owner.here().started - 1)
    if not dead.is_gone():
        pytest.skip("this system does not tell when a process was started")
    shared.storage.make("leases")
    shared.storage.write("leases/00003.json", lease_of(dead))
    assert mine.acquire(3)


def test_only_own_leases_are_renewed_and_given_back(mine: Leases, shared: RunFolder) -> None:
    assert mine.acquire(1)
    assert mine.acquire(2)
    shared.storage.write("leases/00002.json", lease_of(other()))  # it believed us gone
    before = shared.storage.read("leases/00001.json")
    mine.renew()
    assert shared.storage.read("leases/00001.json") != before
    assert mine.holder(2) == other()
    mine.release(2)
    assert mine.holder(2) == other()


def test_leases_are_renewed_while_the_context_lasts(
    shared: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RENEWAL_INTERVAL", 0.01)
    renewed = threading.Event()
    with Leases(shared) as leases:
        leases.acquire(0)
        first = shared.storage.read("leases/00000.json")
        for _ in range(500):
            if shared.storage.read("leases/00000.json") != first:
                renewed.set()
                break
            renewed.wait(0.01)
    assert renewed.is_set()
    assert shared.storage.names("leases") == []  # and given back


def test_a_lease_that_cannot_be_written_names_the_folder(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with Leases(folder) as leases:
        assert leases.acquire(0)
        monkeypatch.setattr("os.fsync", fail)
        with pytest.raises(DataError, match=r"leases: cannot be written \(No space left"):
            leases.acquire(1)
        leases.renew()  # a lease not renewed does not end the run


def test_of_many_that_lease_at_once_each_shard_has_one(folder: RunFolder) -> None:
    # Threads of one process have one name, so that taking is told by who created the file.
    created: list[int] = []

    def acquire() -> None:
        for number in range(30):
            if folder.storage.create(f"leases/{number:05d}.json", b"x"):
                created.append(number)

    folder.storage.make("leases")
    threads = [threading.Thread(target=acquire) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(created) == list(range(30))
