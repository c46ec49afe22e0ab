"""The boxes of a map at 1,000 thresholds: in one sweep, and by the usual ways.

All ways process every map in each round. Times are CPU times of one thread: on a busy
machine, wall-clock times of the slow ways would include other programs.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import scipy.ndimage
import torch
from numpy.typing import NDArray

from wsol_bench.bench.case import Case
from wsol_bench.bench.methods import asker, maps_of
from wsol_bench.bench.timing import Spread, interleaved
from wsol_bench.boxes.sweep import largest_boxes
from wsol_bench.boxes.upsampling import Map, enlarge
from wsol_bench.protocols.catalog import PROTOCOLS
from wsol_bench.scoring.swept_boxes import thresholds_of

SWEEP = next(protocol.sweep for protocol in PROTOCOLS.values() if protocol.sweep)
ONE_SWEEP = "one sweep"
LABELLING = "scipy.ndimage.label per threshold"
CONTOURS = "OpenCV contours per threshold, 8 bits"
MAPS, SLOW_MAPS = 16, 3

_SMOOTH_CELLS = (14, 7, 4)
_EVERY_NEIGHBOUR = np.ones((3, 3))
_CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class SweepCost:
    """The cost of the boxes of one map at every threshold.

    Attributes:
        maps: a description of the maps.
        count, slow_count: the number of maps; the usual ways process fewer.
        milliseconds: way -> milliseconds per map.
        equal: the number of slow maps whose boxes equal those of labelling at every threshold.
    """

    maps: str
    count: int
    slow_count: int
    milliseconds: Mapping[str, Spread]
    equal: int

    @property
    def ratios(self) -> dict[str, float]:
        """Way -> its median divided by that of the sweep."""
        ours = self.milliseconds[ONE_SWEEP].median
        return {name: each.median / ours for name, each in self.milliseconds.items()}

    def to_json(self) -> dict[str, Any]:
        """The object in the output of `bench --json`."""
        return {
            "maps": self.maps,
            "side": SWEEP.side,
            "thresholds": SWEEP.thresholds,
            "count": self.count,
            "slow_count": self.slow_count,
            "ms": {name: each.median for name, each in self.milliseconds.items()},
            "spread": {name: each.ends for name, each in self.milliseconds.items()},
            "ratios": self.ratios,
            "same_boxes_as_labelling": self.equal,
        }


def smooth_maps(count: int = MAPS) -> Map:
    """(count, side, side) sums of upsampled noise at the sweep's side.

    Like a network's maps they come from few cells; coarser noise has more weight.
    """
    random = np.random.default_rng(0)
    side = SWEEP.side
    return np.stack(
        [
            sum(enlarge(random.random((n, n), np.float32), side, side) / n for n in _SMOOTH_CELLS)
            for _ in range(count)
        ]
    )


def maps_from(case: Case, method: str = "grad_cam") -> Map:
    """The Grad-CAM maps of the case, (n, side, side), without constant ones."""
    made = maps_of(case, asker(case, (method,))(case.inputs), method, case.labels).cpu().numpy()
    return np.stack([enlarge(each, SWEEP.side, SWEEP.side) for each in made if np.ptp(each) > 0])


def measure_sweep(maps: Map, kind: str, rounds: int) -> SweepCost:
    """Times one sweep, and a labelling and a contour pass per threshold.

    Args:
        maps: (n, side, side) float32, none of them constant.
        kind: a description of the maps.
        rounds: repeats over all maps.
    """
    squares = list(maps)[:MAPS]
    slow = squares[:SLOW_MAPS]
    ways: dict[str, Callable[[Map], object]] = {ONE_SWEEP: by_one_sweep, LABELLING: by_labelling}
    if find_spec("cv2"):
        ways[CONTOURS] = by_contours()
    keys = {
        name: [f"{name}, map {i}" for i in range(len(squares if name == ONE_SWEEP else slow))]
        for name in ways
    }
    tasks = {
        key: partial(ways[name], values)
        for name in ways
        for key, values in zip(keys[name], squares, strict=False)
    }
    unit = partial(by_one_sweep, squares[0])
    times = interleaved(tasks, unit, rounds, _CPU, time.thread_time)
    taken = {
        name: [1000 * seconds for key in keys[name] for seconds in times.seconds[key]]
        for name in ways
    }
    return SweepCost(
        maps=kind,
        count=len(squares),
        slow_count=len(slow),
        milliseconds={name: Spread.of(values) for name, values in taken.items()},
        equal=sum(np.array_equal(by_one_sweep(each), by_labelling(each)) for each in slow),
    )


def by_one_sweep(values: Map) -> NDArray[np.int32]:
    """All boxes, (thresholds, 4), in one pass over the pixels."""
    return largest_boxes(values, _steps(values))


def by_labelling(values: Map) -> NDArray[np.int32]:
    """The same boxes by one scipy.ndimage.label pass per threshold."""
    boxes = []
    for step in _steps(values):
        labels, _ = scipy.ndimage.label(values >= step, _EVERY_NEIGHBOUR)
        largest = int(np.argmax(np.bincount(labels.ravel())[1:]))
        rows, columns = scipy.ndimage.find_objects(labels)[largest]
        boxes.append((columns.start, rows.start, columns.stop, rows.stop))
    return np.array(boxes, np.int32)


def by_contours() -> Callable[[Map], NDArray[np.int32]]:
    """A function that runs one OpenCV contour pass per threshold on an 8-bit map; boxes differ."""
    cv2: Any = import_module("cv2")
    cv2.setNumThreads(1)
    shares = thresholds_of(SWEEP)

    def run(values: Map) -> NDArray[np.int32]:
        low, high = float(values.min()), float(values.max())
        grey = ((values - low) / (high - low) * 255).astype(np.uint8)
        boxes = []
        for share in shares:
            _, mask = cv2.threshold(grey, int(share * 255), 255, cv2.THRESH_BINARY)
            contours, _ = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
            x, y, width, height = cv2.boundingRect(max(contours, key=cv2.contourArea))
            boxes.append((x, y, x + width, y + height))
        return np.array(boxes, np.int32)

    return run


def _steps(values: Map) -> NDArray[np.float64]:
    """The sweep's thresholds in the map's units."""
    low, high = float(values.min()), float(values.max())
    return low + thresholds_of(SWEEP) * (high - low)
