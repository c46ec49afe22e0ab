"""Makes the missing records of a run's folder on the selected engine."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace

import pyarrow as pa

from wsol_bench.engine.catalog import ENGINES, Plan
from wsol_bench.engine.leases import Leases
from wsol_bench.engine.messages import OURS, OpenedJob
from wsol_bench.engine.scheduler import Scheduler
from wsol_bench.engine.shard_queue import ShardQueue, Survey
from wsol_bench.engine.shards import Shard, shards_of
from wsol_bench.errors import Interrupted, UsageError, WsolBenchError
from wsol_bench.records.manifest import Manifest
from wsol_bench.records.run_folder import RunFolder, as_plain
from wsol_bench.records.shard_files import ShardFiles
from wsol_bench.runs.gate import IMAGES, Gate
from wsol_bench.runs.gate_diagnosis import diagnosing
from wsol_bench.runs.identify import rows_of
from wsol_bench.runs.prepare import Prepared, prepare
from wsol_bench.runs.running_errors import RunningErrors
from wsol_bench.runs.source import open_source
from wsol_bench.runtime.interrupt import Stop
from wsol_bench.runtime.machine import version_of
from wsol_bench.runtime.process_owner import Owner
from wsol_bench.runtime.progress import log, progress
from wsol_bench.settings import RunSettings


@dataclass(frozen=True, slots=True)
class RunStatistics:
    """Statistics of making the records.

    Attributes:
        seconds: of all sessions together.
        devices: those that workers used in this session; the pipeline's if no work was left.
        machines: those of all sessions.
    """

    seconds: float
    devices: tuple[str, ...]
    machines: tuple[Mapping[str, object], ...]


def open_job(settings: RunSettings) -> OpenedJob:
    """Opens the images and the network of a worker."""
    return opened_job(prepare(settings, open_source(settings, quiet=True)))


def opened_job(prepared: Prepared) -> OpenedJob:
    """The job of the engine for a network that is open in this process.

    Every worker must share its identity and the definition of each row.
    """
    rows = {row.name: row.definition for row in rows_of(prepared.methods)}
    decides = as_plain(asdict(prepared.identity))
    del decides["shard"]  # how files are cut, which workers do not decide
    return OpenedJob(prepared.pipeline, prepared.source.dataset, {**decides, "rows": rows})


def make_records(
    prepared: Prepared, folder: RunFolder, stop: Stop, *, quiet: bool
) -> RunStatistics:
    """Makes missing records; complete shards are kept.

    Args:
        prepared: one network, opened in this process.
        folder: already created.
        stop: set when a signal requests a stop.
        quiet: print nothing on stderr.

    Raises:
        Interrupted: a stop was requested; all finished batches are kept.
        DataError, RunError: an error of a worker, the gate or the folder.
    """
    pipeline, settings = prepared.pipeline, prepared.settings
    shards = shards_of(len(prepared.source.dataset.examples))
    files = folder.files(row.name for row in pipeline.methods)
    folder.storage.is_stopping = lambda: stop.asked
    if quiet:
        folder.storage.report = _silence
    with Leases(folder) as leases, _logged(folder) as session:
        queue = ShardQueue(shards, files, leases)
        found = queue.survey()
        if not quiet:
            _report_survey(found, shards, queue.holders(), folder)
        gate = _gate_of(prepared)
        if gate:
            with diagnosing(prepared, quiet=quiet):
                _watch_kept(gate, found, files)
        if queue.is_done():
            return RunStatistics(session.seconds, (str(pipeline.device),), session.machines())
        if not quiet and found.images(shards):
            _report_other_versions(folder)
        session.start()
        opened = opened_job(prepared)
        report = _silence if quiet else log
        plan = Plan(settings, open_job, opened, len(shards) - len(found.whole), report)
        with diagnosing(prepared, quiet=quiet):
            devices = _schedule(prepared, plan, queue, found, gate, stop, session, quiet)
        if not queue.is_done():
            raise Interrupted(_how_far(queue, settings))
        return RunStatistics(session.seconds, devices, session.machines())


def _schedule(
    prepared: Prepared,
    plan: Plan,
    queue: ShardQueue,
    found: Survey,
    gate: Gate | None,
    stop: Stop,
    session: "_SessionLog",
    quiet: bool,
) -> tuple[str, ...]:
    left = sum(shard.images for shard in queue.shards) - found.images(queue.shards)
    engine = ENGINES[plan.settings.engine]
    titles = {method.name: method.title for method in prepared.methods}
    running = RunningErrors(prepared.pipeline.protocol, titles)
    with progress(prepared.arch.title, left, quiet=quiet) as advance:

        def on_table(table: pa.Table, images: int) -> None:
            if gate and not gate.has_looked:
                gate.watch(table)
            advance(images, "" if quiet else running.take(table))

        queue.on_finished_elsewhere = advance
        with engine.open(plan, stop) as pool, stop.gently():
            scheduler = Scheduler(queue, pool, plan.opened.must_match, on_table, plan.report)
            session.here = scheduler.machines
            scheduler.run(stop)
    return tuple(sorted(scheduler.devices))


def _report_survey(
    found: Survey, shards: Sequence[Shard], others: Sequence[Owner], folder: RunFolder
) -> None:
    there, images = found.images(shards), sum(shard.images for shard in shards)
    if there:
        log(f"{there} of {images} images are already in {folder.path}; kept.")
    if found.damaged:
        one = len(found.damaged) == 1
        names = ", ".join(f"{number:08d}" for number in found.damaged)
        log(
            f"{len(found.damaged)} {'shard' if one else 'shards'} in {folder.path} "
            f"{'was' if one else 'were'} damaged ({names}) and {'is' if one else 'are'} made again."
        )
    if others:
        log(
            f"{', '.join(map(str, others))} is working on this run too; the remaining shards "
            "are shared, and those of a process that ends are taken over."
        )


def _report_other_versions(folder: RunFolder) -> None:
    """Reports records of another wsol_bench; other versions of torch are in the manifest only."""
    manifest, now = folder.manifest(), version_of(OURS)
    noted = [manifest.versions, *manifest.machines]
    others = sorted({each[OURS] for each in noted if OURS in each} - {now})
    if others:
        log(
            f"Records in {folder.path} were made by wsol_bench {', '.join(others)}; this is {now}. "
            "The changelog lists what changed. To be sure, run into another folder."
        )


def _how_far(queue: ShardQueue, settings: RunSettings) -> str:
    if settings.out is None:
        return "interrupted; without --out nothing is kept."
    images = sum(shard.images for shard in queue.shards)
    done = queue.survey().images(queue.shards)
    return f"interrupted; {done:,} of {images:,} images are done and kept in {settings.out}."


def _gate_of(prepared: Prepared) -> Gate | None:
    asked, images = prepared.settings.gate, len(prepared.source.dataset.examples)
    published = prepared.loaded.topology.published if prepared.loaded else None
    if asked is None:
        return None
    if not isinstance(asked, str):
        return Gate(float(asked), "the given figure", min(IMAGES, images))
    if published is None or not prepared.source.is_ilsvrc:
        raise UsageError(
            f"--gate: no error is published for {prepared.weights} on "
            f"{prepared.source.dataset.name}. Name one: --gate PERCENT."
        )
    return Gate(published.top1, f"published ({published.source})", min(IMAGES, images))


def _watch_kept(gate: Gate, found: Survey, files: ShardFiles) -> None:
    """Passes existing records to the gate, so that a restart cannot bypass it."""
    for number in sorted(found.whole):
        if not gate.has_looked:
            gate.watch(files.table(number))
    for number in found.begun:
        kept = files.partial.read(number, maps=False)
        if kept and not gate.has_looked:
            gate.watch(kept[0])


def _silence(_: str) -> None:
    """Used in place of `log` in quiet runs."""


@dataclass(slots=True)
class _SessionLog:
    """The sessions of a network as its manifest lists them, including the current one.

    Attributes:
        folder: that of the manifest.
        earlier: seconds of earlier sessions.
        started: the start of this session, or None.
        here: the machines of this session.
    """

    folder: RunFolder
    earlier: float
    started: float | None = None
    here: Sequence[Mapping[str, object]] = ()

    def start(self) -> None:
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        now = time.monotonic()
        return round(self.earlier + now - (now if self.started is None else self.started), 3)

    def machines(self) -> tuple[Mapping[str, object], ...]:
        """The machines in the manifest, which other processes may extend, and of this session."""
        found = self.folder.manifest().machines
        return (*found, *(machine for machine in self.here if machine not in found))

    def write(self) -> None:
        """Writes the statistics to the manifest."""

        def written(there: Manifest) -> Manifest:
            here = (dict(machine) for machine in self.here)
            new = tuple(machine for machine in here if machine not in there.machines)
            machines = (*there.machines, *new)
            return replace(there, seconds_of_network=self.seconds, machines=machines)

        self.folder.rewrite(written)


@contextmanager
def _logged(folder: RunFolder) -> Iterator[_SessionLog]:
    """Writes machines and seconds to the manifest, also after an error."""
    log = _SessionLog(folder, folder.manifest().seconds_of_network)
    try:
        yield log
    finally:
        if log.started is not None:
            with suppress(WsolBenchError):  # an error of the work itself is the one to report
                log.write()
