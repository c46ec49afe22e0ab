"""Times the boxes of a map at 1,000 thresholds: in one sweep, and the usual ways.

    python scripts/bench_sweep.py                     # smooth maps, made here
    python scripts/bench_sweep.py --maps maps.npz     # every array of maps, (n, u, v), in it

All ways take every map in turn, round after round, so that what else the machine does
falls on all alike. Times are of one thread on the processor, per map: on a busy machine
the wall clock would charge the slow ways with other programs' turns, and the quick ones
not. Needs opencv-python-headless.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from wsol_bench.boxes import enlarge
from wsol_bench.geometry import Size
from wsol_bench.maxboxacc import judge, thresholds_of
from wsol_bench.protocol import PROTOCOLS
from wsol_bench.sweep import component_boxes, largest_boxes

Map = NDArray[np.float32]

SWEPT = {name: protocol for name, protocol in PROTOCOLS.items() if protocol.sweep}
SWEEP = next(protocol.sweep for protocol in SWEPT.values() if protocol.sweep)
EVERY_NEIGHBOUR = np.ones((3, 3))
SMOOTH_CELLS = (14, 7, 4)
"""Sides of the noise whose sum is a smooth map; a network's maps have few cells too."""


def smooth_maps(count: int) -> Map:
    """Sums of noise brought from few cells to the sweep's square, coarser ones heavier."""
    random = np.random.default_rng(0)
    side = SWEEP.side
    return np.stack(
        [
            sum(enlarge(random.random((n, n), np.float32), side, side) / n for n in SMOOTH_CELLS)
            for _ in range(count)
        ]
    )


def steps_of(values: Map) -> NDArray[np.float64]:
    """The sweep's thresholds in the map's units."""
    least, largest = float(values.min()), float(values.max())
    return least + thresholds_of(SWEEP) * (largest - least)


def by_labelling(values: Map) -> NDArray[np.int32]:
    """One scipy.ndimage.label pass per threshold."""
    boxes = []
    for step in steps_of(values):
        labels, _ = scipy.ndimage.label(values >= step, EVERY_NEIGHBOUR)
        largest = int(np.argmax(np.bincount(labels.ravel())[1:]))
        rows, columns = scipy.ndimage.find_objects(labels)[largest]
        boxes.append((columns.start, rows.start, columns.stop, rows.stop))
    return np.array(boxes, np.int32)


def by_contours(values: Map) -> NDArray[np.int32]:
    """One OpenCV contour pass per threshold on an 8-bit map; its boxes are others."""
    least, largest = float(values.min()), float(values.max())
    grey = ((values - least) / (largest - least) * 255).astype(np.uint8)
    boxes = []
    for share in thresholds_of(SWEEP):
        _, mask = cv2.threshold(grey, int(share * 255), 255, cv2.THRESH_BINARY)
        contours, _ = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
        x, y, width, height = cv2.boundingRect(max(contours, key=cv2.contourArea))
        boxes.append((x, y, x + width, y + height))
    return np.array(boxes, np.int32)


def measure(maps: Map, rounds: int, slow_maps: int) -> None:
    """Prints one line per way."""
    side = SWEEP.side
    squares = [enlarge(each, side, side) for each in maps]
    steps = [steps_of(square) for square in squares]
    size, truth = Size(side, side), np.array([[side / 4, side / 4, side * 3 / 4, side * 3 / 4]])
    quick: dict[str, Callable[[int], object]] = {
        "largest component, one sweep": lambda i: largest_boxes(squares[i], steps[i]),
        "all components, one sweep": lambda i: component_boxes(squares[i], steps[i]),
    }
    for name, protocol in SWEPT.items():
        quick[f"{name}, map to verdicts"] = lambda i, protocol=protocol: judge(
            maps[i], size, truth, protocol
        )
    slow: dict[str, Callable[[int], object]] = {
        "scipy label per threshold": lambda i: by_labelling(squares[i]),
        "OpenCV contours per threshold, 8 bits": lambda i: by_contours(squares[i]),
    }
    taken: dict[str, list[float]] = {name: [] for name in (*quick, *slow)}
    for way in quick.values():
        way(0)  # compiles, or loads what was compiled before
    for _ in range(rounds):
        for i in range(len(maps)):
            for name, way in (quick | slow if i < slow_maps else quick).items():
                begun = time.thread_time()
                way(i)
                taken[name].append(1e3 * (time.thread_time() - begun))
    equal = sum(
        np.array_equal(largest_boxes(squares[i], steps[i]), by_labelling(squares[i]))
        for i in range(min(slow_maps, len(maps)))
    )
    ours = float(np.median(taken["largest component, one sweep"]))
    for name, times in taken.items():
        least, middle, most = np.quantile(times, [0, 0.5, 0.9])
        print(
            f"{name:40}{middle:9.3f} ms median{least:9.3f} least{most:9.3f} at 90 %"
            f"{middle / ours:8.1f} x   n = {len(times)}"
        )
    print(f"same boxes as by labelling at every threshold: {equal} of {min(slow_maps, len(maps))}")


def main() -> None:
    """Parses, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--maps", type=Path, help=".npz of arrays of maps, (n, u, v)")
    parser.add_argument("--count", type=int, default=50, help="maps of each kind")
    parser.add_argument("--slow-count", type=int, default=5, help="of these for the usual ways")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    kinds = {"smooth": smooth_maps(given.count)}
    if given.maps:
        with np.load(given.maps) as arrays:
            kinds = {name: array for name, array in arrays.items() if array.ndim == 3}
    cv2.setNumThreads(1)
    for name, maps in kinds.items():
        print(f"{name}: {maps.shape[1]}x{maps.shape[2]} brought to {SWEEP.side}x{SWEEP.side}")
        measure(maps[: given.count].astype(np.float32), given.rounds, given.slow_count)


if __name__ == "__main__":
    main()
