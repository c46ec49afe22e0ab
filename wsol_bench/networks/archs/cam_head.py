"""The head that Zhou et al. put on a trunk whose last maps are 14x14.

Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016;
layer names and group count of deploy_vgg16CAM.prototxt and
deploy_googlenetCAM.prototxt.
"""

from typing import Literal

from wsol_bench.networks.archs.layer import Layer
from wsol_bench.networks.archs.layers import (
    average_pool,
    convolution,
    dropout,
    flatten,
    linear,
    max_pool,
    relu,
    scaled,
)

CHANNELS = 1024


_SIDE = 14
"""The side of the trunk's last maps."""


def cam_head(
    inputs: int, classes: int, width: float, *, pooling: Literal["mean", "max"] = "mean"
) -> list[Layer]:
    """Convolution, global pooling and one linear layer.

    GoogLeNet's head has no dropout in the deploy file; it has no effect in evaluation mode.

    Args:
        inputs: channels of the trunk's last maps.
        classes: number of classes.
        width: scale of the channels.
        pooling: GAP, or GMP: trained with the maximum, a network needs one cell of an object, with
            the mean all of it (Zhou et al. 2016, section 2).
    """
    side = _SIDE
    pool = average_pool("CAM_pool", side) if pooling == "mean" else max_pool("CAM_pool", side, side)
    channels = scaled(CHANNELS, width)
    return [
        convolution("CAM_conv", (inputs, channels), 3, padding=1, groups=2),
        relu("CAM_relu"),
        pool,
        dropout("CAM_dropout"),
        flatten(),
        linear("CAM_fc", (channels, classes)),
    ]
