"""Shards go to workers and come back whole, whatever becomes of the workers."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from wsol_bench.engine import scheduler as module
from wsol_bench.engine import shard_queue as queue_module
from wsol_bench.engine.leases import Leases
from wsol_bench.engine.messages import (
    Alive,
    BatchResult,
    Failed,
    LogLine,
    Lost,
    Message,
    Ready,
    Stopped,
)
from wsol_bench.engine.scheduler import Scheduler
from wsol_bench.engine.shard_queue import ShardQueue
from wsol_bench.engine.shards import SHARD, Shard, shards_of
from wsol_bench.engine.watch import Watch
from wsol_bench.errors import DataError, RunError
from wsol_bench.records.partial_shards import PartialShards
from wsol_bench.records.run_folder import RunFolder
from wsol_bench.records.shard_files import ShardFiles, ShardState
from wsol_bench.records.table import decode_facts, encode_table
from wsol_bench.runtime.interrupt import Stop
from wsol_bench.runtime.process_owner import Owner

IDENTITY = {"arch": "none", "weights_sha256": "1"}
READY = Ready(IDENTITY, "cpu", "this machine")
METHODS = 2


class Workers:
    """A pool whose workers do one image of the first shard in hand at every wait.

    What a test has them do instead stands in `acts`: number of the wait -> messages.
    """

    waiting_for = "Each needs 8 GPUs."

    def __init__(self, count: int, make_batch: Callable[[Shard], BatchResult]) -> None:
        self.in_hand: dict[int, deque[Shard]] = {worker: deque() for worker in range(count)}
        self.make_batch = make_batch
        self.acts: dict[int, Callable[[], list[tuple[int, Message]]]] = {}
        self.waits = 0
        self.stopped = False
        self.given: list[tuple[int, Shard]] = []
        self.replaced: list[int] = []
        self.started = [(worker, READY) for worker in range(count)]

    def give(self, worker: int, shard: Shard) -> None:
        assert worker in self.in_hand
        self.given.append((worker, shard))
        self.in_hand[worker].append(shard)

    def wait(self) -> Sequence[tuple[int, Message]]:
        self.waits += 1
        if self.waits in self.acts:
            return self.acts[self.waits]()
        if self.started:
            return [self.started.pop(0)]
        if self.stopped:
            return [(worker, Stopped()) for worker in self.in_hand]
        for worker, shards in sorted(self.in_hand.items(), key=lambda each: -len(each[1])):
            if shards:
                return [(worker, self.work(worker))]
        return []

    def work(self, worker: int) -> BatchResult:
        shard = self.in_hand[worker].popleft()
        if shard.images > 1:
            self.in_hand[worker].appendleft(replace(shard, start=shard.start + 1))
        return self.make_batch(shard)

    def lose(self, worker: int) -> list[tuple[int, Message]]:
        self.in_hand.pop(worker, None)
        return [(worker, Lost("it was killed"))]

    def replace(self, worker: int) -> None:
        self.replaced.append(worker)
        self.in_hand[worker] = deque()
        self.started.append((worker, READY))

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "sleep", lambda seconds: None)
    monkeypatch.setattr(queue_module, "_RETRY_INTERVAL", 0.0)


class Session:
    """One process's run over a folder."""

    def __init__(self, folder: RunFolder, shards: Sequence[Shard], pool: Workers) -> None:
        self.folder, self.pool, self.stop = folder, pool, Stop()
        self.said: list[str] = []
        self.images = 0
        self.elsewhere = 0
        self.queue: ShardQueue
        self.shards = shards

    def run(self) -> Scheduler:
        with Leases(self.folder) as leases:
            self.queue = ShardQueue(self.shards, self.folder.files(), leases)
            self.found = self.queue.survey()
            self.queue.on_finished_elsewhere = self.count_elsewhere
            scheduler = Scheduler(self.queue, self.pool, IDENTITY, self.on_table, self.said.append)
            scheduler.run(self.stop)
            return scheduler

    def on_table(self, table: pa.Table, images: int) -> None:
        assert len(table) == images * METHODS
        self.images += images

    def count_elsewhere(self, images: int) -> None:
        self.elsewhere += images


