"""Methods: functions from a forward pass and classes to maps, and baselines."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from wsol_bench.errors import UsageError
from wsol_bench.geometry import Boxes, Size
from wsol_bench.networks.requests import Requests
from wsol_bench.specs.options import Option, options_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from wsol_bench.networks.forward import Network

__all__ = ["BoxMethod", "Frame", "MapMethod", "MapReader", "any_layer", "on_cells"]

LAYER = Option("layer", str, None, text="layer to read in place of the arch's own")
"""An option of every method that reads one layer."""

LAYERS = replace(LAYER, text=f"{LAYER.text}; several are joined with + and their maps fused")
"""The same of a method that reads several layers, whose names `layers_in` separates."""

SAME_FOR_ALL_CLASSES = "one map for all classes"
"""The note of a method whose map does not depend on the class."""


def no_code(learned: Any) -> Mapping[str, str]:
    """The `code` of a method that reads no file of the user's."""
    return {}


def any_layer(network: "Network", layer: str) -> None:
    """The check of a method that every network supports, given that the layer exists."""
    network.check_layer(layer)


@dataclass(frozen=True, slots=True)
class MapMethod:
    """A method that makes a map.

    Attributes:
        name: a value of `--methods`.
        title: as a paper's table writes it.
        source: the paper.
        role: the role of the layer that it reads, or None for the pixels.
        requests: `(layer, **options)` -> the values that it will read from a forward pass.
        maps: `(forward, layer, classes, **options)` -> (n, u, v) float32. Its
            keyword-only parameters are the method's options.
        check: raises NotApplicable, with the reason, where the network and layer
            do not support the method; default: every layer that exists does.
        target_class: the target class of its maps, a name of `target_class.TARGET_CLASSES`.
        layers: the option that names its layer, `LAYER` or `LAYERS`; None of a method that
            reads no layer by name.
        knows_class: whether the map depends on the class; False for one map per image.
        note: a remark on its figures, or "".
        code: path or name, and sha256, of a user's own code; empty for ours.
        passes: `(side of the input, **options)` -> the forward passes per image beyond the first,
            0 where their number depends on the layer; None of a method that needs no more.
    """

    name: str
    title: str
    source: str
    role: str | None
    requests: Callable[..., Requests] | None
    maps: "Callable[..., Tensor]"
    check: "Callable[[Network, str], None]" = any_layer
    target_class: str = "label"
    layers: Option | None = LAYER
    knows_class: bool = True
    note: str = ""
    code: Mapping[str, str] = field(default_factory=dict)
    passes: Callable[..., int] | None = None

    @property
    def options(self) -> tuple[Option, ...]:
        """The layer, where it reads one, then the function's own options."""
        return (*((self.layers,) if self.layers else ()), *options_of(self.maps))

    @property
    def notes(self) -> tuple[str, ...]:
        """A remark on its figures."""
        same = () if self.knows_class else (SAME_FOR_ALL_CLASSES,)
        return (*same, *((self.note,) if self.note else ()))


@dataclass(frozen=True, slots=True)
class Frame:
    """The data of one image that a method without a network may read.

    Attributes:
        size: of the image, in pixels.
        image_id: for what belongs to the image, and for choices that are random but the same in
            every run.
        label: the class that is located.
        learned: what the method's `learn` returned, or None.
    """

    size: Size
    image_id: str
    label: int = 0
    learned: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodWithoutNetwork:
    """The fields that every method without a network has; `BoxMethod` describes them."""

    name: str
    title: str
    source: str
    learn: "Callable[..., Any] | None" = None
    note: str = ""
    code: Callable[[Any], Mapping[str, str]] = no_code

    @property
    def notes(self) -> tuple[str, ...]:
        """A remark on its figures."""
        return (self.note,) if self.note else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxMethod(MethodWithoutNetwork):
    """A method that gives a box without a network: a baseline, or boxes from a file.

    Attributes:
        name, title, source, note: as of a `MapMethod`.
        box: `(frame, **options)` -> (4,) half-open xyxy. Its keyword-only parameters are
            the method's options.
        learn: dataset -> the value of `Frame.learned`; None where nothing is learned.
        code: what was learned -> path and sha256 of the file that it comes from.
    """

    box: Callable[..., Boxes]

    @property
    def options(self) -> tuple[Option, ...]:
        """The function's options."""
        return options_of(self.box)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapReader(MethodWithoutNetwork):
    """A method whose maps are not made but read, without a network.

    Attributes:
        name, title, source, note, learn, code: as of a `BoxMethod`.
        read: `(frame, **options)` -> (u, v) float32, finite; shows the whole image. Its
            keyword-only parameters are the method's options.
    """

    read: "Callable[..., NDArray[np.float32]]"

    @property
    def options(self) -> tuple[Option, ...]:
        """The function's options."""
        return options_of(self.read)


Method = MapMethod | BoxMethod | MapReader


def layers_in(layer: str) -> tuple[str, ...]:
    """The layers of a method that reads several, as `layer=a+b` names them."""
    return tuple(layer.split("+"))


def scores_alone(layer: str, **options: object) -> Requests:
    """The requests of a method that reads no layer of the pass, only inputs and scores."""
    return Requests()


def gradient_alone(layer: str, **options: object) -> Requests:
    """The requests of a method that reads the gradient at one layer."""
    return Requests(gradients=frozenset({layer}))


def features_alone(layer: str, **options: object) -> Requests:
    """The requests of a method that reads the feature maps of one layer."""
    return Requests(features=frozenset({layer}))


def features_and_gradient(layer: str, **options: object) -> Requests:
    """The requests of a method that weights feature maps by gradients at the same layers."""
    layers = frozenset(layers_in(layer))
    return Requests(features=layers, gradients=layers)


def any_layers(network: "Network", layer: str) -> None:
    """The check of a method that reads several layers, all of which must exist."""
    for each in layers_in(layer):
        network.check_layer(each)


def on_cells(values: "Tensor", layer: str) -> "Tensor":
    """The values of a layer, checked to have cells, (n, k, u, v).

    Raises:
        UsageError: it has none, so no map can be made of it.
    """
    if values.dim() != 4:
        raise UsageError(
            f"layer {layer!r} can give no map: its output is {tuple(values.shape[1:])}, expected "
            "(channels, height, width). Name a layer below the flattening."
        )
    return values
