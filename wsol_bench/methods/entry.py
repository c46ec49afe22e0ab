"""What a method is: a function from a forward pass and classes to maps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from wsol_bench.errors import NotApplicable, UsageError
from wsol_bench.geometry import Boxes, Size
from wsol_bench.methods.options import Option, Value, options_of, written
from wsol_bench.methods.recording import RecordingForward, recorded
from wsol_bench.networks.requests import PIXELS, Requests

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.datasets.example import Dataset
    from wsol_bench.networks.forward import Forward, Network

__all__ = ["BoundMethod", "BoxMethod", "MapMethod", "any_layer", "on_cells"]

LAYER = Option("layer", str, None, text="layer to read in place of the arch's own")
"""An option of every method that reads one layer."""

LAYERS = replace(LAYER, text=f"{LAYER.text}; several are joined with + and their maps fused")
"""The same of a method that reads several layers, whose names `layers_in` separates."""

SAME_FOR_ALL_CLASSES = "one map for all classes"
"""The note of a method that knows no class."""


@dataclass(frozen=True, slots=True)
class MapMethod:
    """A method that makes a map.

    Attributes:
        name: what `--methods` takes.
        title: as a paper's table writes it.
        source: the paper.
        role: the role of the layer that it reads, or None for the pixels.
        requests: `(layer, **options)` -> the values that it will read from a forward pass.
        maps: `(forward, layer, classes, **options)` -> (n, u, v) float32. Its
            keyword-only parameters are the method's options.
        check: raises NotApplicable, with the reason, where the network and layer
            do not support the method.
        target_class: whose maps are made, a name of `target_class.TARGET_CLASSES`.
        layers: the option that names its layer, `LAYER` or `LAYERS`; None of a method that
            reads no layer by name.
        knows_class: whether the map depends on the class; False for one map per image.
        note: what a reader of its figures must know, or "".
        code: path or name, and sha256, of a user's own code; empty for ours.
        passes: `(**options)` -> the forward passes per image beyond the first, 0 where their
            number depends on the layer; None of a method that needs no more.
    """

    name: str
    title: str
    source: str
    role: str | None
    requests: Callable[..., Requests] | None
    maps: "Callable[..., Tensor]"
    check: "Callable[[Network, str], None]"
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
        """What a reader of its figures must know."""
        same = () if self.knows_class else (SAME_FOR_ALL_CLASSES,)
        return (*same, *((self.note,) if self.note else ()))


@dataclass(frozen=True, slots=True)
class Frame:
    """All that a baseline may look at of one image.

    Attributes:
        size: of the image, in pixels.
        image_id: for choices that are random but the same in every run.
        learned: what the method's `learn` returned, or None.
    """

    size: Size
    image_id: str
    learned: Any = None


@dataclass(frozen=True, slots=True)
class BoxMethod:
    """A baseline that predicts a box without looking at the image.

    Attributes:
        name, title, source, note: as of a `MapMethod`.
        box: `(frame, **options)` -> (4,) half-open xyxy. Its keyword-only parameters are
            the method's options.
        learn: dataset -> what `Frame.learned` holds; None where nothing is learned.
    """

    name: str
    title: str
    source: str
    box: Callable[..., Boxes]
    learn: "Callable[[Dataset], Any] | None" = None
    note: str = ""

    @property
    def options(self) -> tuple[Option, ...]:
        """The function's options."""
        return options_of(self.box)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of its figures must know."""
        return (self.note,) if self.note else ()


Method = MapMethod | BoxMethod


@dataclass(frozen=True, slots=True)
class BoundMethod:
    """A method with its options, and the layer of one network: a row of a run.

    Attributes:
        name: of the row; unique in its run.
        title: of the row, as tables show it.
        method: the method.
        options: every option but the layer, resolved.
        layer: that it reads; None before it is bound to a network, and of a `BoxMethod`.
        spec: the text, or the object from Python, that asked for it.
        recorded: what a method without `requests` was seen to request of a trial pass.
        learned: from the dataset, for a `BoxMethod` that learns; None before that.
    """

    name: str
    title: str
    method: Method
    options: Mapping[str, Value] = field(default_factory=dict)
    layer: str | None = None
    spec: Any = ""
    recorded: Requests | None = None
    learned: Any = None

    @property
    def makes_map(self) -> bool:
        """Whether it makes a map; a baseline predicts a box without one."""
        return isinstance(self.method, MapMethod)

    @property
    def target_class(self) -> str:
        """Whose maps are made."""
        return self.method.target_class if isinstance(self.method, MapMethod) else "label"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of its figures must know."""
        return self.method.notes

    def on(self, dataset: "Dataset") -> "BoundMethod":
        """The method with what it learns from a dataset; most learn nothing."""
        if isinstance(self.method, BoxMethod) and self.method.learn:
            return replace(self, learned=self.method.learn(dataset))
        return self

    @property
    def passes(self) -> int | None:
        """Forward passes per image beyond the first; as of `MapMethod.passes`."""
        of = self.method.passes if isinstance(self.method, MapMethod) else None
        return None if of is None else of(**self.options)

    @property
    def code(self) -> Mapping[str, str]:
        """Path or name, and sha256, of a user's own code; empty for ours."""
        return self.method.code if isinstance(self.method, MapMethod) else {}

    def to(self, network: "Network", roles: Mapping[str, str], side: int = 224) -> "BoundMethod":
        """The method bound to a layer of a network.

        Args:
            network: checked for its support of the method.
            roles: role -> the layer that the arch gives it.
            side: of the network's input, for the trial pass of a method without `requests`.

        Raises:
            NotApplicable: the network does not support the method; the message says why.
            UsageError: the network has no such layer.
        """
        if not isinstance(self.method, MapMethod):
            return self
        role = self.method.role
        layer = self.layer or (roles.get(role) if role else PIXELS)
        if layer is None:
            raise NotApplicable(f"no layer was found for {role}; name one with layer=NAME")
        self.method.check(network, layer)
        bound = replace(self, layer=layer)
        if self.method.requests is None:
            return replace(bound, recorded=recorded(network, side, bound.maps))
        return bound

    def requests(self) -> Requests:
        """What a bound method will request of a forward pass."""
        if not isinstance(self.method, MapMethod):
            return Requests()
        if self.method.requests is None:
            return self.recorded or Requests()
        return self.method.requests(self.layer, **self.options)

    def maps(self, forward: "Forward", classes: "Tensor") -> "Tensor":
        """The maps of one class per image, (n, u, v) float32."""
        if self.recorded is not None:  # may read what its trial pass did not
            forward = cast("Forward", RecordingForward(forward, self.recorded))
        return self._map_method.maps(forward, self.layer, classes, **self.options)

    def box(self, size: Size, image_id: str = "") -> Boxes:
        """The box of a baseline for an image of this size, (4,) half-open xyxy."""
        if not isinstance(self.method, BoxMethod):
            raise TypeError(f"{self.name} makes maps; its boxes come from them.")
        return self.method.box(Frame(size, image_id, self.learned), **self.options)

    @property
    def _map_method(self) -> MapMethod:
        if not isinstance(self.method, MapMethod) or self.layer is None:
            raise TypeError(f"{self.name} is bound to no layer of a network.")
        return self.method


