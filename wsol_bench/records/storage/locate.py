"""From a path or URI to the storage of a run.

URIs are passed as `Path`, which collapses double slashes: `s3:/bucket/run` is the URI
`s3://bucket/run`.
"""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs

from wsol_bench.errors import UsageError
from wsol_bench.records.storage.disk import Disk
from wsol_bench.records.storage.remote import Remote, patient
from wsol_bench.records.storage.retry import Retrying

_URI = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):/+(?P<rest>.*)")


def is_uri(path: Path) -> bool:
    """Whether a path is a URI, for which the methods of `Path` that access the disk are wrong."""
    return _URI.fullmatch(str(path)) is not None


def storage_of(path: Path) -> Retrying:
    """The folder at a path, or at a URI such as s3://bucket/run; errors that may pass are retried.

    Raises:
        UsageError: pyarrow does not support the URI or cannot reach it.
    """
    match = _URI.fullmatch(str(path))
    if match is None:
        return Retrying(Disk(path), path)
    if match["scheme"] == "file":
        return Retrying(Disk(Path("/" + match["rest"])), path)
    uri = f"{match['scheme']}://{match['rest']}"
    if "?" in uri:
        raise UsageError(
            f"{uri}: options in a URI are not supported. Set them in the environment, such as "
            "AWS_REGION and AWS_ENDPOINT_URL."
        )
    try:
        system, base = pafs.FileSystem.from_uri(uri)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(
            f"{uri}: cannot be opened ({_first_line(error)}). Expected a folder, or a URI that "
            "pyarrow knows (s3://, gs://, abfs://, hdfs://, file://)."
        ) from error
    return Retrying(Remote(patient(system), base), path)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")
