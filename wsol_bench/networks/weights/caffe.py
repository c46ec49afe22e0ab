"""Reads a .caffemodel: layer names and their arrays, nothing else.

A .caffemodel is one protobuf message, NetParameter. `caffe_format` describes the
few fields read here. Two generations are in use: V1 (`layers`, the big nets of
2014) and V2 (`layer`). Blobs have either the old four sizes or a `shape`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from google.protobuf.message import DecodeError
from torch import Tensor

from wsol_bench.errors import WeightsError
from wsol_bench.networks.weights.caffe_bounds import OutOfBounds, refuse_wild_fields
from wsol_bench.networks.weights.caffe_format import new_message
from wsol_bench.networks.weights.file_checks import content_of, size_of
from wsol_bench.runtime.names import shown

MOST_BYTES = 2**31 - 1
"""A protobuf message cannot be longer."""

MOST_AXES = 32
"""Caffe's kMaxBlobAxes."""

FLOAT, DOUBLE = np.dtype("<f4"), np.dtype("<f8")


@dataclass(frozen=True, slots=True)
class LayerBlobs:
    """One layer that holds numbers.

    Attributes:
        name: Caffe's name for it.
        blobs: float32 tensors in the file's order and shapes; for convolutions
            and inner products the weights, then the biases.
    """

    name: str
    blobs: tuple[Tensor, ...]


def read_caffemodel(path: Path) -> Mapping[str, LayerBlobs]:
    """Reads every layer that holds numbers, in the file's order.

    Values are not checked here: a NaN is returned as it is.

    Raises:
        WeightsError: the file is absent, cut short, no .caffemodel, without such
            layers, or holds a blob whose numbers do not fill its shape.
    """
    net = _parse(path)
    file = shown(str(path))
    found: dict[str, LayerBlobs] = {}
    for layer in chain(net.layers, net.layer):
        if not layer.blobs:
            continue
        name = layer.name.decode("utf-8", "backslashreplace")
        if name in found:
            raise WeightsError(f"{file}: two layers with numbers are both named {name!r}.")
        blobs = tuple(
            _blob_tensor(blob, f"{file}: layer {name!r}, blob {index}")
            for index, blob in enumerate(layer.blobs)
        )
        found[name] = LayerBlobs(name, blobs)
    if not found:
        raise WeightsError(
            f"{file}: expected a .caffemodel, found no layer that holds numbers. Is it another "
            "kind of file? One from before 2014 must go through Caffe's "
            "upgrade_net_proto_binary first."
        )
    return found


def _parse(path: Path) -> Any:
    file, size = shown(str(path)), size_of(path)
    if size > MOST_BYTES:
        raise WeightsError(f"{file}: {size:,} bytes; a .caffemodel has at most {MOST_BYTES:,}.")
    content = content_of(path)
    if not content:
        raise WeightsError(f"{file}: the file is empty; fetch it again.")
    net = new_message("NetParameter")
    try:
        refuse_wild_fields(content)
        net.ParseFromString(content)
    except (OutOfBounds, DecodeError) as error:
        raise WeightsError(
            f"{file}: not a readable .caffemodel of {size:,} bytes ({_first_line(error)}). It is "
            "cut short, damaged or another kind of file; compare its size with the source's and "
            "fetch it again."
        ) from error
    return net


def _first_line(error: Exception) -> str:
    return shown(str(error).partition("\n")[0])


def _blob_tensor(blob: Any, where: str) -> Tensor:
    shape = _blob_shape(blob)
    if len(shape) > MOST_AXES or any(size < 1 for size in shape):
        raise WeightsError(f"{where}: impossible shape {_shorten(shape)}; the file is damaged.")
    values = _blob_values(blob, where)
    # Compared before anything is allocated: a damaged file can declare any shape.
    if values.size != prod(shape):
        raise WeightsError(
            f"{where}: shape {_shorten(shape)} needs {prod(shape)} numbers, the file has "
            f"{values.size}; the file is damaged."
        )
    # A double too large becomes infinite: see `fit`. The copy has torch's own alignment.
    return torch.tensor(values, dtype=torch.float32).reshape(shape)


def _blob_shape(blob: Any) -> tuple[int, ...]:
    if blob.HasField("shape"):
        return tuple(blob.shape.dim)
    return (blob.num, blob.channels, blob.height, blob.width)


def _blob_values(blob: Any, where: str) -> np.ndarray:
    for chunks, kind in ((blob.data, FLOAT), (blob.double_data, DOUBLE)):
        content = b"".join(chunks)
        if len(content) % kind.itemsize:
            raise WeightsError(f"{where}: its numbers are cut off; the file is damaged.")
        if content:
            return np.frombuffer(content, kind)
    return _unpacked_values(blob)


def _unpacked_values(blob: Any) -> np.ndarray:
    """Numbers that were written one by one: legal, slow, and not what Caffe does."""
    plain = new_message("UnpackedBlob")
    plain.ParseFromString(blob.SerializeToString())
    with np.errstate(invalid="ignore"):  # a signalling NaN: it comes through, as others do
        return np.array(plain.data or plain.double_data, np.float64)


def _shorten(shape: tuple[int, ...]) -> str:
    listed = " x ".join(str(size) for size in shape[:MOST_AXES])
    return f"{listed} x ..." if len(shape) > MOST_AXES else listed or "()"
