"""Workers in processes and actors: started, heard, replaced and ended."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from wsol_bench.engine import messages, ray_pool
from wsol_bench.engine import resources as machine
from wsol_bench.engine import subprocess_pool as processes
from wsol_bench.engine.catalog import ENGINES
from wsol_bench.engine.messages import Failed, Job, LogLine, Lost, OpenedJob, Ready, Stopped
from wsol_bench.engine.ray_pool import RayPool, cluster
from wsol_bench.engine.ray_share import Share, share_of
from wsol_bench.engine.ray_worker import RayWorker
from wsol_bench.engine.shards import Shard
from wsol_bench.engine.subprocess_pool import SubprocessPool
from wsol_bench.engine.worker import Inbox, serve
from wsol_bench.errors import DataError, RunError, UsageError
from wsol_bench.settings import RunSettings

SETTINGS = RunSettings(arch="alexnet")


# Settings


@pytest.mark.parametrize(
    ("engine", "changes", "said"),
    [
        ("local", {"workers": 0}, "--workers 0"),
        ("ray", {"workers": -1}, "--workers -1"),
        ("local", {"gpus_per_worker": 2.0}, "--gpus-per-worker 2"),
        ("ray", {"gpus_per_worker": -0.5}, "--gpus-per-worker -0.5"),
        ("local", {"ray_address": "auto"}, "--engine ray"),
        ("local", {"gpus_per_worker": 0.5, "device": "cpu"}, "no GPUs to share"),
    ],
)
def test_settings_that_make_no_sense_are_refused(engine, changes, said) -> None:
    with pytest.raises(UsageError, match=said):
        ENGINES[engine].check(replace(SETTINGS, **changes))


def test_one_worker_on_this_machine_is_this_process() -> None:
    assert ENGINES["local"].works_here(SETTINGS)
    assert ENGINES["local"].works_here(replace(SETTINGS, workers=1))
    assert not ENGINES["local"].works_here(replace(SETTINGS, workers=2))
    assert not ENGINES["ray"].works_here(SETTINGS)


@pytest.mark.parametrize(
    ("gpus", "changes", "workers", "devices"),
    [
        (0, {"device": "cpu"}, 2, ["cpu", "cpu"]),
        (0, {}, 2, ["auto", "auto"]),
        (8, {"device": "cpu"}, 2, ["cpu", "cpu"]),
        (8, {"device": "cuda:3"}, 2, ["cuda:3", "cuda:3"]),
        (4, {}, 3, ["cuda:0", "cuda:1", "cuda:2"]),
        (2, {}, 4, ["cuda:0", "cuda:0", "cuda:1", "cuda:1"]),
        (2, {"device": "cuda"}, 3, ["cuda:0", "cuda:0", "cuda:1"]),
        (4, {"gpus_per_worker": 0.5}, 4, ["cuda:0", "cuda:0", "cuda:1", "cuda:1"]),
    ],
)
def test_workers_are_spread_over_the_gpus(gpus, changes, workers, devices, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert machine.devices_here(replace(SETTINGS, **changes), workers) == devices


@pytest.mark.parametrize(
    ("nodes", "changes", "share"),
    [
        # GPUs: one each, with its part of the processors of the poorest machine
        ([{"CPU": 16, "GPU": 8}], {}, Share(8, 2, 1.0, "auto")),
        ([{"CPU": 64}, {"CPU": 8, "GPU": 8}], {}, Share(8, 1, 1.0, "auto")),
        ([{"CPU": 16, "GPU": 8}], {"gpus_per_worker": 0.5}, Share(16, 1, 0.5, "auto")),
        ([{"CPU": 16, "GPU": 8}], {"workers": 3, "threads": 5}, Share(3, 5, 1.0, "auto")),
        ([{"CPU": 16, "GPU": 8}], {"device": "cpu"}, Share(1, 16, 0.0, "cpu")),
        ([{"CPU": 16, "GPU": 8}], {"gpus_per_worker": 0.0}, Share(1, 16, 0.0, "cpu")),
        # none: a worker takes a machine
        ([{"CPU": 4}, {"CPU": 8}], {}, Share(3, 4, 0.0, "cpu")),
        ([{}, {"CPU": 1}, {"CPU": 1}], {"workers": 2}, Share(2, 1, 0.0, "cpu")),
        ([{"CPU": 8}], {"workers": 4}, Share(4, 2, 0.0, "cpu")),
        ([{"CPU": 8}], {"threads": 3}, Share(2, 3, 0.0, "cpu")),
        ([{}], {}, Share(1, 1, 0.0, "cpu")),
        # none yet, but asked for
        ([{"CPU": 8}], {"gpus_per_worker": 1.0}, Share(1, 1, 1.0, "auto")),
    ],
)
def test_a_rays_machines_are_shared_out(nodes, changes, share) -> None:
    dead = {"Alive": False, "Resources": {"CPU": 99, "GPU": 99}}
    listed = [{"Alive": True, "Resources": node} for node in nodes]
    ray = SimpleNamespace(nodes=lambda: [*listed, dead])
    assert share_of(ray, replace(SETTINGS, **changes)) == share


# A worker's life


def test_a_worker_that_cannot_open_its_job_says_why() -> None:
    said: list = []

    def fail() -> None:
        raise DataError("no such folder")

    serve(Job(fail, 1, 1), Inbox(), said.append)
    assert [type(each) for each in said] == [Failed]
    assert str(said[0].error) == "no such folder"
    assert "fail" in said[0].trace


def test_an_error_that_is_not_ours_is_told_in_words_that_can_be_sent() -> None:
    said: list = []

    def fail() -> None:
        raise ZeroDivisionError("division by zero")

    serve(Job(fail, 1, 1), Inbox(), said.append)
    assert isinstance(said[0].error, RunError)
    assert "ZeroDivisionError: division by zero" in str(said[0].error)


def test_a_worker_of_another_version_of_ours_has_opened_something_else(monkeypatch) -> None:
    ours = OpenedJob(None, None, {"arch": "vgg16"}).must_match  # type: ignore[arg-type]
    monkeypatch.setattr(messages, "version_of", lambda name: "99")
    theirs = OpenedJob(None, None, {"arch": "vgg16"}).must_match  # type: ignore[arg-type]
    assert {name for name in ours if ours[name] != theirs[name]} == {"wsol_bench"}


def test_an_inbox_gives_shards_in_order_and_nothing_after_a_stop() -> None:
    inbox = Inbox()
    assert inbox.take() is None
    inbox.put(Shard(0, 0, 2))
    inbox.put(Shard(1, 2, 4))
    assert inbox.wait()
    assert inbox.take() == Shard(0, 0, 2)
    inbox.stop()
    assert inbox.take() is None
    assert not inbox.wait()


# Programs on this machine


def fail_to_open() -> None:
    raise DataError("no such folder")


def say_for(pool, *kinds: type) -> list:
    end = time.monotonic() + 120
    said: list = []
    while not any(isinstance(message, kinds) for _, message in said):
        assert time.monotonic() < end, said
        said += pool.wait()
    return said


def test_a_process_that_is_killed_is_lost_and_can_be_replaced(monkeypatch) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    popen = subprocess.Popen
    monkeypatch.setattr(processes.subprocess, "Popen", lambda _, **more: popen(sleep, **more))
    pool = SubprocessPool([Job(fail_to_open, 1, 1)] * 2)
    try:
        assert pool.wait() == []
        pool._workers[1].process.send_signal(signal.SIGKILL)
        said = say_for(pool, Lost)
        pid = pool._workers[1].process.pid
        assert said == [(1, Lost(f"process {pid} was ended by SIGKILL"))]
        assert pool.wait() == []  # it is said once
        pool.give(1, Shard(0, 0, 1))  # which nobody hears
        pool.replace(1)
        assert pool._workers[1].process.poll() is None
    finally:
        pool.kill()
        pool.close()
    assert all(worker.process.poll() is not None for worker in pool._workers)


def test_a_program_that_ends_by_itself_is_lost_with_its_exit_code(monkeypatch) -> None:
    popen = subprocess.Popen
    ends = [sys.executable, "-c", "raise SystemExit(7)"]
    monkeypatch.setattr(processes.subprocess, "Popen", lambda _, **more: popen(ends, **more))
    pool = SubprocessPool([Job(fail_to_open, 1, 1)])
    try:
        ((_, lost),) = say_for(pool, Lost)
        assert lost.why.endswith("ended with exit code 7")
    finally:
        pool.close()


# Ray, without Ray


class FakeRay:
    """As much of Ray as a pool uses; actors work at once, where a test does not say else."""

    def __init__(self) -> None:
        self.options: dict = {}
        self.dead: set[int] = set()
        self.killed: list[int] = []
        self.actors: list = []
        self.machines = [{"NodeID": "here", "Alive": True}]
        self.quiet = False
        self.exceptions = SimpleNamespace(RayError=FakeRayError)

    def remote(self, cls: type):
        def options(**given: object):
            self.options = given
            return SimpleNamespace(remote=self.start)

        return SimpleNamespace(options=options)

    def start(self, job: Job):
        number = len(self.actors)
        said: list = [Ready({}, "cpu", "node")]

        def listen() -> tuple[int, list]:
            given, said[:] = list(said), []
            return number, given

        def give(shard: Shard) -> None:
            said.append(LogLine(f"{shard.number}"))

        actor = SimpleNamespace(
            number=number,
            listen=SimpleNamespace(remote=lambda: (number, time.monotonic_ns())),
            take=listen,
            give=SimpleNamespace(remote=give),
            stop=SimpleNamespace(remote=lambda: said.append(Stopped())),
        )
        self.actors.append(actor)
        return actor

    def wait(self, references: list, num_returns: int, timeout: float):
        if self.quiet:
            return [], references
        return references[:num_returns], references[num_returns:]

    def get(self, reference: tuple[int, int]):
        number = reference[0]
        if number in self.dead:
            raise FakeRayError("The actor died unexpectedly.\nIts machine is gone.")
        return self.actors[number].take()[1]

    def kill(self, actor, no_restart: bool) -> None:
        assert no_restart
        self.killed.append(actor.number)

    def get_runtime_context(self):
        return SimpleNamespace(get_node_id=lambda: "here")

    def nodes(self) -> list[dict]:
        return self.machines

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 3.0}


class FakeRayError(Exception):
    """The root of Ray's errors."""


