"""The messages between a run and its workers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wsol_bench.runtime.machine import version_of

if TYPE_CHECKING:  # a worker sends its first sign of life before it imports torch
    import pyarrow as pa

    from wsol_bench.datasets.example import Dataset
    from wsol_bench.pipeline.pipeline import Pipeline
    from wsol_bench.records.table import Maps

OURS = "wsol_bench"
"""The package whose version must be equal in all workers."""

HEARTBEAT = 2.0
"""Seconds between two signs of life of a worker."""


@dataclass(frozen=True, slots=True)
class OpenedJob:
    """The network and images of a worker.

    Attributes:
        pipeline: ready to run.
        dataset: opens the images.
        identity: everything that determines the records; equal on every machine.
    """

    pipeline: "Pipeline"
    dataset: "Dataset"
    identity: Mapping[str, object]

    @property
    def must_match(self) -> Mapping[str, object]:
        """The facts that all workers must share: the identity and the version of wsol_bench."""
        return {**self.identity, OURS: version_of(OURS)}


@dataclass(frozen=True, slots=True)
class Job:
    """How a worker opens its network and images; can be pickled.

    Attributes:
        open: opens them on the worker's machine, so that nothing large is sent.
        batch_size: tensors per forward pass.
        threads: the number of threads of this worker, for torch, decoding and boxes.
    """

    open: Callable[[], OpenedJob]
    batch_size: int
    threads: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has opened its job.

    Attributes:
        identity: that of the network and images which it opened.
        device: the one that it uses, as torch calls it.
        host: the name of its machine, for messages.
        machine: hardware and versions that may explain differing records.
    """

    identity: Mapping[str, object]
    device: str
    host: str
    machine: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """A finished batch: the next images of a shard, in order.

    Attributes:
        number: the shard's number.
        start: the first image, among the examples.
        images: the number of images.
        table: their records, of `SCHEMA`.
        maps: method -> (n, t, u, v); empty when no maps are kept.
    """

    number: int
    start: int
    images: int
    table: "pa.Table"
    maps: "Maps" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line for the user."""

    text: str


@dataclass(frozen=True, slots=True)
class Alive:
    """A sign of life, sent every `HEARTBEAT` seconds.

    Attributes:
        processor: the seconds of processor time that the worker's process has used.
    """

    processor: float


@dataclass(frozen=True, slots=True)
class Failed:
    """An error that every worker would meet, and which therefore ends the run."""

    error: Exception
    trace: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The worker has finished its current batch and stopped, as requested."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker process has ended, and its unfinished work with it.

    Attributes:
        why: the reason, as far as it is known.
    """

    why: str


Message = Ready | BatchResult | LogLine | Alive | Failed | Stopped | Lost
