"""Manifests as files: `run.json`, which contains the digest of its own content.

A manifest that was edited or damaged is rejected.
"""

import json
import re
from dataclasses import asdict
from pathlib import Path

from wsol_bench.errors import DataError
from wsol_bench.records.manifest import SCHEMA_VERSION, Manifest, converted, digest_of
from wsol_bench.records.schema1 import upgraded

_ROW_FILE = re.compile(r"r[0-9]{3,9}")

MAX_BYTES = 1 << 28
"""Size limit of a manifest: a quarter of a gigabyte, far above any dataset's classes."""


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest as a JSON file, with the digest of its content."""
    content = asdict(manifest)
    text = json.dumps({"digest": digest_of(content), **content}, indent=2, ensure_ascii=False)
    # A file name that is not UTF-8 has half characters; escaped, they read back the same.
    return f"{text}\n".encode("utf-8", "backslashreplace")


def decode_manifest(content: bytes, path: Path) -> Manifest:
    """The manifest of a file, of this schema or of the one before.

    Args:
        content: of the file.
        path: of the file, for messages.

    Raises:
        DataError: it is not JSON, not a manifest, of a later schema, or was edited.
    """
    if len(content) > MAX_BYTES:
        raise DataError(f"{path}: {len(content):,} bytes; no manifest is that large.")
    try:
        plain = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error}). Remove the folder and run again.") from error
    if not isinstance(plain, dict) or "identity" not in plain:
        raise DataError(
            f"{path}: has no 'identity'; was it written by wsol_bench? Put the original back, or "
            "remove the folder and run again."
        )
    schema = plain.get("schema", 1)
    if schema == 1:
        return upgraded(plain, path)
    if schema != SCHEMA_VERSION:
        raise DataError(
            f"{path}: schema {schema!r:.20}; this version of wsol_bench reads 1 and "
            f"{SCHEMA_VERSION}. Upgrade wsol_bench."
        )
    digest = plain.pop("digest", None)
    manifest = converted(plain, path)
    if digest != digest_of(plain):
        raise DataError(
            f"{path}: its content does not have its digest, so it was edited or damaged. Put the "
            "original back, or remove the folder and run again."
        )
    for row in manifest.rows:
        if _ROW_FILE.fullmatch(row.file) is None:
            raise DataError(
                f"{path}: the files of row {row.name!r:.40} are called {row.file!r:.40}; a run "
                "calls them r000, r001 and so on. Run again into a new folder."
            )
    return manifest