def test_actors_are_asked_for_heard_and_replaced() -> None:
    ray = FakeRay()
    pool = RayPool(ray, Job(fail_to_open, 1, threads=2), workers=2, gpus=0.5)
    assert (ray.options["num_cpus"], ray.options["num_gpus"]) == (2, 0.5)
    assert {worker for worker, _ in pool.wait()} == {0, 1}
    pool.give(1, Shard(4, 0, 1))
    assert pool.wait() == [(1, LogLine("4"))]
    ray.dead.add(1)
    assert pool.wait() == [(1, Lost("FakeRayError: Its machine is gone."))]
    assert pool.wait() == []
    pool.replace(1)
    assert ray.killed == [1]
    assert pool.wait() == [(1, Ready({}, "cpu", "node"))]
    pool.stop()
    assert pool.wait() == [(0, Stopped()), (1, Stopped())]
    pool.close()
    assert ray.killed == [1, 0, 2]


@pytest.mark.parametrize(
    ("machines", "said"),
    [
        ([("here", False), ("there", True)], "its raylet is gone"),
        ([("there", False)], "no machine left"),
    ],
)
def test_a_cluster_that_is_gone_ends_the_run_with_the_reason(machines, said, monkeypatch) -> None:
    monkeypatch.setattr(ray_pool, "_CHECK_INTERVAL", 0.0)
    ray = FakeRay()
    pool = RayPool(ray, Job(fail_to_open, 1, threads=2), workers=1, gpus=0.0)
    ray.quiet = True
    assert pool.wait() == []
    ray.machines = [{"NodeID": name, "Alive": alive} for name, alive in machines]
    with pytest.raises(RunError, match=said):
        pool.wait()


