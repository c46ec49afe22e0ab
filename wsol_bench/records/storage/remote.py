"""A folder in any file system that pyarrow supports."""

import errno
import os
from contextlib import suppress

import pyarrow as pa
import pyarrow.fs as pafs

from wsol_bench.records.storage.entry import is_left_over, temporary_name

CONNECT_SECONDS, REQUEST_SECONDS = 10.0, 60.0
"""Timeouts of S3; pyarrow's own, of 1 and 3 s, are too short for a busy store."""

PUTS_WHOLE = ("s3", "gcs", "abfs")
"""pyarrow's file systems in which a file appears only once it is complete."""

_MISSING = "NO_SUCH_KEY"


def patient(system: pafs.FileSystem) -> pafs.FileSystem:
    """The same file system; S3 with longer timeouts, which a URI cannot set."""
    if not isinstance(system, pafs.S3FileSystem):
        return system
    rebuild, (options,) = system.__reduce__()
    return rebuild(
        {**options, "connect_timeout": CONNECT_SECONDS, "request_timeout": REQUEST_SECONDS}
    )


class Remote:
    """A `Storage` in a pyarrow file system: files are put in one request, or written and moved."""

    def __init__(self, system: pafs.FileSystem, base: str) -> None:
        """Refers to the folder.

        Args:
            system: the file system.
            base: the folder's path in it.
        """
        self.system, self.base = system, base.rstrip("/")

    def make(self, folder: str) -> None:
        """See `Storage`."""
        self.system.create_dir(self._at(folder), recursive=True)

    def names(self, folder: str) -> list[str]:
        """See `Storage`."""
        selector = pafs.FileSelector(self._at(folder), allow_not_found=True)
        files = [info for info in self.system.get_file_info(selector) if info.is_file]
        return sorted(info.base_name for info in files if not info.base_name.startswith("."))

    def exists(self, name: str) -> bool:
        """See `Storage`."""
        return bool(self.system.get_file_info(self._at(name)).is_file)

    def read(self, name: str) -> bytes:
        """See `Storage`."""
        try:
            with self.open(name) as file:
                return file.readall()
        except OSError as error:
            if _MISSING in str(error):  # removed since it was opened
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name) from error
            raise

    def open(self, name: str) -> pa.NativeFile:
        """See `Storage`."""
        return self.system.open_input_file(self._at(name))

    def write(self, name: str, content: bytes) -> None:
        """See `Storage`."""
        if self.system.type_name in PUTS_WHOLE:
            self._put(self._at(name), content)
            return
        temporary = temporary_name(self._at(name))
        self._put(temporary, content)
        self.system.move(temporary, self._at(name))

    def create(self, name: str, content: bytes) -> bool:
        """See `Storage`; of two simultaneous calls, both may return True."""
        if self.exists(name):
            return False
        self.write(name, content)
        return True

    def remove(self, name: str) -> None:
        """See `Storage`."""
        with suppress(FileNotFoundError):
            self.system.delete_file(self._at(name))

    def clean(self, folder: str) -> None:
        """See `Storage`; object stores have no temporary files."""
        selector = pafs.FileSelector(self._at(folder), allow_not_found=True)
        for info in self.system.get_file_info(selector):
            if is_left_over(info.base_name):
                self.remove(f"{folder}/{info.base_name}")

    def _at(self, name: str) -> str:
        return f"{self.base}/{name}".rstrip("/")

    def _put(self, path: str, content: bytes) -> None:
        with self.system.open_output_stream(path) as stream:
            stream.write(content)
