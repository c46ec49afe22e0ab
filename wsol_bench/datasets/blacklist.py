"""The devkit's blacklist: images that localization errors leave out."""

from pathlib import Path

from wsol_bench.errors import DataError


def read_blacklist(path: Path) -> frozenset[int]:
    """Reads 1-based indices into the official validation list, one a line.

    The official file is the devkit's ILSVRC2015_clsloc_validation_blacklist.txt or
    an older one of the same form, with 1,762 lines.

    Raises:
        DataError: the file is absent or a line is no whole number from 1 on.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--blacklist {path}: cannot be read as text ({error}).") from error
    indices = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            index = int(line)
        except ValueError:
            index = 0
        if index < 1:
            raise DataError(
                f"--blacklist {path}, line {number}: expected a whole number from 1 on, the "
                f"1-based index of an image, got {line.strip()[:40]!r}."
            )
        indices.add(index)
    return frozenset(indices)
