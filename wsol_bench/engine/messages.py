"""What passes between a run and those that do its work."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from wsol_bench.datasets.example import Dataset
from wsol_bench.pipeline.pipeline import Pipeline
from wsol_bench.records.shard_files import Maps
from wsol_bench.runtime.machine import version_of

OURS = "wsol_bench"
"""The package whose version all workers must share."""


@dataclass(frozen=True, slots=True)
class Opened:
    """All that a worker needs.

    Attributes:
        pipeline: ready to run.
        dataset: opens the images.
        identity: what decides the records; the same wherever the run was opened.
    """

    pipeline: Pipeline
    dataset: Dataset
    identity: Mapping[str, object]

    @property
    def must_match(self) -> Mapping[str, object]:
        """What all workers of a run must have in common: one wsol_bench made all records."""
        return {**self.identity, OURS: version_of(OURS)}


@dataclass(frozen=True, slots=True)
class Job:
    """How a worker comes to its network and images; can be pickled.

    Attributes:
        open: opens them where the worker is. Nothing large is sent.
        batch_size: tensors per forward pass.
        threads: of this worker, for torch's work as for its own.
    """

    open: Callable[[], Opened]
    batch_size: int
    threads: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has opened its job.

    Attributes:
        identity: of what it opened.
        device: on which it works.
        place: the machine, for messages.
        machine: what may explain a difference between two machines' records.
    """

    identity: Mapping[str, object]
    device: str
    place: str
    machine: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """A batch is done: the next images of a shard, in order.

    Attributes:
        number: of the shard.
        images: how many.
        table: their records, of `SCHEMA`.
        maps: method -> (n, t, u, v), where they are kept.
    """

    number: int
    images: int
    table: pa.Table
    maps: Maps = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """A line for the user."""

    text: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Something is wrong that would be so in every worker."""

    error: Exception
    trace: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The batch in hand is finished and nothing more will come."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker is gone, with what it had in hand.

    Attributes:
        why: as far as is known.
    """

    why: str


Message = Ready | Part | Said | Failed | Stopped | Lost
