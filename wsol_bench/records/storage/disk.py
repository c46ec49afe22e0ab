"""A folder of a mounted file system, local or shared."""

import errno
import os
from contextlib import suppress
from pathlib import Path
from time import time

import pyarrow as pa

from wsol_bench.records.storage.entry import is_left_over, is_temporary, temporary_name

OLD = 24 * 3600.0
"""Seconds after which a temporary file of another machine is abandoned."""

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


class Disk:
    """A `Storage` on a disk: a file is written under a temporary name, flushed and renamed."""

    def __init__(self, path: Path) -> None:
        """Refers to the folder; `make` creates it."""
        self.path = path
        self._identity: tuple[int, int] | None = None

    def make(self, folder: str) -> None:
        """See `Storage`; raises FileNotFoundError if the run's folder was removed since."""
        if self._identity is not None and self._identity != _identity_of(self.path):
            raise FileNotFoundError(
                errno.ENOENT, "the folder was removed or replaced while the run was using it"
            )
        (self.path / folder).mkdir(parents=True, exist_ok=True)
        self._identity = _identity_of(self.path)

    def names(self, folder: str) -> list[str]:
        """See `Storage`."""
        return sorted(name for name in self._all(folder) if not name.startswith("."))

    def exists(self, name: str) -> bool:
        """See `Storage`."""
        return (self.path / name).exists()

    def read(self, name: str) -> bytes:
        """See `Storage`."""
        return (self.path / name).read_bytes()

    def open(self, name: str) -> pa.NativeFile:
        """See `Storage`."""
        return pa.OSFile(str(self.path / name))

    def write(self, name: str, content: bytes) -> None:
        """See `Storage`."""
        temporary = self._temporary(name, content)
        try:
            temporary.replace(self.path / name)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        _flush_folder(temporary.parent)

    def create(self, name: str, content: bytes) -> bool:
        """See `Storage`. A link, unlike a rename, does not replace an existing file."""
        if self.exists(name):
            return False
        temporary = self._temporary(name, content)
        try:
            os.link(temporary, self.path / name)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return _create_plainly(self.path / name, content)
        finally:
            temporary.unlink(missing_ok=True)
        _flush_folder(temporary.parent)
        return True

    def remove(self, name: str) -> None:
        """See `Storage`."""
        (self.path / name).unlink(missing_ok=True)

    def clean(self, folder: str) -> None:
        """See `Storage`. Temporary files of other machines are removed after a day."""
        for name in self._all(folder):
            path = self.path / folder / name
            with suppress(OSError):  # another process may clean too
                if is_left_over(name) or (
                    is_temporary(name) and time() - path.stat().st_mtime > OLD
                ):
                    path.unlink()

    def _all(self, folder: str) -> list[str]:
        try:
            return os.listdir(self.path / folder)  # noqa: PTH208 - names are all that is needed
        except FileNotFoundError:
            return []

    def _temporary(self, name: str, content: bytes) -> Path:
        path = self.path / temporary_name(name)
        try:
            with path.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path


def _create_plainly(path: Path, content: bytes) -> bool:
    """For disks without hard links: a reader may briefly find the file incomplete."""
    try:
        with path.open("xb") as file:
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            except OSError:  # such as a full disk
                path.unlink(missing_ok=True)
                raise
    except FileExistsError:
        return False
    return True


def _identity_of(path: Path) -> tuple[int, int] | None:
    """Device and inode of a folder, or None if it does not exist."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _flush_folder(path: Path) -> None:
    """Flushes a rename to the disk, if the system can flush a folder."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