@pytest.fixture
def session(folder: RunFolder, shards: list[Shard], make_batch) -> Callable[..., Session]:
    return lambda workers=1: Session(folder, shards, Workers(workers, make_batch))


@pytest.fixture
def is_whole(
    folder: RunFolder, shards: list[Shard], make_batch, tmp_path: Path
) -> Callable[[], bool]:
    """Whether the folder holds every shard, byte for byte as one batch would make it."""
    expected = RunFolder(tmp_path / "expected")
    expected.begin(folder.manifest())
    for shard in shards:
        part = make_batch(shard, shard.images)
        expected.files().write(shard.number, part.table, part.maps)

    def contents(run: RunFolder) -> dict[Path, bytes]:
        kinds = ("examples", "rows", "maps", "parts")
        paths = (path for kind in kinds for path in (run.path / kind).rglob("*.*"))
        return {path.relative_to(run.path): path.read_bytes() for path in paths}

    def compare() -> bool:
        return contents(folder) == contents(expected)

    return compare


def test_examples_are_cut_by_their_number_alone() -> None:
    cut = shards_of(2 * SHARD + 1)
    assert [(each.start, each.stop) for each in cut] == [
        (0, SHARD),
        (SHARD, 2 * SHARD),
        (2 * SHARD, 2 * SHARD + 1),
    ]
    assert shards_of(0) == []
    assert [each.images for each in shards_of(SHARD)] == [SHARD]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_any_number_of_workers_makes_the_same_files(workers, session, is_whole) -> None:
    one = session(workers)
    scheduler = one.run()
    assert is_whole()
    assert one.images == 8
    assert scheduler.devices == {"cpu"}


def test_a_worker_never_waits_for_its_next_shard(session) -> None:
    one = session()
    one.run()
    # The second shard is in hand before the first image of the first has come back.
    assert [shard.number for _, shard in one.pool.given[:2]] == [0, 1]


def test_a_lost_workers_shards_go_on_from_the_last_image_that_came_back(session, is_whole):
    one = session(2)
    one.pool.acts[5] = lambda: one.pool.lose(0)
    one.run()
    assert is_whole()
    assert one.images == 8  # none was done twice
    assert one.pool.replaced == [0]
    assert one.said == [
        "Lost a worker on this machine: it was killed. Its unfinished shards go to others.",
        "A worker on this machine has replaced a lost one.",
    ]
    starts = [shard.start for _, shard in one.pool.given]
    assert 1 in starts or 2 in starts  # the rest of the first shard, not all of it


def test_all_workers_may_be_lost_at_once(session, is_whole) -> None:
    one = session(3)
    one.pool.acts[6] = lambda: [lost for w in range(3) for lost in one.pool.lose(w)]
    one.run()
    assert is_whole()


def test_workers_may_come_late(session, is_whole) -> None:
    one = session(2)
    late = one.pool.started.pop()
    one.pool.acts[3] = lambda: [late]
    one.run()
    assert is_whole()
    assert {worker for worker, _ in one.pool.given} == {0, 1}


def test_a_shard_that_ends_every_worker_ends_the_run_and_is_named(session, folder) -> None:
    one = session()

    def dies_at_image_5() -> list[tuple[int, Message]]:
        shards = one.pool.in_hand[0]
        if shards and shards[0].start == 4:
            return one.pool.lose(0)
        return [(0, one.pool.work(0))] if shards else [one.pool.started.pop(0)]

    one.pool.acts = dict.fromkeys(range(2, 100), dies_at_image_5)
    with pytest.raises(RunError, match="shard 00001 ended 3 workers in a row") as told:
        one.run()
    assert "image 5 of the run" in str(told.value)
    assert "it was killed" in str(told.value)
    assert folder.files().numbers() == [0]
    assert folder.files().partial.numbers() == [1]  # its first image is kept


def test_workers_that_never_are_ready_end_the_run(session) -> None:
    one = session()
    one.pool.acts = dict.fromkeys(range(1, 100), lambda: [(0, Lost("No module named 'x'"))])
    with pytest.raises(RunError, match=r"ended 3 times before it was ready.*No module named 'x'"):
        one.run()


