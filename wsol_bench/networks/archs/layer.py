"""One line of a net, which is a list of named layers: see `layers`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Layer:
    """One line of a net.

    Attributes:
        name: unique in its net; a slash is allowed, a dot is not.
        build: makes the module that computes it.
        bottoms: names of the layers that it reads; empty means the layer before,
            or the image for the first.
    """

    name: str
    build: "Callable[[], nn.Module]"
    bottoms: tuple[str, ...] = ()
