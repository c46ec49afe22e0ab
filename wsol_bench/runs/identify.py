"""What a run's `run.json` says: what decides its records, and how it went."""

import platform
from collections.abc import Mapping
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any

from wsol_bench.datasets.classes import is_ilsvrc
from wsol_bench.datasets.example import Dataset
from wsol_bench.datasets.index_hash import index_sha256
from wsol_bench.networks.archs.entry import Arch
from wsol_bench.networks.weights.load import LoadedNetwork
from wsol_bench.pipeline.pipeline import Pipeline
from wsol_bench.records.result import Result
from wsol_bench.records.run_folder import VERSIONS, as_plain
from wsol_bench.runtime import machine
from wsol_bench.settings import RunSettings


def identify(
    arch: Arch,
    loaded: LoadedNetwork,
    dataset: Dataset,
    pipeline: Pipeline,
) -> dict[str, Any]:
    """All that decides the records, as plain JSON values.

    The batch size, the device and the number of threads are not among them.

    Args:
        arch, loaded, dataset, pipeline: of one network.
    """
    blacklist = sorted(pipeline.blacklist)
    return {
        "arch": arch.name,
        **({"arch_origin": dict(arch.origin)} if arch.origin else {}),
        "weights": loaded.name,
        "weights_sha256": loaded.sha256,
        "preprocessing": as_plain(asdict(pipeline.preprocessing)),
        "dataset": dataset.name,
        "dataset_sha256": index_sha256(dataset),
        "images": len(dataset.examples),
        "classes": len(dataset.class_ids),
        "is_ilsvrc": is_ilsvrc(dataset),
        "protocol": as_plain(asdict(pipeline.protocol)),
        "methods": {row.name: row.layer for row in pipeline.map_methods},
        "baselines": [row.name for row in pipeline.methods if not row.makes_map],
        "order": [row.name for row in pipeline.methods],
        "options": {row.name: as_plain(dict(row.options)) for row in pipeline.methods},
        "precision": pipeline.network.precision.name,
        "keep_maps": pipeline.keep_maps,
        "class_boxes": pipeline.class_boxes,
        "blacklist": len(blacklist),
        "blacklist_sha256": sha256(repr(blacklist).encode()).hexdigest(),
    }


def describe(
    identity: Mapping[str, Any], settings: RunSettings, result: Result, facts: Mapping[str, object]
) -> dict[str, Any]:
    """The whole manifest of a finished run.

    Args:
        identity: from `identify`.
        settings: as the user gave them.
        result: rows of all its networks.
        facts: whatever else explains a number, as plain JSON values.
    """
    return {
        "identity": dict(identity),
        "status": "finished",
        "settings": as_plain(asdict(replace(settings, arch=identity["arch"]))),
        VERSIONS: versions(),
        **facts,
        "result": result.to_json(),
        "seconds": round(result.seconds, 3),
    }


def versions() -> dict[str, str]:
    """Of the platform, Python and the packages that decide figures."""
    return {"platform": platform.platform(), **machine.versions()}
