"""Weights files -> named arrays, and which shapes of a file count as which.

A `.pth` is a pickle. It is opened with `weights_only=True` alone, which reads
arrays and refuses everything that could run code.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from wsol_bench.errors import WeightsError
from wsol_bench.networks.caffe import read_caffemodel

Shape = tuple[int, ...]

CAFFE_ENTRIES = ("weight", "bias")
"""What the first two blobs of a convolution or an inner product are."""


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """The content of one file.

    Attributes:
        path: where it was read.
        entries: "layer.parameter" -> array, as the file has it.
        aligned: (shape in the file, number of axes wanted) -> the same shape
            under that number of axes, or unchanged when the format does not
            allow to read it so.
    """

    path: Path
    entries: Mapping[str, Tensor]
    aligned: Callable[[Shape, int], Shape]


def read_caffe(path: Path) -> WeightsFile:
    """Reads a .caffemodel; see `read_caffemodel` for what it raises."""
    entries = {
        f"{layer.name}.{_caffe_entry(index)}": blob
        for layer in read_caffemodel(path).values()
        for index, blob in enumerate(layer.blobs)
    }
    return WeightsFile(path, entries, without_leading_ones)


def _caffe_entry(index: int) -> str:
    return CAFFE_ENTRIES[index] if index < len(CAFFE_ENTRIES) else f"blob{index}"


def without_leading_ones(shape: Shape, axes: int) -> Shape:
    """Old Caffe files pad a shape to four axes on the left, (n) to (1, 1, 1, n).

    Only such ones are dropped, as in Caffe's own `Blob::ShapeEquals`; a shape
    that is longer for another reason, such as transposed weights, stays.
    """
    extra = len(shape) - axes
    return shape[extra:] if extra > 0 and set(shape[:extra]) == {1} else shape


def as_it_is(shape: Shape, axes: int) -> Shape:
    """State dicts write exact shapes."""
    return shape


def read_safetensors(path: Path) -> WeightsFile:
    """Reads a .safetensors file.

    Raises:
        WeightsError: the file is damaged or of another kind.
    """
    try:
        return WeightsFile(path, safetensors.torch.load_file(path), as_it_is)
    except (safetensors.SafetensorError, OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"{path}: not a readable .safetensors file ({error}). Fetch or save it again."
        ) from error


def read_state_dict(path: Path) -> WeightsFile:
    """Reads a `.pth` state dict, bare or under "state_dict", with or without "module.".

    Raises:
        WeightsError: the file holds pickled objects, is damaged, or is no state dict.
    """
    content = _load_without_code(path)
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(
            f"{path}: expected a state dict, found a {type(content).__name__}"
            f"{' without entries' if isinstance(content, Mapping) else ''}. "
            "Save net.state_dict()."
        )
    for name, value in content.items():
        if not isinstance(value, Tensor):
            raise WeightsError(
                f"{path}: expected a state dict of tensors, but entry {name!r} is of "
                f"type {type(value).__name__}. Save net.state_dict(), or put it under 'state_dict'."
            )
    entries = {str(name): value for name, value in content.items()}
    # What torch.nn.DataParallel puts before every name.
    if all(name.startswith("module.") for name in entries):
        entries = {name.removeprefix("module."): value for name, value in entries.items()}
    return WeightsFile(path, entries, as_it_is)


def _load_without_code(path: Path) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's remarks on old pickle protocols
            return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise WeightsError(
            f"{path}: refused, because it is not a plain state dict: it holds a pickled object, "
            "which could run code when it is opened, or is no torch file at all. Where you "
            "trust it, load it yourself and save net.state_dict()."
        ) from error
    except Exception as error:  # a damaged archive raises nearly anything
        raise WeightsError(
            f"{path}: not a readable torch file ({type(error).__name__}); it is cut short or "
            "damaged. Fetch or save it again."
        ) from error
