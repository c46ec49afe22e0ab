"""Extraction of a box from a map: upsampling, threshold, connected component.

The code is compiled and runs outside the interpreter lock, so that the boxes of one
batch are extracted while the network runs the next.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wsol_bench.boxes.map_state import MapState
from wsol_bench.errors import RunError
from wsol_bench.geometry import Boxes, Size, Window, whole_image_box
from wsol_bench.protocols.catalog import BoxRule
from wsol_bench.protocols.resample import KERNELS
from wsol_bench.runtime.compiled import compiled

__all__ = ["MapState", "enlarge", "extract_box", "map_state"]

Map = NDArray[np.float32]
Runs = NDArray[np.int32]
"""One number for each run of kept pixels in a row."""


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
    # In float64: rounded to float32, 0.15 x 100 is above 15 and would exclude 15.
    threshold = rule.threshold * enlarged.reference
    minimum = float(np.nextafter(threshold, np.inf)) if rule.strict else threshold
    if minimum > enlarged.maximum:
        return whole_image_box(size), MapState.EMPTY
    box = COMPONENTS[rule.component](enlarged.values, minimum, rule.connectivity == 8)
    return enlarged.in_image(np.array(box, dtype=np.float64)), state


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
        RunError: the map holds NaN or infinite values.
    """
    state = map_state(values)
    if state is not MapState.OK:
        return None, state
    height, width = (max(1, round(side)) for side in window.sides)
    contiguous = np.ascontiguousarray(values, dtype=np.float32)
    enlarged = UPSAMPLINGS[rule.upsampling](contiguous, height, width)
    maximum = float(enlarged.max())
    if maximum <= 0:  # a smaller image can miss every positive value of the map
        return None, MapState.EMPTY
    return UpsampledMap(enlarged, maximum, reference_of(enlarged, rule), window), state


def reference_of(values: Map, rule: BoxRule) -> float:
    """The value that the rule's threshold is a multiple of: the maximum or the mean."""
    return REFERENCES[rule.reference](values)


@compiled
def enlarge(values: Map, height: int, width: int) -> Map:
    """Bilinear interpolation of a map with half-pixel centres and replicated edges.

    The same as torch's `interpolate(mode="bilinear", align_corners=False)`, without
    antialiasing.

    Args:
        values: (u, v) float32.
        height, width: size of the result.
    """
    rows, columns = values.shape
    left, right, share = _taps(columns, width)
    above, below, weight = _taps(rows, height)
    stretched = np.empty((rows, width), np.float32)
    for i in range(rows):
        for x in range(width):
            a = values[i, left[x]]
            stretched[i, x] = a + share[x] * (values[i, right[x]] - a)
    result = np.empty((height, width), np.float32)
    for y in range(height):
        top, bottom, t = stretched[above[y]], stretched[below[y]], weight[y]
        for x in range(width):
            result[y, x] = top[x] + t * (bottom[x] - top[x])
    return result


@compiled
def _taps(source: int, target: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Map]:
    """For each target position its two source positions and the second's weight."""
    first = np.empty(target, np.int64)
    second = np.empty(target, np.int64)
    weight = np.empty(target, np.float32)
    for i in range(target):
        position = max((i + 0.5) * source / target - 0.5, 0.0)
        first[i] = min(int(position), source - 1)
        second[i] = min(first[i] + 1, source - 1)
        weight[i] = np.float32(position - first[i])
    return first, second, weight


@compiled
def largest_component(
    values: Map, threshold: float, eight_connected: bool
) -> tuple[int, int, int, int]:
    """The box of the largest component of `values >= threshold`, half-open xyxy.

    Rows are divided into runs; a run is joined with the touching runs of the row above.
    The root of a component is its first run in raster order, so a tie in the number of
    pixels goes to the first root. If no pixel passes, the box is (0, 0, 0, 0).

    Args:
        values: (h, w).
        threshold: the minimum value of a kept pixel.
        eight_connected: whether pixels that touch at a corner are connected.
    """
    height, width = values.shape
    most = height * ((width + 1) // 2)
    start, stop, row = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int32)
    root = np.empty(most, np.int32)
    reach = 1 if eight_connected else 0
    count, previous = 0, 0
    for y in range(height):
        first = count
        x = 0
        while x < width:
            if values[y, x] >= threshold:
                begin = x
                while x < width and values[y, x] >= threshold:
                    x += 1
                start[count], stop[count], row[count], root[count] = begin, x, y, count
                count += 1
            else:
                x += 1
        _join_rows(start, stop, root, previous, first, count, reach)
        previous = first
    return _box_of_largest(start, stop, row, root, count)


