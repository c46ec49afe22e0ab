"""A figure: a body with its part and texture, posed in the image.

Three frames: the image (pixels, y down); the affine frame (units of the body);
and the body's own frame, which is the affine frame slightly bent.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsol_bench.datasets.demo.bodies import Body
from wsol_bench.datasets.demo.parts import PART_LENGTH, Part
from wsol_bench.datasets.demo.shapes import Field, turned
from wsol_bench.datasets.demo.textures import Texture

REACH = 1.7
"""No figure reaches further from its origin than this, in units."""

PROBES = 44
"""Points per side of the grid that measures a figure without drawing it."""

PROBE_PITCH = 2 * REACH / PROBES
"""Distance of its points, in units."""


@dataclass(frozen=True, slots=True)
class Pose:
    """The pose of a figure, without its place and size.

    Attributes:
        matrix: (2, 2) affine frame to image directions, at 1 pixel per unit.
        bend: how far the body curves, per unit of height squared.
        sway: how far its outline wavers, in units.
        phase: where the wavering starts, radians.
    """

    matrix: NDArray[np.float64]
    bend: float
    sway: float
    phase: float

    def bent(self, x: Field, y: Field) -> tuple[Field, Field]:
        """From the affine frame to the body's own."""
        wave = np.sin(y * np.float32(2.6) + np.float32(self.phase))
        lift = np.sin(x * np.float32(2.2) + np.float32(2.0 * self.phase))
        return (
            x + np.float32(self.bend) * y * y + np.float32(self.sway) * wave,
            y + np.float32(self.sway) * lift,
        )


@dataclass(frozen=True, slots=True)
class Distances:
    """Signed distances of a figure's pieces, in units, each (h, w) float32."""

    main: Field
    limb: Field
    part: Field | None

    def nearest(self) -> Field:
        """The signed distance of the whole figure."""
        distance = np.minimum(self.main, self.limb)
        return distance if self.part is None else np.minimum(distance, self.part)


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind of thing that a figure shows."""

    body: Body
    part: Part | None
    texture: Texture | None

    def distances(self, x: Field, y: Field) -> Distances:
        """Signed distances at points of the body's own frame."""
        main, limb = self.body.outline(x, y)
        if self.part is None:
            return Distances(main, limb, None)
        from_root = x - np.float32(self.body.root_x), y - np.float32(self.body.root_y)
        across, along = turned(*from_root, self.body.root_angle)
        scale = np.float32(1.0 / PART_LENGTH)
        part = self.part(across * scale, along * scale) / scale
        return Distances(main, limb, part)

    def feature_point(self) -> tuple[float, float]:
        """The middle of the distinctive feature, in units."""
        body = self.body
        if self.part is None:
            return body.patch_x, body.patch_y
        half = PART_LENGTH / 2
        return (
            body.root_x + half * float(np.sin(body.root_angle)),
            body.root_y - half * float(np.cos(body.root_angle)),
        )


@dataclass(frozen=True, slots=True)
class Figure:
    """A kind in a pose, at a place and size in the image.

    Attributes:
        kind: the thing that it shows.
        pose: how it stands.
        unit: pixels per unit.
        x, y: where its origin is, in pixels.
        silhouette: (k, 2) points inside it as offsets from its origin, in pixels.
    """

    kind: Kind
    pose: Pose
    unit: float
    x: float
    y: float
    silhouette: NDArray[np.float64]

    def extent(self) -> NDArray[np.float64]:
        """The box around the whole figure, (4,) xyxy; may leave the image."""
        origin = np.array([self.x, self.y])
        return np.concatenate(
            [self.silhouette.min(axis=0) + origin, self.silhouette.max(axis=0) + origin]
        )

    def feature_place(self) -> tuple[float, float]:
        """The position of its distinctive feature in pixels, without the bending."""
        offset = self.pose.matrix @ np.array(self.kind.feature_point()) * self.unit
        return self.x + offset[0], self.y + offset[1]

    def visible_extent(self, height: int, width: int) -> NDArray[np.float64]:
        """The box around what the image's frame leaves of it, (4,) xyxy.

        All zeros when nothing is left.
        """
        points = self.silhouette + np.array([self.x, self.y])  # (k, 2)
        inside = np.all((points >= 0) & (points <= (width, height)), axis=1)
        if not inside.any():
            return np.zeros(4)
        margin = self.unit * PROBE_PITCH / 2
        low = np.maximum(points[inside].min(axis=0) - margin, 0)
        high = np.minimum(points[inside].max(axis=0) + margin, (width, height))
        return np.concatenate([low, high])


def spread_of(kind: Kind, pose: Pose) -> NDArray[np.float64]:
    """Width and height of a figure at 1 pixel per unit, (2,)."""
    return np.ptp(silhouette_of(kind, pose), axis=0) + PROBE_PITCH


def silhouette_of(kind: Kind, pose: Pose) -> NDArray[np.float64]:
    """Points of a coarse grid that lie inside, (k, 2) at 1 pixel per unit."""
    line = (np.arange(PROBES) + 0.5) * PROBE_PITCH - REACH
    x, y = np.meshgrid(line.astype(np.float32), line.astype(np.float32))
    inside = kind.distances(*pose.bent(x, y)).nearest() < 0
    return np.stack([x[inside], y[inside]], axis=1).astype(np.float64) @ pose.matrix.T
