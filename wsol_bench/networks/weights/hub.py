"""torchvision's published weights: in torch.hub's folder, fetched when absent."""

import sys
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

import torch

from wsol_bench.errors import WeightsError
from wsol_bench.networks.archs.entry import Arch
from wsol_bench.networks.weights.file_checks import sha256_of

EDITION = "IMAGENET1K_V1"
_DEMO = " Or, to see it work, --weights demo: a small net that the package brings."


def hub_file(arch: Arch, argument: str) -> Path:
    """Finds the file of torchvision's weights for `arch`, fetched on first use.

    torch.hub decides on the folder (TORCH_HOME). An arch with a torchvision
    topology bears the name that torchvision gives it.

    Raises:
        WeightsError: the file is not there and cannot be fetched, or its sha256
            does not begin as its name promises.
    """
    if argument:
        raise WeightsError(f"--weights torchvision:{argument}: torchvision takes no path.")
    from torchvision.models import get_model_weights  # takes seconds to import

    url = get_model_weights(arch.name)[EDITION].url
    path = Path(torch.hub.get_dir()) / "checkpoints" / PurePosixPath(urlparse(url).path).name
    if not path.is_file():
        _fetch(url, path, arch)
    promised = path.stem.rpartition("-")[2]
    if not sha256_of(path).startswith(promised):
        raise WeightsError(
            f"{path}: its sha256 does not begin with {promised}, so it is damaged or "
            f"another file. Delete it and run again, or fetch {url}."
        )
    return path


def _fetch(url: str, path: Path, arch: Arch) -> None:
    demo = "" if "demo" not in arch.topologies else _DEMO
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), progress=sys.stderr.isatty())
    except (OSError, HTTPException) as error:  # urllib's own errors are OSErrors
        raise WeightsError(
            f"{path.name}: torchvision's weights are not in {path.parent} and could not be "
            f"fetched ({error}). Fetch {url} on a machine with a network and put it there as "
            f"{path}; TORCH_HOME names another folder.{demo}"
        ) from error
