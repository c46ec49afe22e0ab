"""What every weights file is asked before its format is."""

import hashlib
from pathlib import Path

from wsol_bench.errors import WeightsError


def refuse_unreadable(path: Path) -> None:
    """Raises unless `path` is a file that this user may read.

    Only plain files count: a device or a pipe may never end.

    Raises:
        WeightsError: it is not.
    """
    if not path.is_file():
        came = "something that is not a file" if path.exists() else "nothing there"
        raise WeightsError(f"{path}: expected a weights file, found {came}. Check the path.")
    try:
        path.open("rb").close()
    except OSError as error:
        raise WeightsError(f"{path}: the weights file cannot be read ({error}).") from error


def sha256_of(path: Path) -> str:
    """The file's sha256, in hexadecimal; raises as `refuse_unreadable` does."""
    refuse_unreadable(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