def test_machines_that_die_while_workers_start_end_nothing(session, is_whole) -> None:
    one = session(5)
    one.pool.started = [(0, READY)]
    one.pool.acts[2] = lambda: [lost for w in (1, 2, 3, 4) for lost in one.pool.lose(w)]
    one.run()
    assert is_whole()


def test_an_error_of_a_worker_is_the_runs_and_what_is_finished_is_kept(session, folder) -> None:
    one = session()
    wrong = DataError("images/7.JPEG: gone")
    one.pool.acts[4] = lambda: [(0, Failed(wrong, "Traceback of the worker"))]
    with pytest.raises(DataError, match=r"7\.JPEG") as told:
        one.run()
    assert "Traceback of the worker" in str(told.value.__cause__)
    assert folder.files().partial.numbers() == [0]
    assert folder.storage.names("leases") == []


def test_a_worker_that_opened_something_else_ends_the_run(session) -> None:
    one = session()
    one.pool.started = [(0, Ready({**IDENTITY, "weights_sha256": "2"}, "cpu", "node7"))]
    with pytest.raises(DataError, match=r"node7.*weights_sha256 differ"):
        one.run()


def test_what_a_worker_says_reaches_the_user(session) -> None:
    one = session()
    one.pool.acts[3] = lambda: [(0, LogLine("Batches are halved."))]
    one.run()
    assert one.said == ["Batches are halved."]


def test_a_stop_keeps_the_batches_that_are_finished_after_it(session, folder, is_whole) -> None:
    one = session(2)

    def stop() -> list[tuple[int, Message]]:
        one.stop.asked = True
        return []

    def finish_the_batch() -> list[tuple[int, Message]]:
        return [(0, one.pool.work(0)), (0, Stopped())]

    one.pool.acts = {5: stop, 6: finish_the_batch}
    one.run()
    done = one.images
    assert 1 < done < 8
    assert not is_whole()
    again = session()
    again.run()
    assert again.found.images(again.shards) == done
    assert again.images == 8 - done
    assert is_whole()


def test_an_error_after_a_stop_is_told_and_the_batches_of_others_are_kept(session, folder) -> None:
    one = session(2)

    def stop() -> list[tuple[int, Message]]:
        one.stop.asked = True
        return []

    def fail() -> list[tuple[int, Message]]:
        return [(1, Failed(DataError("the disk is gone"), "a trace"))]

    def finish_the_batch() -> list[tuple[int, Message]]:
        return [(0, one.pool.work(0)), (0, Stopped())]

    one.pool.acts = {3: stop, 4: fail, 5: finish_the_batch}
    with pytest.raises(DataError, match="the disk is gone"):
        one.run()
    assert one.images == 1
    again = session()
    again.run()
    assert again.found.images(again.shards) == 1


def test_finished_batches_are_kept_now_and_then_for_a_power_cut(
    session, folder, is_whole, monkeypatch
) -> None:
    monkeypatch.setattr(module, "CHECKPOINT_INTERVAL", 0.0)
    one = session()
    there: list[list[int]] = []

    class PowerCut(BaseException):
        """Nothing is written after it."""

    with monkeypatch.context() as patched:

        def cut() -> list[tuple[int, Message]]:
            there.append(folder.files().partial.numbers())
            patched.setattr(ShardQueue, "checkpoint", lambda self: None)
            raise PowerCut

        one.pool.acts[6] = cut
        with pytest.raises(PowerCut):
            one.run()
    assert there == [[1]]
    again = session()
    again.run()
    assert again.found.begun == {1: 1}
    assert is_whole()


def test_workers_that_do_not_hear_a_stop_are_given_up(session, monkeypatch) -> None:
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(module, "monotonic", lambda: next(clock))
    one = session()
    one.stop.asked = True
    one.pool.acts = dict.fromkeys(range(1, 1000), list)
    one.run()
    assert one.images == 0


