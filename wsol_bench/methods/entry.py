"""What a method is: a function from a forward pass and classes to maps."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from wsol_bench.errors import UsageError
from wsol_bench.geometry import Boxes, Size
from wsol_bench.networks.forward import Asks, Forward, Network
from wsol_bench.settings import SIGMA


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may set of the methods of a run.

    Attributes:
        layers: method -> layer that replaces its role's.
        sigma: of `backprop`'s Gaussian, as a share of the map's side; 0 is raw.
    """

    layers: dict[str, str] = field(default_factory=dict)
    sigma: float = SIGMA


@dataclass(frozen=True, slots=True)
class MapMethod:
    """A method that makes a map.

    Attributes:
        name: what `--methods` takes.
        title: as a paper's table writes it.
        source: the paper.
        role: the role of the layer it reads, or None for the pixels.
        asks: layer -> what it will ask of a forward pass.
        maps: (forward, layer, classes (n,), settings) -> (n, u, v) float32.
        check: raises NotApplicable, with the reason, where the network and layer
            cannot carry the method.
        subject: which class its maps are asked about, a name of `subjects.SUBJECTS`.
    """

    name: str
    title: str
    source: str
    role: str | None
    asks: Callable[[str], Asks]
    maps: Callable[[Forward, str, Tensor, Settings], Tensor]
    check: Callable[[Network, str], None]
    subject: str = "label"


@dataclass(frozen=True, slots=True)
class BoxMethod:
    """A baseline that draws a box without looking at the image."""

    name: str
    title: str
    source: str
    box: Callable[[Size], Boxes]


Method = MapMethod | BoxMethod


def any_layer(network: Network, layer: str) -> None:
    """The check of a method that every network can carry, given the layer exists."""
    network.step(layer)


def on_cells(values: Tensor, layer: str) -> Tensor:
    """What was asked at a layer, seen to have cells, (n, k, u, v).

    Raises:
        UsageError: it has none, so there is no map to make of it.
    """
    if values.dim() != 4:
        raise UsageError(
            f"layer {layer!r} can give no map: its output is {tuple(values.shape[1:])}, expected "
            "(channels, height, width). Name a layer below the flattening."
        )
    return values
