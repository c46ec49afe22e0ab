"""A run's folder: a manifest that says what the run is, and shards of records.

OUT/run.json               the resolved settings, versions, hashes, counts, seconds
OUT/records/NNNNN.parquet  one shard: a fixed range of the dataset's examples
OUT/maps/NNNNN-METHOD.npy  its maps, where they are kept
OUT/parts/                 the beginnings of shards, where a run was interrupted
OUT/claims/                which shards are being made, and by which process

A file that is there is whole: see `storage`. The folder may lie on a disk or in any
file system that pyarrow knows.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.errors import DataError, UsageError
from wsol_bench.records.shard_files import MAPS, PARTS, SHARDS, ShardFiles
from wsol_bench.records.storage.locate import storage_of
from wsol_bench.records.storage.messages import writing
from wsol_bench.records.table import SCHEMA, count_states, outcomes_of, to_table

__all__ = [
    "MACHINES",
    "MANIFEST",
    "SCHEMA",
    "SECONDS",
    "VERSIONS",
    "RunFolder",
    "as_plain",
    "count_states",
    "outcomes_of",
    "to_table",
]

MANIFEST = "run.json"
CLAIMS = "claims"
SECONDS = "seconds_of_network"
"""In a manifest: of this network alone, all sessions together."""
MACHINES = "machines"
"""In a manifest: where its records were made, each kind of machine once."""
VERSIONS = "versions"
"""In a manifest: of the packages, in the session that wrote it last."""
_KINDS: Mapping[str, type] = {"identity": dict, VERSIONS: dict, SECONDS: float, MACHINES: list}
_WORDS = {dict: "an object", float: "a number", list: "a list"}


class RunFolder:
    """The folder of one run, open for writing shards and reading them back."""

    def __init__(self, path: Path) -> None:
        """Names the folder; `begin` makes it.

        Args:
            path: a folder, or a URI as `storage.locate` describes.

        Raises:
            UsageError: the URI cannot be opened.
        """
        self.path = path
        self.storage = storage_of(path)
        self.shards = ShardFiles(path, self.storage)

    def begin(self, identity: Mapping[str, Any], facts: Mapping[str, Any] | None = None) -> None:
        """Makes the folder, or sees that what it holds is this very run.

        Args:
            identity: all that decides the records, as plain JSON values.
            facts: what else a new manifest says.

        Raises:
            UsageError: it holds another run; names what differs.
            DataError: it cannot be written.
        """
        try:
            self.storage.make(SHARDS)
        except OSError as error:
            raise DataError(
                f"--out {self.path}: cannot make the folder ({error.strerror or error}). "
                "Give a folder that can be written."
            ) from error
        with suppress(OSError):  # what cannot be cleaned does no harm
            for folder in ("", SHARDS, MAPS, PARTS, CLAIMS):
                self.storage.clean(folder)
        if not self.storage.exists(MANIFEST):
            if self.shards.numbers():
                raise UsageError(
                    f"--out {self.path}: holds records but no {MANIFEST}, so whose they are is "
                    "not known. Give another folder."
                )
            with writing(self.path / MANIFEST):
                content = {"identity": dict(identity), "status": "running", **(facts or {})}
                self.storage.create(MANIFEST, _as_text(content))
        self._refuse_another(identity)  # which another process may have begun just now

    def write_manifest(self, content: Mapping[str, Any]) -> None:
        """Replaces the manifest at once.

        Raises:
            DataError: it cannot be written.
        """
        with writing(self.path / MANIFEST):
            self.storage.write(MANIFEST, _as_text(content))

    def manifest(self) -> dict[str, Any]:
        """The manifest.

        Raises:
            DataError: there is none, or it is not JSON, or not of the form that runs write.
        """
        path = self.path / MANIFEST
        try:
            content = json.loads(self.storage.read(MANIFEST))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DataError(f"{path}: not found, so {self.path} is no run's folder.") from error
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
        except ValueError as error:
            raise DataError(
                f"{path}: not JSON ({error}). Remove the folder and run again."
            ) from error
        if not isinstance(content, dict) or "identity" not in content:
            raise DataError(f"{path}: has no 'identity'; was it written by wsol_bench?")
        _check_kinds(path, content)
        return content

    def read_maps(self, method: str) -> Iterator[NDArray[np.float16]]:
        """The kept maps of one method, (t, u, v) each, in the order of the records.

        Raises:
            DataError: none were kept, or a file is unreadable.
        """
        for number in self.shards.numbers():
            yield from self.shards.maps(number, method)

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All records, shard after shard.

        Args:
            columns: only these, or all.

        Raises:
            DataError: there are none, or a shard is unreadable.
        """
        numbers = self.shards.numbers()
        if not numbers:
            raise DataError(f"{self.path / SHARDS}: holds no records.")
        return pa.concat_tables([self.shards.table(number, columns) for number in numbers])

    def _refuse_another(self, identity: Mapping[str, Any]) -> None:
        there = self.manifest()["identity"]
        names = [name for name in {**there, **identity} if there.get(name) != identity.get(name)]
        if names:
            what = "; ".join(f"{n}: {there.get(n)!r} there, {identity.get(n)!r} now" for n in names)
            raise UsageError(
                f"--out {self.path}: holds the records of another run ({what}). "
                "Give another folder, or the settings of that run."
            )


def _check_kinds(path: Path, content: Mapping[str, Any]) -> None:
    for name, kind in _KINDS.items():
        value = content.get(name, kind())
        number = kind is float and isinstance(value, int) and not isinstance(value, bool)
        if not (isinstance(value, kind) or number):
            raise DataError(
                f"{path}: {name!r} is {value!r:.40}, expected {_WORDS[kind]}. Was it edited? "
                "Put it right, or remove the folder and run again."
            )


def as_plain(value: Any) -> Any:
    """The value as JSON has it, so that it equals what is read back."""
    if isinstance(value, Mapping):
        return {str(key): as_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _as_text(content: Mapping[str, Any]) -> bytes:
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    # A file name that is not UTF-8 has half characters; escaped, they read back the same.
    return text.encode("utf-8", "backslashreplace")
