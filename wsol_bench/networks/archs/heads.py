"""Heads that several nets have: three linear layers, or the one that CAM needs.

AlexNet and VGG-16 end in fc6 to fc8 (BVLC's bvlc_alexnet and VGG's deploy files). On a trunk whose
last maps are 14x14 Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016,
put a head with global pooling; its layer names and group count are those of
deploy_vgg16CAM.prototxt and deploy_googlenetCAM.prototxt.
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

HIDDEN = 4096
CHANNELS = 1024

_SIDE = 14
"""The side of the trunk's last maps."""


def linear_head(inputs: int, classes: int, width: float) -> list[Layer]:
    """Three linear layers, fc6 to fc8, on the trunk's last maps.

    Args:
        inputs: numbers in the trunk's last maps, all cells of all channels.
        classes: number of classes.
        width: scale of the two hidden layers.
    """
    hidden = scaled(HIDDEN, width)
    return [
        flatten(),
        linear("fc6", (inputs, hidden)),
        relu("relu6"),
        dropout("drop6"),
        linear("fc7", (hidden, hidden)),
        relu("relu7"),
        dropout("drop7"),
        linear("fc8", (hidden, classes)),
    ]


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
