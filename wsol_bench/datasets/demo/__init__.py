"""The embedded dataset: rendered objects that are hard in the ways ILSVRC is."""

from wsol_bench.datasets.demo.classes import CLASSES, DemoClass
from wsol_bench.datasets.demo.rendering import (
    DEFAULT_COUNT,
    DEFAULT_SEED,
    VERSION,
    Rendering,
    render,
)
from wsol_bench.datasets.demo.writing import write

__all__ = [
    "CLASSES",
    "DEFAULT_COUNT",
    "DEFAULT_SEED",
    "VERSION",
    "DemoClass",
    "Rendering",
    "render",
    "write",
]