def test_no_worker_at_all_is_said_now_and_then(session, monkeypatch, is_whole) -> None:
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(module, "monotonic", lambda: next(clock))
    one = session()
    one.pool.acts = dict.fromkeys(range(1, 20), list)
    one.run()
    assert is_whole()
    assert one.said
    assert set(one.said) == {"No worker is ready yet. Each needs 8 GPUs."}


# Shared with other processes


def test_shards_that_another_process_has_are_waited_for(
    session, folder, make_batch, shards, is_whole, monkeypatch
) -> None:
    monkeypatch.setattr(Owner, "is_gone", lambda self: False)
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(module, "monotonic", lambda: next(clock))
    folder.storage.make("leases")
    other = b'{"host": "node3", "machine": "ffffffffffff", "pid": 7, "started": 1, "beat": 0}'
    folder.storage.write("leases/00001.json", other)
    one = session()

    def finish_elsewhere() -> list[tuple[int, Message]]:
        whole = make_batch(shards[1], 3)
        folder.files().write(1, whole.table, whole.maps)
        return []

    one.pool.acts[20] = finish_elsewhere
    one.run()
    assert one.images == 5
    assert one.elsewhere == 3
    assert {shard.number for _, shard in one.pool.given} == {0, 2}
    assert set(one.said) == {"Waiting for the last shards, made by process 7 on node3."}
    folder.storage.remove("leases/00001.json")
    assert is_whole()


def test_a_shard_finished_between_the_check_and_the_lease_is_not_made_again(
    session, folder, make_batch, shards, monkeypatch
) -> None:
    one = session()
    take = Leases.acquire

    def finish_first(self: Leases, number: int) -> bool:
        if number == 1:
            whole = make_batch(shards[1], 3)
            folder.files().write(1, whole.table, whole.maps)
        return take(self, number)

    monkeypatch.setattr(Leases, "acquire", finish_first)
    one.run()
    assert one.elsewhere == 3
    assert one.images == 5
    assert folder.storage.names("leases") == []


def test_a_damaged_shard_that_another_process_mends_is_not_made_again(
    session, folder, make_batch, shards
) -> None:
    cut = make_batch(shards[2], 2)
    folder.files().write(2, cut.table, cut.maps)
    folder.storage.write("rows/r000/00000002.parquet", b"cut off")
    one = session()

    def mend() -> list[tuple[int, Message]]:
        whole = make_batch(shards[2], 2)
        folder.files().write(2, whole.table, whole.maps)
        return [one.pool.started.pop(0)]

    one.pool.acts[1] = mend
    one.run()
    assert one.found.damaged == (2,)
    assert {shard.number for _, shard in one.pool.given} == {0, 1}


# What is there


def test_a_survey_knows_whole_begun_and_damaged_shards(session, folder, make_batch, shards):
    whole = make_batch(shards[0], 3)
    folder.files().write(0, whole.table, whole.maps)
    begun = make_batch(shards[1], 2)
    folder.files().partial.write(1, begun.table, begun.maps)
    broken = make_batch(shards[2], 2)
    folder.files().write(2, broken.table, broken.maps)
    folder.storage.write("rows/r001/00000002.parquet", b"PAR1")
    stale = make_batch(shards[0], 1)
    folder.files().partial.write(0, stale.table, stale.maps)
    one = session()
    one.run()
    assert one.found.whole == {0}
    assert one.found.begun == {1: 2}
    assert one.found.damaged == (2,)
    assert one.found.images(shards) == 5
    assert folder.files().partial.numbers() == []


@pytest.mark.parametrize("made", [True, False])
def test_a_partial_shard_that_another_process_removes_meanwhile_is_no_damage(
    made, session, folder, make_batch, shards, monkeypatch
) -> None:
    begun = make_batch(shards[1], 1)
    folder.files().partial.write(1, begun.table, begun.maps)
    one = session()

    own, raced = PartialShards.read, []

    def read(files: PartialShards, number: int) -> object:
        """At first the other process is quicker: its shard is whole, or it has given up."""
        if raced:
            return own(files, number)
        raced.append(number)
        if made:
            whole = make_batch(shards[1], shards[1].images)
            folder.files().write(1, whole.table, whole.maps)
            folder.storage.remove("parts/00000001-r000.npy")
        else:
            folder.files().partial.remove(number)
        return own(files, number)

    monkeypatch.setattr(PartialShards, "read", read)
    one.run()
    assert (one.found.begun, one.found.damaged) == ({}, ())


