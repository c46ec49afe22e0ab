"""A method with its options and the layer of one network: a row of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from wsol_bench.errors import NotApplicable
from wsol_bench.geometry import Boxes
from wsol_bench.methods.entry import LAYER, BoxMethod, Frame, MapMethod, MapReader, Method
from wsol_bench.methods.recording import RecordingForward, recorded
from wsol_bench.networks.requests import PIXELS, Requests
from wsol_bench.specs.options import Value, written

_FEATURES = "features"
"""The role whose layer serves a role that the arch does not name."""
_SIDE = 224
"""Of an input, where no network is named."""

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from wsol_bench.datasets.example import Dataset
    from wsol_bench.networks.forward import Forward, Network

__all__ = ["BoundMethod"]


@dataclass(frozen=True, slots=True)
class BoundMethod:
    """A method with its options, and the layer of one network: a row of a run.

    Attributes:
        name: of the row; unique in its run.
        title: of the row, as tables show it.
        method: the method.
        options: every option but the layer, resolved.
        layer: that it reads; None before it is bound to a network, and of a method without one.
        spec: the text, or the object from Python, that requested it.
        recorded: the requests of a method without `requests`, recorded in a trial pass.
        learned: from the dataset, of a method without a network that learns; None before that.
        side: of the input of the network that it is bound to.
    """

    name: str
    title: str
    method: Method
    options: Mapping[str, Value] = field(default_factory=dict)
    layer: str | None = None
    spec: Any = ""
    recorded: Requests | None = None
    learned: Any = None
    side: int = _SIDE

    @property
    def makes_map(self) -> bool:
        """Whether it gives a map; a baseline predicts a box without one."""
        return not isinstance(self.method, BoxMethod)

    @property
    def needs_network(self) -> bool:
        """Whether its maps are made from a forward pass."""
        return isinstance(self.method, MapMethod)

    @property
    def target_class(self) -> str:
        """The target class of its maps, by name."""
        return self.method.target_class if isinstance(self.method, MapMethod) else "label"

    @property
    def notes(self) -> tuple[str, ...]:
        """A remark on its figures."""
        return self.method.notes

    def on(self, dataset: "Dataset") -> "BoundMethod":
        """The method with what it learns from a dataset; most learn nothing."""
        if isinstance(self.method, MapMethod) or self.method.learn is None:
            return self
        return replace(self, learned=self.method.learn(dataset, **self.options))

    @property
    def passes(self) -> int | None:
        """Forward passes per image beyond the first; as of `MapMethod.passes`."""
        of = self.method.passes if isinstance(self.method, MapMethod) else None
        return None if of is None else of(self.side, **self.options)

    @property
    def code(self) -> Mapping[str, str]:
        """Path or name, and sha256, of a user's own code or file; empty for ours."""
        if isinstance(self.method, MapMethod):
            return self.method.code
        return self.method.code(self.learned)

    def to(self, network: "Network", roles: Mapping[str, str], side: int = _SIDE) -> "BoundMethod":
        """The method bound to a layer of a network.

        Args:
            network: checked for its support of the method.
            roles: role -> the layer that the arch gives it.
            side: of the network's input.

        Raises:
            NotApplicable: the network does not support the method; the message gives the reason.
            UsageError: the network has no such layer.
        """
        if not isinstance(self.method, MapMethod):
            return self
        role = self.method.role
        layer = self.layer or (roles.get(role, roles.get(_FEATURES)) if role else PIXELS)
        if layer is None:
            raise NotApplicable(f"no layer was found for {role}; name one with layer=NAME")
        self.method.check(network, layer)
        bound = replace(self, layer=layer, side=side)
        if self.method.requests is None:
            return replace(bound, recorded=recorded(network, side, bound.maps))
        return bound

    def requests(self) -> Requests:
        """The values that a bound method requests of a forward pass."""
        if not isinstance(self.method, MapMethod):
            return Requests()
        if self.method.requests is None:
            return self.recorded or Requests()
        return self.method.requests(self.layer, **self.options)

    def maps(self, forward: "Forward", classes: "Tensor") -> "Tensor":
        """The maps of one class per image, (n, u, v) float32."""
        if not isinstance(self.method, MapMethod) or self.layer is None:
            raise TypeError(f"{self.name} is bound to no layer of a network.")
        if self.recorded is not None:  # may read what its trial pass did not
            forward = cast("Forward", RecordingForward(forward, self.recorded))
        return self.method.maps(forward, self.layer, classes, **self.options)

    def box(self, frame: Frame) -> Boxes:
        """The box of a method without maps, (4,) half-open xyxy."""
        if not isinstance(self.method, BoxMethod):
            raise TypeError(f"{self.name} makes maps; its boxes come from them.")
        return self.method.box(replace(frame, learned=self.learned), **self.options)

    def read(self, frame: Frame) -> "NDArray[np.float32]":
        """The map that a `MapReader` has of an image and class, (u, v)."""
        if not isinstance(self.method, MapReader):
            raise TypeError(f"{self.name} reads no maps.")
        return self.method.read(replace(frame, learned=self.learned), **self.options)


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
    own = dict(given)  # a layer is the row's, not an option of the method's function
    layer = own.pop(LAYER.name, None) if isinstance(method, MapMethod) else None
    name = ":".join([spelled, *shown])
    return BoundMethod(name, title, method, own, None if layer is None else str(layer))