@compiled
def _join_rows(
    start: Runs, stop: Runs, root: Runs, above: int, first: int, count: int, reach: int
) -> None:
    """Joins the runs first..count of a row with the runs above..first of the row before."""
    other = above
    for run in range(first, count):
        while other < first and stop[other] + reach <= start[run]:
            other += 1
        touching = other
        while touching < first and start[touching] < stop[run] + reach:
            a, b = _root_of(root, run), _root_of(root, touching)
            root[max(a, b)] = min(a, b)
            touching += 1


@compiled
def _root_of(root: Runs, run: int) -> int:
    while root[run] != run:
        root[run] = root[root[run]]
        run = root[run]
    return run


@compiled
def _box_of_largest(
    start: Runs, stop: Runs, row: Runs, root: Runs, count: int
) -> tuple[int, int, int, int]:
    area = np.zeros(count, np.int64)
    for run in range(count):
        area[_root_of(root, run)] += stop[run] - start[run]
    if count == 0:
        return 0, 0, 0, 0
    best = int(np.argmax(area))  # the first in raster order
    x0, y0, x1, y1 = stop[best], row[best], 0, 0
    for run in range(count):
        if _root_of(root, run) == best:
            x0, x1 = min(x0, start[run]), max(x1, stop[run])
            y1 = row[run] + 1
    return x0, y0, x1, y1


def _by_taps(kernel: str, values: Map, height: int, width: int) -> Map:
    rows, row_weights = KERNELS[kernel](values.shape[0], height)
    columns, column_weights = KERNELS[kernel](values.shape[1], width)
    return _weigh_taps(values, rows, row_weights, columns, column_weights)


@compiled
def _weigh_taps(
    values: Map,
    rows: NDArray[np.int64],
    row_weights: Map,
    columns: NDArray[np.int64],
    column_weights: Map,
) -> Map:
    """Weighted sums of source values, first along rows, then along columns."""
    stretched = np.zeros((values.shape[0], len(columns)), np.float32)
    for i in range(values.shape[0]):
        for x in range(len(columns)):
            for k in range(columns.shape[1]):
                stretched[i, x] += column_weights[x, k] * values[i, columns[x, k]]
    result = np.zeros((len(rows), len(columns)), np.float32)
    for y in range(len(rows)):
        for k in range(rows.shape[1]):
            source, weight = stretched[rows[y, k]], row_weights[y, k]
            for x in range(len(columns)):
                result[y, x] += weight * source[x]
    return result


def box_of_all(values: Map, threshold: float, eight_connected: bool) -> tuple[int, int, int, int]:
    """The box of all pixels with `values >= threshold`, half-open xyxy."""
    kept = values >= np.float64(threshold)  # a plain float would be rounded to float32
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def peak_component(
    values: Map, threshold: float, eight_connected: bool
) -> tuple[int, int, int, int]:
    """The box of the component that contains the maximum (the first one on a tie)."""
    kept = values >= np.float64(threshold)  # a plain float would be rounded to float32
    labels, _ = ndimage.label(kept, np.ones((3, 3)) if eight_connected else None)
    peak = labels.ravel()[values.argmax()]
    rows, columns = ndimage.find_objects((labels == peak).astype(np.int32))[0]
    return columns.start, rows.start, columns.stop, rows.stop


REFERENCES: Mapping[str, Callable[[Map], float]] = MappingProxyType(
    {
        "max": lambda values: float(values.max()),
        "mean": lambda values: float(values.mean(dtype=np.float64)),
    }
)
UPSAMPLINGS: Mapping[str, Callable[[Map, int, int], Map]] = MappingProxyType(
    {kernel: partial(_by_taps, kernel) for kernel in KERNELS} | {"bilinear": enlarge}
)
COMPONENTS: Mapping[str, Callable[[Map, float, bool], tuple[int, int, int, int]]] = (
    MappingProxyType({"largest": largest_component, "all": box_of_all, "peak": peak_component})
)
