"""The preprocessing of published weights, each constant once, and the user's changes of it."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from wsol_bench.errors import UsageError
from wsol_bench.geometry import Crop
from wsol_bench.networks.archs.entry import Preprocessing

__all__ = ["caffe_input", "torchvision_half_input", "torchvision_input"]

CHANNELS = 3

TORCHVISION_MEAN = (0.485, 0.456, 0.406)
TORCHVISION_STD = (0.229, 0.224, 0.225)
"""torchvision's `ImageClassification` preset, RGB."""

CAFFE_MEAN = (104.0, 117.0, 123.0)
"""The `mean_value` lines of BVLC GoogLeNet and of SqueezeNet, BGR."""

CAFFE_MEAN_IMAGE = (104.00698793, 116.66876762, 122.67891434)
"""Channel means of BVLC's `ilsvrc_2012_mean`, BGR: BVLC AlexNet and Zhou's nets
were trained minus that image, whose cells differ little from its means."""

VGG_MEAN = (103.939, 116.779, 123.68)
"""VGG's description of `VGG_ILSVRC_16_layers`, BGR."""

DEMO_MEAN = (0.45, 0.45, 0.45)
DEMO_STD = (0.25, 0.25, 0.25)


def torchvision_input(size: int) -> Preprocessing:
    """RGB on 0..1, ImageNet's mean and standard deviation."""
    return Preprocessing(size, "rgb", 1 / 255, TORCHVISION_MEAN, TORCHVISION_STD)


def own_crop(size: int, shorter: int, filter: str) -> Crop | None:
    """A library's centre crop, or None for the usual one: 256/224 of the side, bilinear."""
    usual = (round(size * 256 / 224), "bilinear")
    return None if (shorter, filter) == usual else Crop(shorter, filter)


def torchvision_half_input(size: int) -> Preprocessing:
    """RGB on -1..1, as torchvision's GoogLeNet computes it internally.

    Its `transform_input` undoes ImageNet's normalisation and applies mean 0.5,
    std 0.5. Here that is the preprocessing itself and the net is built without.
    """
    return Preprocessing(size, "rgb", 1 / 255, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def caffe_input(size: int, mean: tuple[float, float, float]) -> Preprocessing:
    """BGR on 0..255, minus a mean per channel."""
    return Preprocessing(size, "bgr", 1.0, mean)


def demo_input(size: int) -> Preprocessing:
    """RGB on 0..1, near the demo images' own mean and standard deviation."""
    return Preprocessing(size, "rgb", 1 / 255, DEMO_MEAN, DEMO_STD)


class Changes(Protocol):
    """The settings that replace fields of a preprocessing; None leaves a field as it is."""

    @property
    def side(self) -> int | None:
        """The side of the square input, in pixels."""

    @property
    def mean(self) -> Sequence[float] | float | None:
        """One number per channel, or one for all."""

    @property
    def std(self) -> Sequence[float] | float | None:
        """One number per channel, or one for all."""

    @property
    def scale(self) -> float | None:
        """The factor by which pixels are multiplied."""

    @property
    def order(self) -> Literal["rgb", "bgr"] | None:
        """The order of the channels."""


def changed_fields(changes: Changes) -> dict[str, Any]:
    """Field of a preprocessing -> the value that the user gave.

    Raises:
        UsageError: a value makes no sense; names the flag.
    """
    side, scale, order = changes.side, changes.scale, changes.order
    if side is not None and side < 1:
        raise UsageError(f"--side {side}: expected 1 or more.")
    if scale is not None and scale <= 0:
        raise UsageError(f"--scale {scale:g}: expected a number above 0.")
    if order not in (None, "rgb", "bgr"):
        raise UsageError(f"--order {order}: expected rgb or bgr.")
    mean, std = _by_channel("mean", changes.mean), _by_channel("std", changes.std)
    if std is not None and min(std) <= 0:
        raise UsageError(f"--std {_written(std)}: expected numbers above 0.")
    given = {"size": side, "mean": mean, "std": std, "scale": scale, "order": order}
    return {name: value for name, value in given.items() if value is not None}


def _by_channel(flag: str, given: Sequence[float] | float | None) -> tuple[float, ...] | None:
    if given is None:
        return None
    numbers = (given,) if isinstance(given, int | float) else tuple(given)
    if len(numbers) == 1:
        numbers *= CHANNELS
    if len(numbers) != CHANNELS:
        raise UsageError(f"--{flag} {_written(numbers)}: expected 1 or {CHANNELS} numbers.")
    return tuple(map(float, numbers))


def _written(numbers: Sequence[float]) -> str:
    return ",".join(f"{number:g}" for number in numbers)
