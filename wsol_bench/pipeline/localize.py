"""The box of each method for one image and class."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsol_bench.boxes.extract import extract_box
from wsol_bench.boxes.map_state import MapState
from wsol_bench.errors import RunError, UsageError
from wsol_bench.geometry import Boxes, Window
from wsol_bench.methods.bound import BoundMethod
from wsol_bench.methods.entry import Frame
from wsol_bench.pipeline.inference import Pipeline


@dataclass(frozen=True, slots=True)
class Localization:
    """The box of one class in one image under one method.

    Attributes:
        box: (4,) half-open xyxy in the pixels of the original image.
        state: of the map.
        values: the joined map, (u, v), or None for a method that makes none.
        window: the part of the image that the map shows.
    """

    box: Boxes
    state: MapState
    values: NDArray[np.float32] | None
    window: Window


def localize(
    pipeline: Pipeline, maps: Mapping[str, NDArray[np.float32]], frame: Frame
) -> dict[str, Localization]:
    """The box of each row for one image, in the rows' order.

    Args:
        pipeline: view, box rule and methods.
        maps: row -> (t, u, v), one map for each of the view's tensors.
        frame: the image and the class that is located.

    Raises:
        DataError: a map that is read from a file is missing or bad.
        RunError: a map holds NaN or infinite values; names the image and the method.
    """
    found = {}
    whole = Window.whole(frame.size)
    seen = pipeline.view.window(frame.size, pipeline.side, pipeline.crop)
    for method in pipeline.methods:
        if not method.makes_map:
            found[method.name] = Localization(method.box(frame), MapState.OK, None, seen)
            continue
        if method.needs_network:
            values = pipeline.view.join(maps[method.name], pipeline.side)
            window = seen
        else:
            values = read_map(pipeline, method, frame)
            window = whole
        try:
            box, state = extract_box(values, frame.size, pipeline.protocol.box_rule, window)
        except RunError as error:
            raise RunError(f"{frame.image_id}, {method.name}: {error}") from error
        found[method.name] = Localization(box, state, values, window)
    return found


def read_map(pipeline: Pipeline, method: BoundMethod, frame: Frame) -> NDArray[np.float32]:
    """The map that a method reads.

    Raises:
        DataError: it is missing or bad.
        UsageError: maps are kept, and this one has another size than the first.
    """
    values = method.read(frame)
    if pipeline.keep_maps and values.shape != method.learned.shape:
        sizes = [" x ".join(map(str, shape)) for shape in (method.learned.shape, values.shape)]
        raise UsageError(
            f"--keep-maps: the maps of {method.name} have several sizes, {sizes[0]} and, of "
            f"{frame.image_id}, {sizes[1]}. Expected one size; leave --keep-maps out."
        )
    return values
