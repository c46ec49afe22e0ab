"""Opens a torch file without running code, and without trusting the sizes it declares.

A `.pth` is a pickle, in a zip since torch 1.6 and bare before. `weights_only=True` reads
arrays and refuses everything that could run code. It does not bound memory: a part of the
zip may unpack to any size, a string may declare any length, and a pickle may
call `bytearray(n)`. Those are checked first.
"""

import io
import pickletools
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import BinaryIO

import torch

from wsol_bench.errors import WeightsError
from wsol_bench.networks.weights.file_checks import refuse_unreadable, size_of
from wsol_bench.networks.weights.pickled_objects import allowed, unread
from wsol_bench.runtime.names import first_names, shown

_ZIP_START = b"PK\x03\x04"
_PICKLE_PART = "data.pkl"
_BARE_PICKLES = 5
"""Before torch 1.6: a magic number, the protocol, the system, the object, its storages."""
_ALLOCATES = frozenset({"builtins bytearray", "__builtin__ bytearray"})


@dataclass(frozen=True, slots=True)
class TorchFile:
    """The content of a torch file.

    Attributes:
        content: on the CPU; an object of a class in `unread` is a plain dict of its items.
        unread: names of the classes that were not imported.
    """

    content: object
    unread: tuple[str, ...]


def load_without_code(path: Path) -> TorchFile:
    """The content of a torch file, on the CPU; the classes of pickled objects are not imported.

    Raises:
        WeightsError: the file is missing or damaged, would call a function or holds a
            TorchScript program, or takes more memory than it has bytes.
    """
    refuse_unreadable(path)
    names: set[str] = set()
    try:
        with _BoundedFile(path) as file:
            if file.read(len(_ZIP_START)) == _ZIP_START:
                pickles: Iterator[BinaryIO] = _packed_pickles(file, path)
            else:
                pickles = _bare_pickles(file)
            for pickle in pickles:
                names |= _names_in(pickle, path)
            file.seek(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's warnings about old pickle protocols
                with torch.serialization.safe_globals(allowed(names)):
                    content = torch.load(file, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except UnpicklingError as error:
        raise refusal(path, unread(names)) from error
    except Exception as error:  # a damaged archive raises nearly anything
        raise _damaged(path, error) from error
    return TorchFile(content, unread(names))


def refusal(path: Path, names: tuple[str, ...]) -> WeightsError:
    """The message for a file that holds objects in place of weights.

    Args:
        path: the file.
        names: of their classes and functions.
    """
    which = f" ({first_names(names)})" if names else ""
    return WeightsError(
        f"{shown(str(path))}: refused, because it is not a plain state dict: it holds a pickled "
        f"object{which}, which could run code when it is opened, or is no torch file at all. "
        "Where you trust it, load it yourself and save net.state_dict()."
    )


class _BoundedFile(io.BufferedReader):
    """A file whose `read` never allocates more bytes than are left."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._length = size_of(path)

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(self._length - self.tell(), 0)
        return super().read(left if size is None or size < 0 else min(size, left))


def _packed_pickles(file: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    """The pickles of a zip, after a check that its parts fit into it."""
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        _refuse_other_archives([part.filename for part in parts], path)
        declared, there = sum(part.file_size for part in parts), size_of(path)
        if declared > there:
            raise WeightsError(
                f"{shown(str(path))}: refused, because its parts unpack to {declared:,} bytes and "
                f"the file has {there:,}. A torch file packs no array; this can be an attack on "
                "memory. Fetch it again, or save net.state_dict() anew."
            )
        for part in parts:
            if part.filename.endswith(_PICKLE_PART):
                yield io.BytesIO(archive.read(part))


def _refuse_other_archives(names: list[str], path: Path) -> None:
    """Raises WeightsError for a zip that is no torch file, and says what it is."""
    if any("/code/" in name or name.endswith("constants.pkl") for name in names):
        raise WeightsError(
            f"{shown(str(path))}: holds a TorchScript program, expected a state dict. "
            "Load it with torch.jit.load and save its state_dict()."
        )
    if not any(name.endswith(_PICKLE_PART) for name in names):
        what = "numpy arrays" if names and names[0].endswith(".npy") else "files"
        raise WeightsError(
            f"{shown(str(path))}: is a zip archive of {what}, expected a torch file. "
            "Unpack it, or save a state dict with torch.save."
        )


def _bare_pickles(file: io.BufferedReader) -> Iterator[BinaryIO]:
    """The file at each of its pickles; it may be another file, and have fewer."""
    file.seek(0)
    for _ in range(_BARE_PICKLES):
        if not file.peek(1):
            return
        yield file


def _names_in(pickle: BinaryIO, path: Path) -> set[str]:
    """The names of all classes and functions of a pickle, none of which requests memory."""
    names = set()
    for code, argument, _ in pickletools.genops(pickle):
        if code.name in ("GLOBAL", "INST"):
            if argument in _ALLOCATES:
                raise WeightsError(
                    f"{shown(str(path))}: refused, because it requests a bytearray, which no state "
                    "dict holds and which may be an attack on memory. Save net.state_dict()."
                )
            names.add(str(argument).replace(" ", "."))
    return names


def _damaged(path: Path, error: Exception) -> WeightsError:
    return WeightsError(
        f"{shown(str(path))}: not a readable torch file ({type(error).__name__}); it is cut "
        "short or damaged, or another kind of file. Fetch or save it again."
    )
