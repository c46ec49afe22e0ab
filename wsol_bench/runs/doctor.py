"""The facts that a bug report needs: versions, devices, folders, data and weights.

The doctor is run where something is wrong, so no exception may end it: a probe
that raises becomes a finding, and every import that can fail is inside one.
"""

import os
import platform
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType

PACKAGE = "wsol_bench"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        name: what was checked.
        value: what was found.
        problem: why wsol_bench cannot work like this and what to do, or "".
    """

    name: str
    value: str
    problem: str = ""


def examine() -> dict[str, tuple[Finding, ...]]:
    """Section -> its findings, for all of `PROBES`; changes nothing on the disk."""
    return {section: tuple(_guarded(probe)) for section, probe in PROBES.items()}


def _guarded(probe: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from probe()
    except Exception as error:  # a broken installation raises nearly anything
        yield Finding("stopped", "", f"no further checks: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    """The kind and first line of an error."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _system() -> Iterator[Finding]:
    yield Finding("python", f"{platform.python_version()} ({sys.executable})")
    yield Finding("platform", platform.platform())


def _packages() -> Iterator[Finding]:
    """The package and what it requires, as its own metadata lists it."""
    yield _package(PACKAGE, "")
    for requirement in sorted(requires(PACKAGE) or ()):
        parts = re.fullmatch(r"([\w.-]+)([^;]*)", requirement)
        if parts:  # what has a ";" is wanted by an extra only
            yield _package(*parts.groups())


def _package(name: str, wanted: str) -> Finding:
    try:
        found = version(name)
    except PackageNotFoundError:
        return Finding(name, "not installed", f"not installed; pip install '{name}{wanted}'")
    return Finding(name, f"{found} (wanted: {wanted})" if wanted else found)


def _operators() -> Iterator[Finding]:
    """Runs a compiled operator of torchvision, which fits one release of torch only."""
    name = "torchvision.ops.nms"
    try:
        import torch
        import torchvision

        boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.0]])
        kept = torchvision.ops.nms(boxes, torch.tensor([0.5, 1.0]), 0.5).tolist()
    except Exception as error:
        yield Finding(
            name,
            "does not run",
            f"does not run ({_first_line(error)}). torch and torchvision must be of one release: "
            "pip install --force-reinstall torch torchvision",
        )
        return
    wrong = "" if kept == [1] else f"expected [1], got {kept}; reinstall torch and torchvision"
    yield Finding(name, "runs" if not wrong else "gives a wrong answer", wrong)


def _threads() -> Iterator[Finding]:
    import torch

    yield Finding("cores", str(os.cpu_count()))
    if hasattr(os, "sched_getaffinity"):  # Linux only
        yield Finding("cores for this process", str(len(os.sched_getaffinity(0))))
    yield Finding("torch threads", str(torch.get_num_threads()))
    yield Finding("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "not set"))


def _devices() -> Iterator[Finding]:
    import torch

    yield Finding("cpu", f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    yield Finding("gpus", f"{count} (torch is {built})")
    for number in range(count):
        facts = torch.cuda.get_device_properties(number)
        yield Finding(f"cuda:{number}", f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB")
    yield Finding("mps", "available" if torch.backends.mps.is_available() else "not available")
    for warning in caught:
        yield Finding("torch warns", str(warning.message).splitlines()[0])


def _caches() -> Iterator[Finding]:
    from wsol_bench.boxes.components import largest_component
    from wsol_bench.datasets.named import cache_folder, demo_folder

    stats = getattr(largest_component, "stats", None)  # none where NUMBA_DISABLE_JIT is set
    if stats and stats.cache_path:
        problem = "cannot be written; set NUMBA_CACHE_DIR to a folder that can"
        yield _cache("numba", Path(stats.cache_path), problem)
    else:
        yield Finding("numba", "does not compile or does not cache; maps become boxes slowly")
    problem = "cannot be written, so no demo can be rendered there; set XDG_CACHE_HOME"
    yield _cache("demo", cache_folder(), "" if demo_folder().is_dir() else problem)


def _cache(name: str, folder: Path, problem: str) -> Finding:
    writable = _is_writable(folder)
    state = "writable" if writable else "not writable"
    return Finding(name, f"{folder} ({state})", "" if writable else problem)


def _is_writable(folder: Path) -> bool:
    """Whether a file can be made in it, or it in what there is of its parents."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with TemporaryFile(dir=there):
            return True
    except OSError:
        return False


def _datasets() -> Iterator[Finding]:
    from wsol_bench.datasets.named import NAMED, demo_folder

    given = os.environ.get("WSOL_BENCH_DATA")
    known = not given or given in NAMED or Path(given).exists()
    problem = "" if known else f"{given}: no such folder or tar; unset it or correct it"
    yield Finding("WSOL_BENCH_DATA", given or "not set", problem)
    demo = demo_folder()
    yield Finding("demo", str(demo) if demo.is_dir() else "not rendered yet; the first run does it")


def _weights() -> Iterator[Finding]:
    import torch

    from wsol_bench.errors import WeightsError
    from wsol_bench.networks.archs.catalog import ARCHS
    from wsol_bench.networks.weights.load import SOURCES, has_own_weights

    for name, arch in ARCHS.items():
        if has_own_weights(arch, "demo"):
            try:
                path = SOURCES["demo"].locate(arch, "")
            except WeightsError as error:
                yield Finding(f"demo {name}", "missing", str(error))
            else:
                yield Finding(f"demo {name}", f"{path.stat().st_size / 1e6:.1f} MB")
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    yield Finding("torchvision's", str(folder))
    for name, arch in ARCHS.items():
        if has_own_weights(arch, "torchvision"):
            # torchvision names its files ARCH-HASH.pth
            files = ", ".join(path.name for path in sorted(folder.glob(f"{name}-*.pth")))
            yield Finding(f"torchvision {name}", files or "not there; fetched when first used")


PROBES: Mapping[str, Callable[[], Iterator[Finding]]] = MappingProxyType(
    {
        "system": _system,
        "packages": _packages,
        "operators": _operators,
        "threads": _threads,
        "devices": _devices,
        "caches": _caches,
        "datasets": _datasets,
        "weights": _weights,
    }
)
"""Section -> its checks, in the order of the report."""