def with_options(method: Method, spelled: str, given: Mapping[str, Value]) -> BoundMethod:
    """A method with its options, not yet bound to a network.

    Args:
        method: the method.
        spelled: its name in the row's name; a path is cut to its last part.
        given: every option's value, the defaults included.
    """
    shown = [
        f"{option.name}={written(given[option.name])}"
        for option in method.options
        if given[option.name] != option.default
    ]
    title = f"{method.title} ({', '.join(shown)})" if shown else method.title
    layer = given.get(LAYER.name) if isinstance(method, MapMethod) else None
    own = {name: value for name, value in given.items() if option_is_own(method, name)}
    name = ":".join([spelled, *shown])
    return BoundMethod(name, title, method, own, None if layer is None else str(layer))


def option_is_own(method: Method, name: str) -> bool:
    """Whether an option is one of the method's function, and not the layer."""
    return not (isinstance(method, MapMethod) and name == LAYER.name)


def layers_in(layer: str) -> tuple[str, ...]:
    """The layers of a method that reads several, as `layer=a+b` names them."""
    return tuple(layer.split("+"))


def features_and_gradient(layer: str, **options: object) -> Requests:
    """The requests of a method that weights feature maps by gradients at the same layers."""
    layers = frozenset(layers_in(layer))
    return Requests(features=layers, gradients=layers)


def any_layers(network: "Network", layer: str) -> None:
    """The check of a method that reads several layers, all of which must exist."""
    for each in layers_in(layer):
        network.check_layer(each)


def any_layer(network: "Network", layer: str) -> None:
    """The check of a method that every network supports, given that the layer exists."""
    network.check_layer(layer)


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
