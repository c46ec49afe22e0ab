"""A dataset without the images whose class a network has no output for."""

from collections.abc import Container
from copy import copy
from typing import TypeVar

from wsol_bench.datasets.example import Dataset
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import first_names

AnyDataset = TypeVar("AnyDataset", bound=Dataset)


def with_classes(dataset: AnyDataset, class_ids: Container[str]) -> tuple[AnyDataset, str]:
    """The dataset with the examples of some classes alone, and a note on what is left out.

    The classes keep their indices.

    Raises:
        DataError: no example is left.
    """
    kept = [each for each in dataset.examples if dataset.class_ids[each.label] in class_ids]
    if len(kept) == len(dataset.examples):
        return dataset, ""
    absent = sorted({each.label for each in dataset.examples} - {each.label for each in kept})
    names = [dataset.class_ids[label] for label in absent]
    images = len(dataset.examples) - len(kept)
    if not kept:
        raise DataError("--classes or --target: the dataset has no image of a class in the file.")
    smaller = copy(dataset)
    smaller.examples = kept
    return smaller, (
        f"{images:,} images of {len(names)} classes without an output are left out: "
        f"{first_names(names, len(names))}. n = {len(kept):,}."
    )
