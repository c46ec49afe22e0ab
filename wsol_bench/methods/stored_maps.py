"""Maps that another program made, from files: `maps:DIR`.

`DIR/<image>.npy`, `.npz` or `.png`, in folders or not, the image named with or without its suffix:
wsolevaluation writes `val/ILSVRC2012_val_00000001.JPEG.npy`. Every map shows the whole image, at
any size. An array is (u, v) for one map per image, or (C, u, v) with one per class of the dataset;
an `.npz` holds one array, or one per class under its class id or index. With `per_class=true` the
files are `DIR/<image>/<class>.npy`. A `.png` has one channel of 8 or 16 bits.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsol_bench.datasets.example import Dataset
from wsol_bench.datasets.name_index import NameIndex
from wsol_bench.errors import DataError
from wsol_bench.geometry import Size
from wsol_bench.methods.entry import Frame, MapReader
from wsol_bench.runtime.names import shown

Values = NDArray[np.float32]
Arrays = Mapping[str, NDArray[Any]]
"""Arrays of a file: class id or index -> array, or "" -> the only array."""

_UNREADABLE = (OSError, ValueError, EOFError, SyntaxError, BadZipFile, Image.DecompressionBombError)


@dataclass(frozen=True, slots=True)
class StoredMaps:
    """The files of a dataset's maps.

    Attributes:
        folder: that holds them.
        files: image id, or with `per_class` image id/class, -> path below the folder.
        class_ids: of the dataset.
        shape: of the first example's map.
        digest: of the names, sizes and times of the files.
    """

    folder: Path
    files: Mapping[str, str]
    class_ids: Sequence[str]
    shape: tuple[int, ...]
    digest: str


def stored_map(frame: Frame, *, per_class: bool = False) -> Values:
    """The map of an image and class, (u, v) float32.

    Args:
        frame: the image, the class, and what `learn` returned.
        per_class: whether each image has a folder with a file per class.

    Raises:
        DataError: it is missing, unreadable, of another form or not finite; names the file.
    """
    maps: StoredMaps = frame.learned
    if per_class:
        names = _names_of(maps.class_ids, frame.label)
        keys = [f"{frame.image_id}/{name}" for name in names]
        key = next((each for each in keys if each in maps.files), None)
        if key is None:
            raise DataError(
                f"{shown(str(maps.folder))}: {shown(frame.image_id)} has no map of class "
                f"{' or '.join(names)}. Expected {shown(keys[0])}.npy."
            )
        return read_map(maps.folder / maps.files[key], maps.class_ids, frame.label)
    return read_map(maps.folder / maps.files[frame.image_id], maps.class_ids, frame.label)


def read_map(path: Path, class_ids: Sequence[str], label: int) -> Values:
    """The map that a file has of a class, (u, v) float32.

    Raises:
        DataError: the file is unreadable, or its map is of another form or not finite; names it.
    """
    try:
        arrays = READERS[path.suffix.lower()](path)
    except _UNREADABLE as error:
        raise DataError(
            f"{shown(str(path))}: not a readable map ({error}). Write it anew."
        ) from error
    values = _of_class(arrays, class_ids, label, path)
    if values.ndim != 2 or not values.size or values.dtype.kind not in "fiub":
        raise DataError(
            f"{shown(str(path))}: its map is {values.dtype} {values.shape}. Expected numbers of "
            f"(rows, columns), or ({len(class_ids):,}, rows, columns) with a map per class."
        )
    map_ = np.ascontiguousarray(values, dtype=np.float32)
    if not np.isfinite(map_).all():
        raise DataError(f"{shown(str(path))}: the map holds NaN or infinite values. Write it anew.")
    return map_


def _of_class(arrays: Arrays, class_ids: Sequence[str], label: int, path: Path) -> NDArray[Any]:
    if "" not in arrays:
        name = next((each for each in _names_of(class_ids, label) if each in arrays), None)
        if name is None:
            raise DataError(
                f"{shown(str(path))}: has no array of class "
                f"{' or '.join(_names_of(class_ids, label))}. Expected one array, or one per class."
            )
        return arrays[name]
    array = arrays[""]
    if array.ndim == 3 and len(array) == 1:
        return array[0]
    if array.ndim == 3 and len(array) == len(class_ids) and label < len(array):
        return array[label]
    return array


def _names_of(class_ids: Sequence[str], label: int) -> tuple[str, ...]:
    """How a file may name a class: by its id, or by its index."""
    named = (class_ids[label],) if 0 <= label < len(class_ids) else ()
    return (*named, str(label))


def _read_npy(path: Path) -> Arrays:
    return {"": np.load(path, allow_pickle=False)}


def _read_npz(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as arrays:
        if len(arrays.files) == 1:
            return {"": arrays[arrays.files[0]]}
        return {name: arrays[name] for name in arrays.files}


def _read_png(path: Path) -> Arrays:
    with Image.open(path) as image:
        if len(image.getbands()) != 1 or image.mode == "P":
            raise ValueError(f"its mode is {image.mode}; expected one channel of 8 or 16 bits")
        values = np.asarray(image)
    highest = 1 if values.dtype == np.bool_ else 255 if values.dtype == np.uint8 else 65_535
    return {"": values.astype(np.float32) / highest}


READERS: Mapping[str, Callable[[Path], Arrays]] = MappingProxyType(
    {".npy": _read_npy, ".npz": _read_npz, ".png": _read_png}
)
"""Ending of a file -> how it is read."""


def stored_maps(name: str) -> MapReader:
    """The method of `maps:DIR`."""
    text = name.partition(":")[2]
    folder = Path(text).expanduser()

    def learn(dataset: Dataset, *, per_class: bool) -> StoredMaps:
        return _find(folder, dataset, per_class)

    return MapReader(
        name=name,
        title=f"Maps of {shown(folder.name)}",
        source="maps from files",
        read=stored_map,
        learn=learn,
        code=lambda maps: {"path": str(maps.folder), "sha256": maps.digest},
    )


def _find(folder: Path, dataset: Dataset, per_class: bool) -> StoredMaps:
    """The file of every image of a dataset.

    Raises:
        DataError: there is no such folder, an image has no map, or two; names them.
    """
    where = f"maps:{shown(str(folder))}"
    if not folder.is_dir():
        raise DataError(f"{where}: no such folder. Expected one with .npy, .npz or .png files.")
    paths: dict[str, str] = {}
    for path in sorted(_map_files(folder)):
        name = path.rpartition(".")[0]
        if name in paths:
            raise DataError(f"{where}: {shown(paths[name])} and {shown(path)} are of one image.")
        paths[name] = path
    if per_class:
        files = _by_class(paths, dataset, where)
    else:
        found = NameIndex(paths).match(dataset, where, "map")
        files = {image_id: paths[name] for image_id, name in found.items()}
    digest = sha256()
    for path in sorted(set(files.values())):
        facts = (folder / path).stat()
        digest.update(f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}\0".encode())
    maps = StoredMaps(folder, files, dataset.class_ids, (), digest.hexdigest())
    first = dataset.examples[0]
    frame = Frame(Size(0, 0), first.image_id, first.label, maps)
    return replace(maps, shape=stored_map(frame, per_class=per_class).shape)


def _by_class(paths: Mapping[str, str], dataset: Dataset, where: str) -> dict[str, str]:
    """Image id/class -> path, of files in a folder per image."""
    folders: dict[str, dict[str, str]] = {}
    for name, path in paths.items():
        image, _, class_name = name.rpartition("/")
        folders.setdefault(image, {})[class_name] = path
    found = NameIndex(folders).match(dataset, where, "folder of maps")
    return {
        f"{image_id}/{class_name}": path
        for image_id, image in found.items()
        for class_name, path in folders[image].items()
    }


def _map_files(folder: Path) -> Iterator[str]:
    """The files with maps in a folder and below, as paths with / between folders."""
    for root, _, names in os.walk(folder):
        for name in names:
            if Path(name).suffix.lower() in READERS:
                yield (Path(root) / name).relative_to(folder).as_posix()
