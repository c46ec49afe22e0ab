"""Protocols: view + box rule + scoring, each with a name and a source.

A constant of a protocol stands here once and nowhere else.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = ["PROTOCOLS", "BoxRule", "Protocol", "Sweep"]


@dataclass(frozen=True, slots=True)
class BoxRule:
    """The rule by which a map becomes a box.

    Attributes:
        threshold: times the map's maximum or mean, once the map has been brought to
            the image's size, is the minimum value kept.
        reference: the value that the threshold is a multiple of.
        strict: whether a kept value must be above (>), not at least (>=).
        upsampling: how the map is brought to the image's size.
        connectivity: 8 joins pixels that touch at a corner, 4 only at a side.
        component: whose box it is: of the "largest" component by pixels, of "all"
            kept pixels, or of the component that holds the "peak".
    """

    threshold: float
    reference: Literal["max", "mean"] = "max"
    strict: bool = False
    upsampling: Literal["bilinear", "bicubic", "bicubic-opencv", "nearest"] = "bilinear"
    connectivity: Literal[4, 8] = 8
    component: Literal["largest", "all", "peak"] = "largest"


ERRORS = ("top1_cls", "top5_cls", "top1_loc", "top5_loc", "gt_known_loc")
"""The metrics of ILSVRC's CLS-LOC task."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """The scoring of a map at every threshold instead of one.

    Attributes:
        side: maps and ground-truth boxes are resized to a square of this side, in pixels.
        thresholds: their number, evenly spaced from 0 to 1 of the min-max normalised map.
        ious: the minimum IoUs of a right box, averaged.
        any_component: whether any component's box may be the right one.
    """

    side: int
    thresholds: int
    ious: tuple[float, ...]
    any_component: bool


@dataclass(frozen=True, slots=True)
class Protocol:
    """A procedure from images and networks to errors.

    Attributes:
        name: the value of `--protocol`.
        source: where the choices come from.
        view: the name of an entry of `views.VIEWS`.
        box_rule: how a map becomes a box.
        iou: the minimum IoU of a right box.
        topk: number of classes that the second pair of errors reads.
        truth: which of several ground-truth boxes may be met: "any", or only the "largest",
            or only the "first" as annotated.
        inclusive: whether boxes are taken as inclusive, off by one, as some do.
        sweep: how the map is scored at every threshold, or None.
        metrics: those that are measured by default; specs of the table of
            metrics.
    """

    name: str
    source: str
    view: str
    box_rule: BoxRule
    iou: float = 0.5
    topk: int = 5
    truth: Literal["any", "largest", "first"] = "any"
    inclusive: bool = False
    sweep: Sweep | None = None
    metrics: tuple[str, ...] = ERRORS

    @property
    def summary(self) -> str:
        """The choices in one line."""
        rule = self.box_rule
        sign = ">" if rule.strict else "≥"
        return (
            f"{self.view}, {rule.upsampling}, {sign} {rule.threshold:.3g} x {rule.reference}, "
            f"{rule.component} ({rule.connectivity}-connected), IoU ≥ {self.iou:g}"
        )


_CHOE = "Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR 2020"

MAX_BOX_ACC_SWEEP = Sweep(side=224, thresholds=1000, ious=(0.5,), any_component=False)
"""Choe et al., CVPR 2020, section 4."""

MAX_BOX_ACC_V2_SWEEP = Sweep(side=224, thresholds=1000, ious=(0.3, 0.5, 0.7), any_component=True)
"""Its extended version, arXiv 2007.04178."""

PROTOCOLS = MappingProxyType(
    {
        "gradcam-iccv17": Protocol(
            name="gradcam-iccv17",
            source="Selvaraju et al., Grad-CAM, ICCV 2017, section 4.1; the authors' code warps",
            view="warp",
            box_rule=BoxRule(threshold=0.15),
        ),
        "cam-cvpr16": Protocol(
            name="cam-cvpr16",
            source="Zhou et al., CAM, CVPR 2016, section 3.2; the threshold of the authors' code",
            view="ten-crops",
            box_rule=BoxRule(threshold=20 / 255, strict=True, upsampling="bicubic"),
        ),
        "zhang-eccv16": Protocol(
            name="zhang-eccv16",
            source=(
                "Zhang et al., Excitation Backprop, ECCV 2016, section 4.2; the paper tunes the "
                "multiple of the mean per method and does not print it: give it by --set threshold="
            ),
            view="warp",
            box_rule=BoxRule(threshold=1.0, reference="mean", component="all"),
        ),
        "maxboxacc": Protocol(
            name="maxboxacc",
            source=f"{_CHOE}: largest component, IoU 0.5; upsampling of the authors' code",
            view="warp",
            box_rule=BoxRule(threshold=0.15, upsampling="bicubic-opencv"),
            sweep=MAX_BOX_ACC_SWEEP,
            metrics=("max_box_acc:threshold=fixed", "max_box_acc"),
        ),
        "maxboxacc-v2": Protocol(
            name="maxboxacc-v2",
            source=f"{_CHOE}, extended version: any component, mean over IoU 0.3, 0.5, 0.7",
            view="warp",
            box_rule=BoxRule(threshold=0.15, upsampling="bicubic-opencv"),
            sweep=MAX_BOX_ACC_V2_SWEEP,
            metrics=("max_box_acc_v2:threshold=fixed", "max_box_acc_v2"),
        ),
    }
)
DEFAULT_PROTOCOL = "gradcam-iccv17"
