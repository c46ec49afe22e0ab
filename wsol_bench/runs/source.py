"""The images of a run, opened by the settings."""

from collections.abc import Mapping
from dataclasses import dataclass

from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.classes import is_ilsvrc, official_classes
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.example import Dataset
from wsol_bench.datasets.named import NAMED
from wsol_bench.datasets.with_classes import with_classes
from wsol_bench.errors import DataError
from wsol_bench.networks.outputs import read_table
from wsol_bench.runtime.flag_values import expanded
from wsol_bench.runtime.names import first_names
from wsol_bench.settings import NO_NETWORK, RunSettings

FALLBACK_WEIGHTS = "torchvision"
"""Weights if neither the user nor the dataset names any."""


@dataclass(frozen=True, slots=True)
class Source:
    """The images of a run, opened once for all its archs.

    Attributes:
        dataset: the examples.
        weights: the spec of the weights to use with it.
        note: a remark on the dataset, or "".
        outputs: class id -> output of the network, where the two differ; else None.
    """

    dataset: Dataset
    weights: str
    note: str
    outputs: Mapping[str, int] | None = None

    @property
    def is_ilsvrc(self) -> bool:
        """Whether its classes are the 1,000 of ILSVRC, as published figures need."""
        return is_ilsvrc(self.dataset)


def open_source(settings: RunSettings, *, quiet: bool) -> Source:
    """Opens the dataset that the settings name.

    Raises:
        UsageError, DataError: see `open_dataset`.
    """
    named = NAMED.get(settings.data)
    path = named.folder(quiet=quiet) if named else expanded(settings.data)
    opened = open_dataset(
        path,
        settings.layout,
        limit=settings.limit,
        allow_missing=settings.allow_missing,
        split=settings.split,
        box_ends=settings.box_ends,
        images_needed=settings.arch != NO_NETWORK or settings.allow_missing,
    )
    if settings.arch == NO_NETWORK and not settings.allow_missing:
        _require_sizes(opened)
    dataset: Dataset = opened
    weights = settings.weights or (named.weights if named else FALLBACK_WEIGHTS)
    note = named.note if named else ""
    table = _table_of(settings, dataset)
    if table is not None:
        dataset, left_out = with_classes(dataset, table)
        note = " ".join(filter(None, (note, left_out)))
    return Source(dataset, weights, note, table)


def _table_of(settings: RunSettings, dataset: Dataset) -> Mapping[str, int] | None:
    if settings.target:
        return read_table(settings.target, "--target")
    return read_table(settings.classes) if settings.classes else _official_outputs(dataset)


def _require_sizes(dataset: ImageDataset) -> None:
    """Checks that the size of every image can be known.

    Raises:
        DataError: an image is absent and its annotation has no size; states what to do.
    """
    unsized = [each.image_id for each in dataset.examples if each.size is None]
    present = dataset.images.ids() if unsized else frozenset()
    absent = [image_id for image_id in unsized if image_id not in present]
    if absent:
        images = "1 image is" if len(absent) == 1 else f"{len(absent):,} images are"
        raise DataError(
            f"{images} absent and without a size in the annotation: {first_names(absent)}. "
            "Expected one of the two for every image. Leave such images out with --allow-missing."
        )


def _official_outputs(dataset: Dataset) -> Mapping[str, int] | None:
    """ILSVRC's own order of classes, for a dataset of some of its 1,000 classes."""
    official = official_classes()
    some = len(dataset.class_ids) < len(official.class_ids)
    known = all(each in official.index_of for each in dataset.class_ids)
    return official.index_of if some and known else None
