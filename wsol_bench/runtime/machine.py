"""The hardware and versions of this machine, without its host name."""

import os
import platform
import subprocess
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

PACKAGES = ("wsol_bench", "torch", "torchvision", "numpy", "numba", "pillow", "pyarrow", "scipy")
"""Packages whose version may change a figure or a time."""

_CPU_FACTS = Path("/proc/cpuinfo")


def machine(device: "torch.device") -> dict[str, Any]:
    """Processor, cores and threads, and the GPU if the device is one."""
    import torch

    facts: dict[str, Any] = {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    if device.type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(device)
        facts["cuda"] = torch.version.cuda
        facts["cudnn"] = torch.backends.cudnn.version()
    return facts


def versions() -> dict[str, str]:
    """The versions of Python and of `PACKAGES`."""
    return {"python": platform.python_version()} | {name: version_of(name) for name in PACKAGES}


def version_of(package: str) -> str:
    """The version of a package, or "not installed"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@cache
def own_version() -> str:
    """The version of this package, with the commit if it is imported from a Git checkout.

    Such as "0.1.0+1a2b3c4d5e6f", with ".dirty" if tracked files differ from the commit.
    """
    plain = version_of("wsol_bench")
    folder = Path(__file__).parents[1]
    git = ("git", "-C", str(folder))
    try:
        run = partial(subprocess.run, check=True, capture_output=True, text=True, timeout=10)
        run([*git, "ls-files", "--error-unmatch", "__init__.py"])  # not a checkout around it
        commit = run([*git, "describe", "--always", "--dirty=.dirty", "--exclude=*", "--abbrev=12"])
    except (OSError, subprocess.SubprocessError):
        return plain
    return f"{plain}+{commit.stdout.strip()}"


def cpu_name() -> str:
    """The processor's model, as the system names it."""
    try:
        lines = _CPU_FACTS.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
