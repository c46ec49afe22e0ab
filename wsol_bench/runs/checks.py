"""Checks of the settings before anything is opened."""

import torch

from wsol_bench.errors import UsageError
from wsol_bench.methods.catalog import METHODS, find_methods
from wsol_bench.networks.archs.catalog import open_arch
from wsol_bench.networks.archs.preprocessing import changed_fields
from wsol_bench.protocols.overrides import resolve
from wsol_bench.runs.measuring import check_metrics
from wsol_bench.settings import NO_NETWORK, RunSettings

__all__ = ["check_settings", "find_device"]

AMONG = ("all", "dataset")
"""The values of `--scores` other than a file."""


def check_settings(settings: RunSettings, device_here: str | None = None) -> None:
    """Checks names and numbers before anything is opened.

    Args:
        settings: of one arch.
        device_here: the device of this process; default: the settings'.

    Raises:
        UsageError: one is invalid; names the flag.
    """
    _check_arch(settings)
    changed_fields(settings)
    _check_network(settings)
    check_metrics(settings, resolve(settings.protocol, settings.set))
    _check_target(settings)
    _check_methods(settings)
    if not settings.methods:
        raise UsageError(f"--methods: expected names, such as {', '.join(METHODS)}.")
    if settings.batch_size < 1:
        raise UsageError(f"--batch-size {settings.batch_size}: expected 1 or more.")
    if settings.allow_unreadable < 0:
        raise UsageError(f"--allow-unreadable {settings.allow_unreadable}: expected 0 or more.")
    if settings.threads is not None and settings.threads < 1:
        raise UsageError(f"--threads {settings.threads}: expected 1 or more.")
    find_device(device_here or settings.device)


def _check_arch(settings: RunSettings) -> None:
    settings.require_arch()
    if isinstance(settings.arch, str):
        open_arch(settings.arch)
    elif (settings.workers or 1) > 1 or settings.engine != "local":
        raise UsageError(
            "arch: a module from Python lives in this process alone. For workers or Ray, write a "
            "function that returns it into a file and give arch='FILE.py:FUNCTION'."
        )


def _check_target(settings: RunSettings) -> None:
    if settings.target is None:
        return
    others = {
        "--classes": settings.classes is not None,
        "--boxes top5": settings.boxes == "top5",
        "--gate": settings.gate is not None,
        "--scores": settings.scores != AMONG[0],
        f"--arch {NO_NETWORK}": settings.arch == NO_NETWORK,
    }
    for flag, given in others.items():
        if given:
            raise UsageError(
                f"--target: ranks no classes and names outputs of a network, so {flag} does not go "
                "with it. Leave one of the two out."
            )


def _check_methods(settings: RunSettings) -> None:
    find_methods(settings.methods)
    from_python = [each for each in settings.methods if not isinstance(each, str)]
    if from_python and ((settings.workers or 1) > 1 or settings.engine != "local"):
        raise UsageError(
            f"methods: {from_python[0]} from Python lives in this process alone. For workers or "
            "Ray, write the function into a file and give methods=['FILE.py:FUNCTION']."
        )


def find_device(name: str) -> torch.device:
    """The device of this name; "auto" is a GPU where there is one.

    Raises:
        UsageError: torch cannot use it here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()  # which meta, without numbers, cannot
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"--device {name}: not usable here ({reason}). Try --device cpu."
        ) from error
    return device


def _check_network(settings: RunSettings) -> None:
    """Refuses settings of a network without one, and scores in the place of a network's.

    Raises:
        UsageError: there is such a setting; names its flag.
    """
    if settings.arch != NO_NETWORK:
        if settings.scores not in AMONG:
            raise UsageError(
                f"--scores {settings.scores}: expected all or dataset; a file of scores takes the "
                "place of a network's, with --arch none."
            )
        return
    given = {
        "--weights": settings.weights not in (None, NO_NETWORK),
        "--gate": settings.gate is not None,
        "--boxes top5": settings.boxes == "top5",
        "--precision": settings.precision != "fp32",
        "--side, --mean, --std, --scale and --order": bool(changed_fields(settings)),
    }
    for flag, is_given in given.items():
        if is_given:
            raise UsageError(f"{flag}: --arch none has no network. Leave it out.")
