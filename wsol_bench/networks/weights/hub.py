"""The libraries' published weights: in their own folders, downloaded when absent."""

import sys
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlparse

import torch

from wsol_bench.errors import WeightsError
from wsol_bench.networks.archs.entry import Arch
from wsol_bench.networks.weights.file_checks import sha256_of
from wsol_bench.specs import parse_spec

EDITION = "IMAGENET1K_V1"
_DEMO = " Or, to see it work, --weights demo: a small network that the package contains."
_TIMM_FILE = "model.safetensors"


def hub_file(arch: Arch, argument: str) -> Path:
    """Finds the file of torchvision's weights for `arch`, downloaded on first use.

    torch.hub decides on the folder (TORCH_HOME). An arch with a torchvision topology bears the
    name that torchvision gives it.

    Raises:
        WeightsError: the file is not there and cannot be downloaded, or its sha256 does not begin
            as its name promises.
    """
    if argument:
        raise WeightsError(f"--weights torchvision:{argument}: torchvision takes no path.")
    from torchvision.models import get_model_weights  # takes seconds to import

    editions = get_model_weights(_library_name(arch))
    url = (editions[EDITION] if EDITION in _names(editions) else editions.DEFAULT).url
    path = Path(torch.hub.get_dir()) / "checkpoints" / PurePosixPath(urlparse(url).path).name
    if not path.is_file():
        _fetch(url, path, arch)
    promised = path.stem.rpartition("-")[2]
    if not sha256_of(path).startswith(promised):
        raise WeightsError(
            f"{path}: its sha256 does not begin with {promised}, so it is damaged or "
            f"another file. Delete it and run again, or download {url}."
        )
    return path


def timm_file(arch: Arch, argument: str) -> Path:
    """Finds the file of timm's weights for `arch`, downloaded on first use.

    huggingface_hub decides on the folder (HF_HOME).

    Raises:
        WeightsError: timm publishes none for it, or the file cannot be downloaded.
    """
    if argument:
        raise WeightsError(f"--weights timm:{argument}: timm takes no path.")
    import timm
    from huggingface_hub import hf_hub_download

    config = timm.get_pretrained_cfg(_library_name(arch))
    repository = None if config is None else config.hf_hub_id
    if config is None or not repository:
        raise WeightsError(f"--weights timm: timm publishes no weights for {arch.name}.")
    try:
        return Path(hf_hub_download(repository, config.hf_hub_filename or _TIMM_FILE))
    except Exception as error:  # the hub raises errors of several libraries
        raise WeightsError(
            f"{arch.name}: timm's weights could not be downloaded "
            f"({str(error).splitlines()[0]}). Download {_TIMM_FILE} of huggingface.co/{repository} "
            "on a machine with access to the internet and name it: --weights PATH."
        ) from error


def _library_name(arch: Arch) -> str:
    """The name without prefix and options."""
    return parse_spec(arch.name).name.rpartition(":")[2]


def _names(editions: Any) -> Any:
    return getattr(editions, "__members__", editions)


def _fetch(url: str, path: Path, arch: Arch) -> None:
    demo = "" if "demo" not in arch.topologies else _DEMO
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), progress=sys.stderr.isatty())
    except (OSError, HTTPException) as error:  # urllib's own errors are OSErrors
        raise WeightsError(
            f"{path.name}: torchvision's weights are not in {path.parent} and could not be "
            f"downloaded ({error}). Download {url} on a machine with access to the internet and "
            f"put it there as {path}; TORCH_HOME names another folder.{demo}"
        ) from error
