"""The manifest of a run: its settings, rows and findings, typed and versioned.

It is written and read by `manifest_file` only. Readers of a run take every fact from it and
import neither torch nor code of the user's.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from math import isqrt
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import msgspec

from wsol_bench.datasets.selection import BoxEnds
from wsol_bench.errors import DataError
from wsol_bench.geometry import MOST_PIXELS, Crop
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.protocols.views import VIEWS

SCHEMA_VERSION = 2
DEFAULT_PRECISION = "fp32"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Everything that determines the records of one network, except its rows.

    Attributes:
        arch: spec of the arch.
        arch_origin: where a user's own arch came from, or empty.
        weights, weights_sha256: the weights' name and digest.
        preprocessing: of the weights: size, order, scale, mean, std, and their own centre crop
            where it is not the usual one; empty without a network.
        dataset, dataset_sha256: the dataset's name, and the digest of its ids, labels, boxes.
        images: number of examples.
        classes: number of classes.
        is_ilsvrc: whether the classes are the 1,000 of ILSVRC.
        protocol: every field of it.
        precision: of the network.
        keep_maps: whether maps are kept, from which the boxes are then predicted.
        class_boxes: whether there are boxes for the best classes too.
        blacklist, blacklist_sha256: number and digest of the blacklisted indices.
        shard: examples per shard.
        columns: of each example's map, kept for metrics; see `scoring.catalog.COLUMNS`.
    """

    arch: str
    weights: str
    weights_sha256: str
    preprocessing: dict[str, Any]
    dataset: str
    dataset_sha256: str
    images: Annotated[int, msgspec.Meta(ge=0)]
    classes: int
    is_ilsvrc: bool
    protocol: Protocol
    arch_origin: dict[str, Any] = field(default_factory=dict)
    precision: str = DEFAULT_PRECISION
    keep_maps: bool = False
    class_boxes: bool = False
    blacklist: int = 0
    blacklist_sha256: str = ""
    shard: Annotated[int, msgspec.Meta(ge=1)] = 256
    columns: tuple[str, ...] = ()

    @property
    def side(self) -> int:
        """Side of the network's square input, in pixels; 0 without a network."""
        return int(self.preprocessing.get("size", 0))

    @property
    def revisions(self) -> dict[str, str]:
        """Name -> revision of the data and the weights, for a result."""
        known = {"data": self.dataset_sha256, "weights": self.weights_sha256}
        return {name: digest for name, digest in known.items() if digest}

    @property
    def crop(self) -> Crop | None:
        """The weights' own centre crop, or None for the usual one."""
        own = self.preprocessing.get("crop")
        return None if own is None else Crop(int(own["shorter"]), str(own["filter"]))

    @property
    def digest(self) -> str:
        """Digest of everything that determines the records; the header of each file contains it."""
        plain = asdict(self)
        del plain["protocol"]["metrics"]  # these are measured from the records
        if not self.columns:  # as before there were any
            del plain["columns"]
        return digest_of(plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRow:
    """One row of a run: a method with its resolved options.

    Attributes:
        name: unique in the run.
        title: as tables show it.
        file: the name of its files, such as "r000".
        method: the method's name, without options.
        options: option -> value, the defaults included.
        layer: that it reads, or None for a method that makes no map.
        makes_map: whether it makes a map.
        target_class: whose maps are made: "label", "other", "shuffled".
        source: path and sha256 of a user's own code, or empty.
    """

    name: str
    title: str
    file: str
    method: str
    options: dict[str, Any] = field(default_factory=dict)
    layer: str | None = None
    makes_map: bool = True
    target_class: str = "label"
    source: dict[str, str] = field(default_factory=dict)

    @property
    def definition(self) -> dict[str, Any]:
        """The fields that determine the row's records, beside the run's identity."""
        plain = asdict(self)
        return {name: plain[name] for name in ("name", "method", "options", "layer", "source")}

    @property
    def digest(self) -> str:
        """The digest of its definition."""
        return digest_of(self.definition)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """The source of a run's examples, to open them again.

    Attributes:
        path: the value of `--data`.
        layout: the value of `--layout`, or None where it was recognised.
        limit: at most this many examples, or None.
        split: the value of `--split`, or None.
        box_ends: the value of `--box-ends`, or None.
        has_masks: whether the dataset has masks.
        corners: how maximum corners are meant in its files.
        only_classes: the classes of its examples, where those of others were left out.
    """

    path: str
    layout: str | None = None
    limit: int | None = None
    split: str | None = None
    box_ends: str | None = None
    has_masks: bool = False
    corners: BoxEnds = "inclusive"
    only_classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of `run.json`.

    Attributes:
        identity: what determines the records.
        rows: in the order in which they were added.
        data: where the examples came from.
        status: "running" until every record is there and scored.
        settings: the command's, for a report to print; nothing is computed from them.
        versions: package -> version, of the session that wrote last.
        machines: where records were made, each kind of machine once.
        seconds_of_network, seconds: of this network and of all networks of the run.
        device: that the workers used.
        opening: how the network was opened, traced or hooked.
        network_notes: what was assumed of the network, such as its preprocessing.
        weights_ignored: entries of the weights file without a layer.
        missing_images: annotated images whose files are absent.
        sizes_differ, boxes_outside: images that disagree with their annotation.
        class_ids, class_names: of the dataset.
        digests: folder of examples or of a row -> sha256 of each of its files, in order; recorded
            when the run is finished. The digests of map files are in the row's files.
        result: rows and figures, as `run --json` prints them; None until finished.
    """

    identity: Identity
    rows: tuple[ManifestRow, ...]
    data: DataSource
    status: Literal["running", "finished"] = "running"
    settings: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    machines: tuple[dict[str, Any], ...] = ()
    seconds_of_network: float = 0.0
    seconds: float = 0.0
    device: str = ""
    opening: str = ""
    network_notes: tuple[str, ...] = ()
    weights_ignored: tuple[str, ...] = ()
    missing_images: int = 0
    sizes_differ: int | None = None
    boxes_outside: int | None = None
    class_ids: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    digests: dict[str, tuple[str, ...]] = field(default_factory=dict)
    result: dict[str, Any] | None = None
    schema: int = SCHEMA_VERSION

    def row(self, name: str) -> ManifestRow | None:
        """The row of this name, or None."""
        return next((row for row in self.rows if row.name == name), None)


def converted(plain: Mapping[str, Any], path: Path) -> Manifest:
    """A manifest from plain JSON values.

    Raises:
        DataError: a field is missing or of another type; names it.
    """
    manifest: Manifest = _as(Manifest, plain, path)
    view = manifest.identity.protocol.view
    if view not in VIEWS:
        raise _wrong(path, "identity.protocol.view", f"unknown view {view!r:.40}")
    _as(_Preprocessing, manifest.identity.preprocessing, path, "identity.preprocessing.")
    if manifest.result is not None:
        _as(_Result, manifest.result, path, "result.")
    return manifest


class _Crop(TypedDict):
    shorter: Annotated[int, msgspec.Meta(ge=1)]
    filter: str


class _Preprocessing(TypedDict, total=False):
    """The values of `Identity.preprocessing` that readers of a run use."""

    size: Annotated[int, msgspec.Meta(ge=0, le=isqrt(MOST_PIXELS))]
    crop: _Crop | None


class _ResultRow(TypedDict):
    method: str
    title: str
    arch: str
    weights: str


class _Result(TypedDict):
    """The values of `Manifest.result` that readers of a run use, except the figures."""

    rows: list[_ResultRow]


def _as(kind: Any, plain: Mapping[str, Any], path: Path, place: str = "") -> Any:
    """Plain values as a kind; a message names `place` and the field in it."""
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).rstrip("`").partition(" - at `$.")
        raise _wrong(path, f"{place}{where}".rstrip("."), reason) from error


def _wrong(path: Path, field: str, reason: str) -> DataError:
    named = f"{field!r}: " if field else ""
    return DataError(
        f"{path}: {named}{reason[:1].lower()}{reason[1:]}. Was it edited? Put it right, or "
        "remove the folder and run again."
    )


def digest_of(content: Mapping[str, Any]) -> str:
    """The sha256 of plain values, whatever the order of their keys."""
    text = json.dumps(content, sort_keys=True, default=list)
    return sha256(text.encode()).hexdigest()