@pytest.mark.parametrize("rows", [3, 8])
def test_a_beginning_of_a_strange_length_is_not_used(rows, session, folder, make_batch, shards):
    # Half an image; more than the shard.
    table = pa.concat_tables([make_batch(shards[0], 3).table] * 2).slice(0, rows)
    folder.files().partial.write(0, table, make_batch(shards[0], 3).maps)
    one = session()
    one.run()
    assert one.found.begun == {}
    assert one.found.damaged == (0,)
    assert one.images == 8


SPOILED = {
    "nothing": (lambda storage: None, ShardState.WHOLE),
    "the examples are gone": (
        lambda storage: storage.remove("examples/00000000.parquet"),
        ShardState.MISSING,
    ),
    "a row is gone": (
        lambda storage: storage.remove("rows/r001/00000000.parquet"),
        ShardState.MISSING,
    ),
    "maps are gone": (
        lambda storage: storage.remove("maps/r000/00000000.npy"),
        ShardState.DAMAGED,
    ),
    "another row's file": (
        lambda storage: storage.write(
            "rows/r001/00000000.parquet", storage.read("rows/r000/00000000.parquet")
        ),
        ShardState.DAMAGED,
    ),
    "another shard's file": (
        lambda storage: storage.write(
            "rows/r001/00000000.parquet", storage.read("rows/r001/00000001.parquet")
        ),
        ShardState.DAMAGED,
    ),
    "another shard's maps": (
        lambda storage: storage.write(
            "maps/r000/00000000.npy", storage.read("maps/r000/00000001.npy")
        ),
        ShardState.DAMAGED,
    ),
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_shard_is_whole_when_it_has_all_its_own_files(how, folder, make_batch, shards) -> None:
    files = folder.files()
    assert files.state_of(0) is ShardState.MISSING
    for number in (0, 1):
        part = make_batch(shards[number], 3)
        files.write(number, part.table, part.maps)
    spoil, state = SPOILED[how]
    spoil(folder.storage)
    assert files.state_of(0) is state


def test_records_of_another_version_are_neither_read_nor_replaced(
    session, folder, make_batch, shards
) -> None:
    part = make_batch(shards[0], 3)
    folder.files().write(0, part.table, part.maps)
    name = "rows/r000/00000000.parquet"
    facts, _ = decode_facts(folder.storage.read(name))
    before = encode_table(pa.table({"image": ["a", "b", "c"]}), facts)
    folder.storage.write(name, before)
    with pytest.raises(DataError, match="columns are not those of this version"):
        session().run()
    assert folder.storage.read(name) == before


def test_a_complete_shard_whose_write_failed_is_written_by_the_next_session(
    session, folder, monkeypatch, is_whole
) -> None:
    write = ShardFiles.write

    def fail(files: ShardFiles, number: int, *content: object) -> None:
        if number == 1:
            raise DataError("records/00001.parquet: cannot be written (No space left on device)")
        write(files, number, *content)

    one = session()
    with monkeypatch.context() as patched:
        patched.setattr(ShardFiles, "write", fail)
        with pytest.raises(DataError, match="No space left"):
            one.run()
    assert folder.files().partial.numbers() == [1]
    again = session()
    again.run()
    assert again.found.begun == {1: 3}  # all of it
    assert again.found.damaged == ()
    assert 1 not in {shard.number for _, shard in again.pool.given}
    assert again.images == 2
    assert is_whole()


# Workers that do not answer, and those that do not get on


class Seconds:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def halting(one: Session, worker: int, processor: Callable[[], float] | None) -> Seconds:
    """From its second image on a worker finishes nothing; it may still send signs of life."""
    clock, work = Seconds(), one.pool.work
    done: list[int] = []

    def wait() -> Sequence[tuple[int, Message]]:
        clock.now += 1.0
        if one.pool.started:
            return [one.pool.started.pop(0)]
        messages: list[tuple[int, Message]] = []
        for each, shards in sorted(one.pool.in_hand.items()):
            if each == worker and not one.pool.replaced and len(done) > 1:
                messages += [(each, Alive(processor()))] if processor else []
            elif shards:
                done.extend([each] if each == worker else [])
                messages.append((each, work(each)))
            else:
                messages.append((each, Alive(0.0)))
        return messages

    one.pool.wait = wait  # type: ignore[method-assign]
    return clock


@pytest.mark.parametrize(
    ("processor", "seconds", "words"),
    [
        (None, 60, "has not answered for 30 s"),
        (lambda: 1.0, 300, "answers, but has neither finished a batch nor used its processor"),
    ],
)
def test_a_worker_that_hangs_is_reported_relieved_and_given_up(
    processor, seconds, words, session, is_whole, monkeypatch
) -> None:
    one = session(2)
    clock = halting(one, 0, processor)
    monkeypatch.setattr(module, "Watch", lambda: Watch(clock))
    one.run()
    assert is_whole()
    assert one.images == 8
    assert words in one.said[0]
    assert one.said[0].startswith("Worker 1 on this machine")
    assert f"after {seconds} s it is replaced" in one.said[0]
    assert one.said[1].startswith("Lost a worker on this machine: it has")
    assert one.pool.replaced == [0]
    # The shard that it had not started went to the other before it was given up.
    assert {shard.number for worker, shard in one.pool.given if worker == 1} >= {1, 2}


def test_a_long_batch_is_no_halt(session, is_whole, monkeypatch) -> None:
    one = session(2)
    busy = Seconds()

    def compute() -> float:
        busy.now += 0.9  # of every second
        return busy.now

    clock = halting(one, 0, compute)
    wait = one.pool.wait

    def end_at_last() -> Sequence[tuple[int, Message]]:
        if clock.now > 1000:
            return [(0, one.pool.work(0))] if one.pool.in_hand[0] else []
        return wait()

    one.pool.wait = end_at_last
    monkeypatch.setattr(module, "Watch", lambda: Watch(clock))
    one.run()
    assert is_whole()
    assert one.said == []
    assert one.pool.replaced == []


def test_a_worker_that_continues_makes_nothing_twice(session, is_whole, monkeypatch) -> None:
    one = session(2)
    clock = halting(one, 0, None)
    wait, woken = one.pool.wait, []

    def wake() -> Sequence[tuple[int, Message]]:
        if clock.now < 45:
            return wait()
        clock.now += 1
        woken.append(1)
        return [
            (worker, one.pool.work(worker) if shards else Alive(0.0))
            for worker, shards in sorted(one.pool.in_hand.items())
        ]

    one.pool.wait = wake
    monkeypatch.setattr(module, "Watch", lambda: Watch(clock))
    one.run()
    assert woken
    assert one.said[1:] == ["Worker 1 on this machine continues."]
    assert is_whole()
    assert one.images == 8


def test_a_stop_does_not_wait_for_a_worker_that_does_not_answer(session, monkeypatch) -> None:
    one = session(1)
    clock = halting(one, 0, None)
    wait = one.pool.wait

    def stop() -> Sequence[tuple[int, Message]]:
        one.stop.asked = clock.now > 5
        return wait()

    one.pool.wait = stop
    monkeypatch.setattr(module, "Watch", lambda: Watch(clock))
    one.run()
    assert clock.now < 5 + module.SILENT_WHEN_STOPPING + 3


def test_time_in_which_the_run_itself_was_halted_is_not_the_workers() -> None:
    clock = Seconds()
    watch = Watch(clock)
    watch.made_progress(0)
    for _ in range(3):
        clock.now += 1000
        watch.tick()
    assert watch.silence(0) == watch.standstill(0) < 10
    watch.alive(0, 0.0, has_work=True)
    assert watch.silence(0) == 0 < watch.standstill(0)
    watch.alive(0, 0.0, has_work=False)  # an idle worker stands still, rightly
    assert watch.standstill(0) == 0
    watch.forget(0)
    assert watch.workers() == []