def test_what_actors_wait_for_is_said() -> None:
    pool = RayPool(FakeRay(), Job(fail_to_open, 1, threads=2), workers=1, gpus=1.0)
    assert (
        pool.waiting_for
        == "Each needs 2 CPUs and 1 GPUs; the cluster has 3 CPUs and 0 GPUs in all."
    )


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        ("ActorDiedError", "The actor died.\nclass_name: x", "its process or its machine is gone"),
        ("ActorUnavailableError", "RPC error", "its machine does not answer"),
        (
            "ActorDiedError",
            "The actor died because of an error raised in its creation task\n"
            "ModuleNotFoundError: No module named 'wsol_bench'",
            "ActorDiedError: ModuleNotFoundError: No module named 'wsol_bench'",
        ),
    ],
)
def test_a_lost_actor_is_told_in_a_few_words(kind, text, why) -> None:
    assert ray_pool._why(type(kind, (Exception,), {})(text)) == why


def test_without_ray_the_message_says_how_to_install_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'wsol_bench\[ray\]'"), cluster(None):
        pass


def test_a_cluster_that_does_not_answer_is_one_message(monkeypatch, capsys) -> None:
    def init(*_: object, **__: object) -> None:
        raise ConnectionError("Could not connect\nto it")

    fake = SimpleNamespace(is_initialized=lambda: False, init=init)
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with (
        pytest.raises(RunError, match=r"--ray-address auto: no Ray.*Could not connect\)"),
        cluster("auto"),
    ):
        pass


