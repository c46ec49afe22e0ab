"""Makes the records that a run's folder lacks, wherever the run's work is done."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pyarrow as pa

from wsol_bench.engine.catalog import ENGINES, Plan
from wsol_bench.engine.claims import Claims
from wsol_bench.engine.messages import OURS, Opened
from wsol_bench.engine.scheduler import Drive
from wsol_bench.engine.shard_queue import Found, Ledger
from wsol_bench.engine.shards import Shard, shards_of
from wsol_bench.errors import Interrupted, UsageError, WsolBenchError
from wsol_bench.records.run_folder import MACHINES, SECONDS, VERSIONS, RunFolder
from wsol_bench.records.table import records_in
from wsol_bench.runs.gate import IMAGES, Gate
from wsol_bench.runs.prepare import Prepared, open_source, prepare
from wsol_bench.runs.running_errors import RunningErrors
from wsol_bench.runtime.interrupt import Stop
from wsol_bench.runtime.machine import version_of
from wsol_bench.runtime.process_owner import Owner
from wsol_bench.runtime.progress import progress, say
from wsol_bench.settings import RunSettings


@dataclass(frozen=True, slots=True)
class Making:
    """What making the records came to.

    Attributes:
        seconds: of all sessions.
        devices: on which workers ran now; the pipeline's own where nothing was to do.
        machines: where they ran, those of earlier sessions included.
    """

    seconds: float
    devices: tuple[str, ...]
    machines: tuple[Mapping[str, object], ...]


def open_part(settings: RunSettings) -> Opened:
    """What a worker opens for itself: the images and one network."""
    part = prepare(settings, open_source(settings, quiet=True))
    return Opened(part.pipeline, part.source.dataset, part.identity)


def make_records(
    part: Prepared, settings: RunSettings, folder: RunFolder, stop: Stop, *, quiet: bool
) -> Making:
    """Makes what is missing; what is there and whole is kept.

    Args:
        part: one network, opened in this process.
        settings: its own, with the device that the workers are to use.
        folder: begun.
        stop: says when to stop.
        quiet: say nothing on stderr.

    Raises:
        Interrupted: a stop was asked for; all finished batches are kept.
        DataError, RunError: of a worker, the gate, or the folder.
    """
    pipeline = part.pipeline
    shards = shards_of(len(part.source.dataset.examples))
    kept = [placed.method.name for placed in pipeline.methods] if pipeline.keep_maps else []
    with Claims(folder) as claims, _logged(folder) as log:
        ledger = Ledger(shards, folder.shards, claims, len(part.methods), kept)
        found = ledger.survey()
        if not quiet:
            _tell(found, shards, ledger.holders(), folder)
        gate = _gate_of(part)
        if gate:
            _watch_kept(gate, found, folder)
        if ledger.is_done():
            return Making(log.seconds, (str(pipeline.device),), log.machines())
        if not quiet and found.images(shards):
            _tell_other_versions(folder)
        log.start()
        opened = Opened(pipeline, part.source.dataset, part.identity)
        plan = Plan(settings, open_part, opened, len(shards) - len(found.whole))
        devices = _drive(part, plan, ledger, found, gate, stop, log, quiet)
        if not ledger.is_done():
            raise Interrupted(_how_far(ledger, settings))
        return Making(log.seconds, devices, log.machines())


def _drive(
    part: Prepared,
    plan: Plan,
    ledger: Ledger,
    found: Found,
    gate: Gate | None,
    stop: Stop,
    log: "_Log",
    quiet: bool,
) -> tuple[str, ...]:
    left = sum(shard.images for shard in ledger.shards) - found.images(ledger.shards)
    engine = ENGINES[plan.settings.engine]
    titles = {method.name: method.title for method in part.methods}
    running = RunningErrors(part.pipeline.protocol, titles)
    with progress(part.arch.title, left, quiet=quiet) as advance:

        def on_table(table: pa.Table, images: int) -> None:
            if gate and not gate.has_looked:
                gate.watch(records_in(table))
            advance(images, "" if quiet else running.take(table))

        ledger.on_made_elsewhere = advance
        with engine.open(plan, stop) as pool, stop.gently():
            told = _silence if quiet else say
            drive = Drive(ledger, pool, plan.opened.must_match, on_table, told)
            log.here = drive.machines
            drive.run(stop)
    return tuple(sorted(drive.devices))


def _tell(
    found: Found, shards: Sequence[Shard], others: Sequence[Owner], folder: RunFolder
) -> None:
    there, images = found.images(shards), sum(shard.images for shard in shards)
    if there:
        say(f"{there} of {images} images are already in {folder.path}; kept.")
    if found.damaged:
        one = len(found.damaged) == 1
        names = ", ".join(f"{number:05d}" for number in found.damaged)
        say(
            f"{len(found.damaged)} {'shard' if one else 'shards'} in {folder.path} "
            f"{'was' if one else 'were'} damaged ({names}) and {'is' if one else 'are'} made again."
        )
    if others:
        say(
            f"{', '.join(map(str, others))} makes shards of this run too; the rest is shared, and "
            "what is left undone is taken over."
        )


def _tell_other_versions(folder: RunFolder) -> None:
    """Says that another wsol_bench made what is there; another torch is in the manifest only."""
    manifest, now = folder.manifest(), version_of(OURS)
    noted = [manifest.get(VERSIONS, {}), *manifest.get(MACHINES, [])]
    others = sorted({each[OURS] for each in noted if OURS in each} - {now})
    if others:
        say(
            f"Records in {folder.path} were made by wsol_bench {', '.join(others)}; this is {now}. "
            "The changelog says what changed. To be sure, run into another folder."
        )


def _how_far(ledger: Ledger, settings: RunSettings) -> str:
    if settings.out is None:
        return "interrupted; without --out nothing is kept."
    images = sum(shard.images for shard in ledger.shards)
    done = ledger.survey().images(ledger.shards)
    return f"interrupted; {done:,} of {images:,} images are done and kept in {settings.out}."


def _gate_of(part: Prepared) -> Gate | None:
    asked, images = part.settings.gate, len(part.source.dataset.examples)
    published = part.loaded.topology.published
    if asked is None:
        return None
    if not isinstance(asked, str):
        return Gate(float(asked), "the figure you gave", min(IMAGES, images))
    if published is None or not part.source.is_ilsvrc:
        raise UsageError(
            f"--gate: no error is published for {part.loaded.name} on "
            f"{part.source.dataset.name}. Name one: --gate PERCENT."
        )
    return Gate(published.top1, f"published ({published.source})", min(IMAGES, images))


def _watch_kept(gate: Gate, found: Found, folder: RunFolder) -> None:
    """Shows the gate what is there already, so that no restart gets past it."""
    for number in sorted(found.whole):
        if not gate.has_looked:
            gate.watch(records_in(folder.shards.table(number)))
    for number in found.begun:
        kept = folder.shards.read_part(number, ())
        if kept and not gate.has_looked:
            gate.watch(records_in(kept[0]))


def _silence(_: str) -> None:
    """In place of `say`."""


@dataclass(slots=True)
class _Log:
    """What of a network's sessions its manifest tells, this one included once it has begun.

    Attributes:
        folder: of the manifest.
        earlier: seconds of the sessions before.
        started: when this one began, or None.
        here: the machines of this one.
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
        """Those of the manifest, to which another process may have added, and of this session."""
        found = list(self.folder.manifest().get(MACHINES, []))
        return (*found, *(machine for machine in self.here if machine not in found))

    def write(self) -> None:
        """Notes it all in the manifest."""
        content = {SECONDS: self.seconds, MACHINES: list(self.machines())}
        self.folder.write_manifest({**self.folder.manifest(), **content})


@contextmanager
def _logged(folder: RunFolder) -> Iterator[_Log]:
    """Notes in the manifest where the work was done and how long it took, however it ended."""
    log = _Log(folder, float(folder.manifest().get(SECONDS, 0.0)))
    try:
        yield log
    finally:
        if log.started is not None:
            with suppress(WsolBenchError):  # an error of the work itself is the one to tell
                log.write()
