"""Extraction of a box from a map: upsampling, threshold, connected component."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from wsol_bench.boxes.components import COMPONENTS
from wsol_bench.boxes.map_state import MapState
from wsol_bench.boxes.upsampling import UPSAMPLINGS, Map
from wsol_bench.errors import RunError
from wsol_bench.geometry import Boxes, Size, Window, whole_image_box
from wsol_bench.protocols.catalog import BoxRule

__all__ = ["MapState", "extract_box", "map_state"]


def map_state(values: Map) -> MapState:
    """The state of a map, (u, v): whether it contains any information.

    Raises:
        RunError: a value is NaN or infinite; the caller names the image.

    Example:
        >>> import numpy as np
        >>> map_state(np.zeros((7, 7), np.float32)).value
        'zero'
    """
    minimum, maximum = float(values.min()), float(values.max())
    if not np.isfinite(minimum) or not np.isfinite(maximum):
        raise RunError("the map holds NaN or infinite values")
    if minimum == maximum:
        return MapState.ZERO if maximum == 0 else MapState.CONSTANT
    return MapState.OK if maximum > 0 else MapState.EMPTY


def extract_box(
    values: Map, size: Size, rule: BoxRule, window: Window | None = None
) -> tuple[Boxes, MapState]:
    """The predicted box: the box that a rule extracts from a map.

    Args:
        values: (u, v) float32, one map, at the resolution at which it was computed.
        size: height and width of the original image.
        rule: upsampling, threshold, connectivity, component.
        window: the part of the image that the map covers; None means all of it.

    Returns:
        (4,) float64 half-open xyxy in original pixels, and the state of the map. Among
        several largest components, the one whose first pixel in raster order comes
        first is selected. The box of a degenerate map is the whole image.

    Raises:
        RunError: the map holds NaN or infinite values.

    Example:
        >>> import numpy as np
        >>> from wsol_bench.geometry import Size
        >>> from wsol_bench.protocols.catalog import PROTOCOLS
        >>> values = np.zeros((4, 4), np.float32)
        >>> values[1:3, 1:3] = 1
        >>> rule = PROTOCOLS["gradcam-iccv17"].box_rule
        >>> box, state = extract_box(values, Size(height=4, width=4), rule)
        >>> box.tolist(), state.value
        ([1.0, 1.0, 3.0, 3.0], 'ok')
    """
    enlarged, state = upsampled(values, size, rule, window or Window.whole(size))
    if enlarged is None:
        return whole_image_box(size), state
    return _box_in(enlarged, size, rule)


def extract_boxes(
    values: Map, size: Size, rules: Sequence[BoxRule], window: Window | None = None
) -> list[tuple[Boxes, MapState]]:
    """The predicted box under each of several rules: what `extract_box` returns for each.

    The map is upsampled once for all rules that bring it to the image's size in the same way.

    Args:
        values, size, window: see `extract_box`.
        rules: any number.

    Raises:
        RunError: the map holds NaN or infinite values.
    """
    covered = window or Window.whole(size)
    ways = {(rule.upsampling, rule.reference): rule for rule in rules}
    enlarged = {way: upsampled(values, size, rule, covered) for way, rule in ways.items()}
    found = []
    for rule in rules:
        once, state = enlarged[rule.upsampling, rule.reference]
        none = whole_image_box(size), state
        found.append(none if once is None else _box_in(once, size, rule))
    return found


def _box_in(enlarged: "UpsampledMap", size: Size, rule: BoxRule) -> tuple[Boxes, MapState]:
    """The box of a map that is upsampled and not degenerate, and its state."""
    # In float64: rounded to float32, 0.15 x 100 is above 15 and would exclude 15.
    threshold = rule.threshold * enlarged.reference
    minimum = float(np.nextafter(threshold, np.inf)) if rule.strict else threshold
    if minimum > enlarged.maximum:
        return whole_image_box(size), MapState.EMPTY
    box = COMPONENTS[rule.component](enlarged.values, minimum, rule.connectivity == 8)
    return enlarged.in_image(np.array(box, dtype=np.float64)), MapState.OK


@dataclass(frozen=True, slots=True)
class UpsampledMap:
    """A map at the resolution at which a box rule thresholds it.

    Attributes:
        values: (h, w) float32.
        maximum: maximum of the values, above 0.
        reference: the value that thresholds are multiples of.
        window: the part of the original image that the map covers.
    """

    values: Map
    maximum: float
    reference: float
    window: Window

    def in_image(self, boxes: Boxes) -> Boxes:
        """Boxes of this map, (..., 4), in the pixels of the original image."""
        y_scale, x_scale = (
            side / length for side, length in zip(self.window.sides, self.values.shape, strict=True)
        )
        x0, y0 = self.window.x0, self.window.y0
        return boxes * np.array([x_scale, y_scale, x_scale, y_scale]) + [x0, y0, x0, y0]


def upsampled(
    values: Map, size: Size, rule: BoxRule, window: Window
) -> tuple[UpsampledMap | None, MapState]:
    """A map at the resolution of the original image, and its state.

    Args:
        values, size, rule: see `extract_box`.
        window: the part of the image that the map covers.

    Returns:
        None for a degenerate map, whose box is the whole image.

    Raises:
        RunError: the map holds NaN or infinite values, or upsampling overflows.
    """
    state = map_state(values)
    if state is not MapState.OK:
        return None, state
    height, width = (max(1, round(side)) for side in window.sides)
    contiguous = np.ascontiguousarray(values, dtype=np.float32)
    enlarged = UPSAMPLINGS[rule.upsampling](contiguous, height, width)
    maximum = float(enlarged.max())
    if not np.isfinite(maximum):
        raise RunError(
            "the map's values are too large: upsampling overflows float32. Scale the map to 0..1"
        )
    if maximum <= 0:  # a smaller image can miss every positive value of the map
        return None, MapState.EMPTY
    return UpsampledMap(enlarged, maximum, reference_of(enlarged, rule), window), state


def reference_of(values: Map, rule: BoxRule) -> float:
    """The value that the rule's threshold is a multiple of: the maximum or the mean."""
    return REFERENCES[rule.reference](values)


REFERENCES: Mapping[str, Callable[[Map], float]] = MappingProxyType(
    {
        "max": lambda values: float(values.max()),
        "mean": lambda values: float(values.mean(dtype=np.float64)),
    }
)