def test_a_cluster_is_knocked_at_before_ray_tries_for_minutes(monkeypatch) -> None:
    calls: list = []
    fake = SimpleNamespace(
        is_initialized=lambda: False,
        init=lambda *given, **more: calls.append(given),
        shutdown=lambda: None,
    )
    monkeypatch.setitem(sys.modules, "ray", fake)
    with socket.socket() as head:
        head.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{head.getsockname()[1]}"
        with pytest.raises(RunError, match=f"--ray-address {address}: no Ray"), cluster(address):
            pass
        assert calls == []
        head.listen()
        with cluster(address):
            assert calls == [(address,)]
    with cluster("auto"):
        assert calls[1:] == [("auto",)]


def test_rays_words_do_not_reach_stdout_and_our_ray_ends_with_us(monkeypatch, capsys) -> None:
    calls: list = []
    fake = SimpleNamespace(
        is_initialized=lambda: False,
        init=lambda *given, **more: calls.append((given, more)),
        shutdown=lambda: calls.append("shutdown"),
    )
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with cluster(None):
        print("(raylet) A worker died")
    assert capsys.readouterr().out == ""
    (given, more), ended = calls
    assert given == ("local",)
    assert more["include_dashboard"] is False
    assert ended == "shutdown"


def test_an_actor_tells_what_its_worker_says() -> None:
    worker = RayWorker(Job(fail_to_open, 1, 1))
    (failed,) = worker.listen()
    assert isinstance(failed, Failed)
    worker.give(Shard(0, 0, 1))
    worker.stop()


# The whole way


def test_two_processes_make_the_files_that_one_makes(
    small_dataset: Path, small_weights: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    from wsol_bench.cli.main import main
    from wsol_bench.engine import shards

    monkeypatch.setattr(shards, "SHARD", 2)
    command = ["run", "--arch=squeezenet1_1", f"--weights={small_weights}", "--batch-size=2", "-q"]
    command += [f"--data={small_dataset}", "--methods=grad_cam,center", "--keep-maps", "--json"]
    printed = []
    for name, more in (("one", []), ("two", ["--workers=2"])):
        assert main([*command, f"--out={tmp_path / name}", *more]) == 0
        printed.append(capsys.readouterr())
    assert printed[1].err == ""
    one, two = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in sorted(found)}
        for name in ("one", "two")
        for found in [
            [*(tmp_path / name).rglob("*.parquet"), *(tmp_path / name).rglob("*.npy")],
        ]
    )
    assert one == two
    assert len(one) == 5 * 4  # examples, two rows and maps of each shard


def test_a_worker_process_that_cannot_open_its_data_ends_the_run_with_its_message(
    small_dataset: Path, small_weights: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    from wsol_bench.cli.main import main
    from wsol_bench.runs import execute as make

    data = Path(shutil.copytree(small_dataset, tmp_path / "data"))
    # The run has the folder open; to its workers it is gone, as on another machine.
    monkeypatch.setattr(make, "_report_survey", lambda *_: shutil.rmtree(data))
    command = ["run", "--arch=squeezenet1_1", f"--weights={small_weights}", "--workers=2"]
    assert main([*command, f"--data={data}", "--methods=center"]) == 3
    said = capsys.readouterr().err
    assert str(data) in said
    assert "Traceback" not in said
