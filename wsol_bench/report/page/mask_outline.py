"""The outline of a mask as a path of SVG."""

import numpy as np
from numpy.typing import NDArray

SIDE = 128
"""Length of the longer side, in cells, at which a mask is outlined; finer is not seen."""


def outline_of(mask: NDArray[np.bool_]) -> str:
    """The outline, in pixels of the image, as the `d` of a path; "" for an empty mask.

    Args:
        mask: (height, width) on the image's pixels.
    """
    from skimage.measure import find_contours  # some 0.3 s to import

    step = max(1, -(-max(mask.shape) // SIDE))
    cells = np.pad(mask[::step, ::step].astype(np.float64), 1)  # closes outlines at the border
    lines = find_contours(cells, 0.5)  # type: ignore[no-untyped-call]
    limits = np.array(mask.shape)
    parts = []
    for line in lines:
        points = np.clip((line - 0.5) * step, 0, limits)  # (k, 2) y and x
        corners = " ".join(f"{x:.0f} {y:.0f}" for y, x in points[:-1].tolist())
        parts.append(f"M{corners}Z")
    return "".join(parts)
