"""Protocols: view + box rule + scoring, each with a name and a source.

A constant of a protocol stands here once and nowhere else.
"""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class BoxRule:
    """How a map becomes a box.

    Attributes:
        threshold: share of the map's maximum, after the map has been brought to
            the image's size, that a pixel must reach (>=) to be kept.
        connectivity: 8 joins pixels that touch at a corner, 4 only at a side.
    """

    threshold: float
    connectivity: int


@dataclass(frozen=True, slots=True)
class Protocol:
    """A way to get from images and networks to errors.

    Attributes:
        name: what `--protocol` takes.
        source: where the choices come from.
        view: the name of an entry of `views.VIEWS`.
        box_rule: how a map becomes a box.
        iou: the least IoU of a right box.
        topk: how many classes the second pair of errors looks at.
    """

    name: str
    source: str
    view: str
    box_rule: BoxRule
    iou: float = 0.5
    topk: int = 5


GRADCAM_ICCV17 = Protocol(
    name="gradcam-iccv17",
    source="Selvaraju et al., Grad-CAM, ICCV 2017, section 4.1; the authors' code warps the image",
    view="warp",
    box_rule=BoxRule(threshold=0.15, connectivity=8),
)

PROTOCOLS = MappingProxyType({protocol.name: protocol for protocol in (GRADCAM_ICCV17,)})
DEFAULT_PROTOCOL = GRADCAM_ICCV17.name
