"""An error of reading is waited for where it may pass, and is never taken for damage."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from wsol_bench.errors import DataError
from wsol_bench.records.storage import retry as module
from wsol_bench.records.storage.disk import Disk
from wsol_bench.records.storage.retry import DELAYS, Retrying, StorageError, may_pass

PASSING = (
    errno.EIO,
    errno.ESTALE,
    errno.EMFILE,
    errno.ETIMEDOUT,
    errno.ECONNRESET,
)
LASTING = (errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP, errno.ENOSPC, errno.EROFS)


def system(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def store(text: str) -> OSError:
    """As pyarrow raises it: without a number."""
    return OSError(f"When reading 'records/0' in bucket 'b': AWS Error {text}")


class Failing(Disk):
    """A disk that fails a number of times, and then does as asked."""

    error: OSError
    left = 0

    def read(self, name: str) -> bytes:
        self._fail()
        return super().read(name)

    def names(self, folder: str) -> list[str]:
        self._fail()
        return super().names(folder)

    def exists(self, name: str) -> bool:
        self._fail()
        return super().exists(name)

    def write(self, name: str, content: bytes) -> None:
        self._fail()
        super().write(name, content)

    def _fail(self) -> None:
        if self.left:
            self.left -= 1
            raise self.error


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds: list[float] = []
    monkeypatch.setattr(module, "sleep", seconds.append)
    return seconds


@pytest.fixture
def failing(tmp_path: Path) -> Callable[[OSError, int], Retrying]:
    def make(error: OSError, times: int) -> Retrying:
        disk = Failing(tmp_path)
        disk.write("a", b"content")
        disk.error, disk.left = error, times
        storage = Retrying(disk, tmp_path)
        storage.lines = []  # type: ignore[attr-defined]
        storage.report = storage.lines.append  # type: ignore[attr-defined]
        return storage

    return make


@pytest.mark.parametrize(
    "error",
    [
        *map(system, PASSING),
        store("INTERNAL_FAILURE (HTTP status 500) during GetObject operation"),
        store("SERVICE_UNAVAILABLE (HTTP status 503) during HeadObject operation"),
        store("NETWORK_CONNECTION during GetObject operation: curlCode: 28, Timeout was reached"),
    ],
)
def test_what_may_pass_is_waited_for(error: OSError, failing, slept: list[float]) -> None:
    storage = failing(error, 3)
    assert storage.read("a") == b"content"
    assert slept == list(DELAYS[:3])
    (line,) = storage.lines
    assert "Waiting for" in line
    assert "60 s" in line


@pytest.mark.parametrize(
    "ask", [lambda s: s.read("a"), lambda s: s.names(""), lambda s: s.exists("a")]
)
@pytest.mark.parametrize(
    "error",
    [
        *map(system, LASTING[:4]),
        store("ACCESS_DENIED during HeadObject operation: No response body."),
        store("NO_SUCH_BUCKET during ListObjectsV2 operation"),
    ],
)
def test_what_does_not_pass_ends_with_code_3_at_once(ask, error, failing, slept) -> None:
    storage = failing(error, 1)
    with pytest.raises(StorageError, match="Nothing was removed") as told:
        ask(storage)
    assert told.value.exit_code == 3
    assert not isinstance(told.value, DataError)  # which callers take for damage
    assert slept == []


def test_what_lasts_a_minute_ends_with_code_3(failing, slept: list[float]) -> None:
    storage = failing(system(errno.EIO), 99)
    with pytest.raises(StorageError, match="Input/output error"):
        storage.read("a")
    assert slept == list(DELAYS)
    assert 55 < sum(slept) < 65


def test_a_stop_waits_for_seconds_only(failing, slept: list[float]) -> None:
    storage = failing(system(errno.EIO), 99)
    storage.is_stopping = lambda: True
    with pytest.raises(StorageError):
        storage.read("a")
    assert sum(slept) < 2


def test_a_file_that_is_not_there_is_no_error_of_the_disk(failing, slept) -> None:
    storage = failing(system(errno.EIO), 0)
    with pytest.raises(FileNotFoundError):
        storage.read("none")
    assert not storage.exists("none")
    assert slept == []


def test_a_write_is_repeated_and_its_last_error_kept(failing, slept) -> None:
    storage = failing(system(errno.EIO), 2)
    storage.write("b", b"x")
    assert storage.read("b") == b"x"
    full = failing(system(errno.ENOSPC), 1)
    with pytest.raises(OSError, match="No space left") as told:
        full.write("b", b"y")
    assert told.value.errno == errno.ENOSPC  # for the advice
    assert full.read("b") == b"x"


def test_a_file_created_by_an_attempt_whose_answer_was_lost_is_ours(tmp_path, slept) -> None:
    class Lossy(Disk):
        lost = False

        def create(self, name: str, content: bytes) -> bool:
            created = super().create(name, content)
            if not self.lost:
                self.lost = True
                raise system(errno.ETIMEDOUT)
            return created

    storage = Retrying(Lossy(tmp_path), tmp_path)
    storage.report = lambda line: None
    assert storage.create("lease", b"mine")
    assert not storage.create("lease", b"mine")


@pytest.mark.parametrize("number", [*PASSING, *LASTING])
def test_each_number_is_of_one_kind(number: int) -> None:
    assert may_pass(system(number)) == (number in PASSING)
