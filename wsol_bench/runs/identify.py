"""The facts in a run's manifest: what determines its records, and its rows."""

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from wsol_bench.datasets.classes import is_ilsvrc
from wsol_bench.datasets.example import Dataset
from wsol_bench.datasets.index_hash import index_sha256
from wsol_bench.engine import shards
from wsol_bench.methods.bound import BoundMethod
from wsol_bench.networks.archs.entry import Arch
from wsol_bench.pipeline.pipeline import Pipeline
from wsol_bench.records.manifest import Identity, ManifestRow
from wsol_bench.records.run_folder import as_plain
from wsol_bench.runtime import machine


@dataclass(frozen=True, slots=True)
class Weights:
    """The source of the scores: weights, or a file of scores.

    Attributes:
        name, sha256: of the weights or the file.
    """

    name: str
    sha256: str


def identify(arch: Arch, weights: Weights, dataset: Dataset, pipeline: Pipeline) -> Identity:
    """Everything that determines the records of one network, except its rows.

    The batch size, the device and the number of threads are not among it.

    Args:
        arch, weights, dataset, pipeline: of one network.
    """
    blacklist = sorted(pipeline.blacklist)
    return Identity(
        arch=arch.name,
        arch_origin=as_plain(dict(arch.origin)),
        weights=weights.name,
        weights_sha256=weights.sha256,
        preprocessing=_preprocessing(pipeline),
        dataset=dataset.name,
        dataset_sha256=index_sha256(dataset),
        images=len(dataset.examples),
        classes=len(dataset.class_ids),
        is_ilsvrc=is_ilsvrc(dataset),
        protocol=pipeline.protocol,
        precision=pipeline.precision.name,
        keep_maps=pipeline.keep_maps,
        class_boxes=pipeline.class_boxes,
        blacklist=len(blacklist),
        blacklist_sha256=sha256(repr(blacklist).encode()).hexdigest(),
        shard=shards.SHARD,
        columns=tuple(column.name for column in pipeline.columns),
    )


def _preprocessing(pipeline: Pipeline) -> dict[str, Any]:
    """The fields of the preprocessing; without the crop where it is the usual one."""
    if pipeline.preprocessing is None:
        return {}
    plain: dict[str, Any] = as_plain(asdict(pipeline.preprocessing))
    if plain["crop"] is None:
        del plain["crop"]
    return plain


def rows_of(methods: Sequence[BoundMethod]) -> tuple[ManifestRow, ...]:
    """The rows of some bound methods; the run's folder names their files."""
    return tuple(
        ManifestRow(
            name=row.name,
            title=row.title,
            file="",
            method=row.method.name,
            options=as_plain(dict(row.options)),
            layer=row.layer,
            makes_map=row.makes_map,
            target_class=row.target_class,
            source=dict(row.code),
        )
        for row in methods
    )


def versions() -> dict[str, str]:
    """Versions of the platform, Python and the packages that determine figures."""
    return {"platform": platform.platform(), **machine.versions()}
