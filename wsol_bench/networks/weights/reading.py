"""`--weights PATH`: a weights file of any suffix, recognised by its content.

Read are safetensors, torch's zip and its older pickles, and Hugging Face's sharded files and
folders. Any other known format is named in the error.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from torch import Tensor

from wsol_bench.errors import WeightsError
from wsol_bench.networks.weights.checkpoints import choose, holds_state_dict
from wsol_bench.networks.weights.file_checks import refuse_unreadable, sha256_of
from wsol_bench.networks.weights.files import WeightsFile, as_it_is, read_safetensors
from wsol_bench.networks.weights.torch_files import load_without_code, refusal
from wsol_bench.runtime.names import first_names, shown

_START = 512
_TAR_MAGIC, _TAR_PLACE = b"ustar", 257
_MAX_HEADER = 100_000_000
"""Maximum length of a safetensors file's header in bytes, by the format's definition."""
_SHARDS = "weight_map"
"""The key of an index of shards under which each tensor's file is named."""

FOLDER_FILES = (
    "model.safetensors.index.json",
    "model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
)
"""Names of the weights file in a folder of Hugging Face's; the first that exists is read."""

OTHER_FORMATS: Mapping[bytes, str] = MappingProxyType(
    {
        b"version https://git-lfs": "a Git LFS pointer, not the file. Fetch it: git lfs pull",
        b"\x89HDF": "an HDF5 file (Keras). Convert it to a state dict of torch's",
        b"<!DOCTYPE": "a web page, as a download that failed leaves it. Fetch the file again",
        b"<html": "a web page, as a download that failed leaves it. Fetch the file again",
        b"\x1f\x8b": "a gzip archive. Unpack it first",
        b"\xfd7zXZ": "an xz archive. Unpack it first",
        b"\x93NUMPY": "a single numpy array, expected a state dict",
    }
)
"""First bytes of files that users mistake for weights -> their format, and the remedy."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The user's choices within a file.

    Attributes:
        entry: the dotted key of the state dict, or "".
        prefix: the text before each name, or "".
    """

    entry: str = ""
    prefix: str = ""


NO_CHOICE = Choice()


def split_choice(argument: str) -> tuple[str, Choice]:
    """A path and the choices that follow it as `:entry=NAME` and `:prefix=TEXT`."""
    chosen: dict[str, str] = {}
    while True:
        path, colon, option = argument.rpartition(":")
        key, equals, value = option.partition("=")
        if not colon or not equals or key not in ("entry", "prefix") or key in chosen:
            return argument, Choice(**chosen)
        argument, chosen[key] = path, value


def locate(path: Path) -> Path:
    """The file to read: the path itself, or a folder's weights file."""
    for name in FOLDER_FILES:
        if path.is_dir() and (path / name).is_file():
            return path / name
    return path


def read_file(path: Path, choice: Choice = NO_CHOICE) -> WeightsFile:
    """Reads a weights file of any of the formats.

    Raises:
        WeightsError: it is missing, damaged, of another format, holds pickled objects, or
            several state dicts and none was chosen.
    """
    refuse_unreadable(path)
    with path.open("rb") as file:
        start = file.read(_START)
    for beginning, what in OTHER_FORMATS.items():
        if start.startswith(beginning):
            raise WeightsError(f"{shown(str(path))}: is {what}.")
    if start[_TAR_PLACE:].startswith(_TAR_MAGIC):
        raise WeightsError(f"{shown(str(path))}: is a tar archive. Unpack it first.")
    if start.startswith(b"{"):
        return _read_shards(path, choice)
    is_torch = start.startswith((b"PK\x03\x04", b"\x80"))
    if _is_safetensors(start) or (path.suffix.lower() == ".safetensors" and not is_torch):
        return _chosen(read_safetensors(path), choice)
    return read_state_dict(path, choice)


def read_state_dict(path: Path, choice: Choice = NO_CHOICE) -> WeightsFile:
    """Reads a torch file: a bare state dict, or a checkpoint that holds one.

    Raises:
        WeightsError: see `load_without_code`; or it holds no state dict, or several.
    """
    file = load_without_code(path)
    if file.unread and not holds_state_dict(file.content):
        raise refusal(path, file.unread)
    entries, notes = choose(file.content, shown(str(path)), choice.entry)
    if file.unread:
        notes += (f"not imported, as its code could run: {first_names(file.unread)}",)
    return WeightsFile(path, entries, as_it_is, notes)


def sha256_of_all(path: Path) -> str:
    """The sha256 of a file; of an index of shards, of the index and all its shards."""
    if path.suffix != ".json":
        return sha256_of(path)
    digests = [sha256_of(path), *(sha256_of(path.parent / each) for each in _shards(path))]
    return sha256("".join(digests).encode()).hexdigest()


def _is_safetensors(start: bytes) -> bool:
    """Eight bytes with the header's length, then the header, which is JSON."""
    return start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= _MAX_HEADER


def _chosen(file: WeightsFile, choice: Choice) -> WeightsFile:
    """A flat file's entries, or those below the key that was chosen."""
    if not choice.entry:
        return file
    front = f"{choice.entry}."
    inner = {
        name.removeprefix(front): each
        for name, each in file.entries.items()
        if name.startswith(front)
    }
    if not inner:
        raise WeightsError(f"{file.name}: entry={choice.entry}: no name begins with {front}")
    return WeightsFile(file.path, inner, file.aligned)


def _read_shards(path: Path, choice: Choice) -> WeightsFile:
    entries: dict[str, Tensor] = {}
    for name in _shards(path):
        entries |= read_file(path.parent / name).entries
    missing = [name for name in _index(path) if name not in entries]
    if missing:
        raise WeightsError(
            f"{shown(str(path))}: names {shown(missing[0])!r}, which none of its shards holds."
        )
    return _chosen(WeightsFile(path, entries, as_it_is), choice)


def _shards(path: Path) -> list[str]:
    """The names of the shards, each a file beside the index."""
    names = sorted(set(_index(path).values()))
    for name in names:
        if Path(name).name != name or not (path.parent / name).is_file():
            raise WeightsError(
                f"{shown(str(path))}: names the shard {shown(name)}, which is not beside it. Fetch "
                f"all {len(names)} shards."
            )
    return names


def _index(path: Path) -> dict[str, str]:
    refuse_unreadable(path)
    try:
        content = json.loads(path.read_bytes())
        names = content[_SHARDS]
        if all(isinstance(each, str) for pair in names.items() for each in pair):
            return dict(names)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise WeightsError(
        f"{shown(str(path))}: is JSON, expected an index of shards with {_SHARDS!r}, or a weights "
        "file."
    )
