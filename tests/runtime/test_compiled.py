"""Compiled functions work whatever is the matter with the place where they are kept."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from numba.core import config
from numba.core.caching import CacheImpl, IndexDataCacheFile

from wsol_bench.runtime.compiled import compiled


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def double() -> Callable[[int], int]:
    """A fresh compiled function, as in a process that has just started."""

    def twice(value: int) -> int:
        return 2 * value

    return compiled(twice)


def kept(cache: Path) -> int:
    return len(list(cache.rglob("*.nbc")))


def test_a_function_is_kept_and_taken_by_the_next_process(cache: Path) -> None:
    assert double()(21) == 42
    assert kept(cache) == 1
    again = double()
    assert again(21) == 42
    assert sum(again.stats.cache_hits.values()) == 1


def test_without_a_place_to_keep_it_a_function_is_compiled_anew(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    assert double()(21) == 42
    assert kept(cache) == 0


def test_a_full_disk_keeps_nothing_and_stops_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "_open_for_write", full)
    assert double()(21) == 42
    assert kept(cache) == 0


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("left", [0, 10])
def test_a_kept_file_that_was_cut_off_is_made_anew(suffix: str, left: int, cache: Path) -> None:
    double()(21)
    (path,) = cache.rglob(f"*.{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[:left])
    with pytest.raises((EOFError, pickle.UnpicklingError, OSError)):
        pickle.loads(path.read_bytes())
    assert double()(21) == 42
    healed = double()
    assert healed(21) == 42
    assert sum(healed.stats.cache_hits.values()) == 1
