"""Weights files -> named arrays, and which shapes of a file count as which.

Nothing that is read here refers to its file: a later change of the file does
not change a network.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from wsol_bench.errors import WeightsError
from wsol_bench.networks.weights.caffe import read_caffemodel
from wsol_bench.networks.weights.file_checks import content_of, refuse_unreadable
from wsol_bench.runtime.names import shown

Shape = tuple[int, ...]

CAFFE_ENTRIES = ("weight", "bias")
"""Names of the first two blobs of a convolution or an inner product."""


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """The content of one file.

    Attributes:
        path: where it was read.
        entries: "layer.parameter" -> array, as the file has it.
        aligned: (shape in the file, number of axes wanted) -> the same shape
            under that number of axes, or unchanged when the format does not
            allow to read it so.
        notes: on how the entries were found in the file.
    """

    path: Path
    entries: Mapping[str, Tensor]
    aligned: Callable[[Shape, int], Shape]
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file, for messages."""
        return shown(str(self.path))


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
    """Reads a .safetensors file; its entries come sorted by name.

    Raises:
        WeightsError: the file is damaged or of another kind.
    """
    refuse_unreadable(path)
    try:
        entries = _load_safetensors(path)
    # The library raises nearly anything on a file that changes while it is read.
    except Exception as error:
        raise WeightsError(
            f"{shown(str(path))}: not a readable .safetensors file ({shown(str(error))}). "
            "Fetch or save it again."
        ) from error
    return WeightsFile(path, entries, as_it_is)


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    if not str(path).isprintable():  # the library opens no path that is not UTF-8
        found = safetensors.torch.load(content_of(path))
    else:
        found = safetensors.torch.load_file(path)
    # `load_file` maps the file: a copy does not change when the file does.
    return {name: found[name].clone() for name in sorted(found)}
