"""Poses of figures, and placing a figure in the image.

Poses are drawn so that no class has its own: most objects stand nearly upright,
as things in photographs do, mirrored or not, a little stretched, sheared and bent.
"""

import math

import numpy as np

from wsol_bench.datasets.demo.figure import Figure, Kind, Pose, silhouette_of
from wsol_bench.datasets.demo.stream import Stream


def sample_pose(stream: Stream, tilt: float) -> Pose:
    """A pose turned from upright by about `tilt` radians, or rarely by any angle."""
    angle = stream.normal(0.0, tilt)
    if stream.chance(0.08):
        angle = stream.uniform(0.0, 2.0 * math.pi)
    cosine, sine = math.cos(angle), math.sin(angle)
    stretch = math.exp(stream.normal(0.0, 0.14))
    shape = np.array([[stretch, stream.normal(0.0, 0.10)], [0.0, 1.0 / stretch]])
    mirror = np.diag([-1.0 if stream.chance(0.5) else 1.0, 1.0])
    return Pose(
        matrix=np.array([[cosine, -sine], [sine, cosine]]) @ shape @ mirror,
        bend=stream.normal(0.0, 0.07),
        sway=stream.uniform(0.0, 0.05),
        phase=stream.uniform(0.0, 2.0 * math.pi),
    )


def stand(kind: Kind, pose: Pose, unit: float, x: float, y: float) -> Figure:
    """A figure whose extent, not whose origin, is centred at x, y."""
    silhouette = silhouette_of(kind, pose) * unit
    middle = (silhouette.min(axis=0) + silhouette.max(axis=0)) / 2
    return Figure(kind, pose, unit, x - middle[0], y - middle[1], silhouette)
