"""The devkit's blacklist: images that localization errors leave out."""

from pathlib import Path

from wsol_bench.errors import DataError
from wsol_bench.runtime.names import shown


def read_blacklist(path: Path) -> frozenset[int]:
    """Reads 1-based indices into the official validation list, one on each line.

    The official file is the devkit's ILSVRC2015_clsloc_validation_blacklist.txt or
    an older one of the same form, with 1,762 lines.

    Raises:
        DataError: the file is absent, or a line is not a whole number from 1 on.
    """
    name = f"--blacklist {shown(str(path))}"
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{name}: cannot be read as text ({shown(str(error))}).") from error
    indices = set()
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        # `int` also takes signs, underscores and digits of other scripts.
        index = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        if index < 1:
            raise DataError(
                f"{name}, line {number}: expected a whole number from 1 on, the 1-based index "
                f"of an image, got {text[:40]!r}."
            )
        indices.add(index)
    return frozenset(indices)
