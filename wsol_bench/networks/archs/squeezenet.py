"""SqueezeNet v1.1: the authors' and torchvision's.

Iandola et al., SqueezeNet: AlexNet-level Accuracy with 50x Fewer Parameters,
2016. Layer names are those of SqueezeNet_v1.1/deploy.prototxt. The last layer with
weights is a 1x1 convolution, so the scores are means of class maps after a ReLU.
"""

from functools import partial
from typing import TYPE_CHECKING

from wsol_bench.networks.archs.entry import Arch, PublishedError, Topology
from wsol_bench.networks.archs.layer import Layer
from wsol_bench.networks.archs.layers import (
    concat,
    convolution,
    dropout,
    flatten,
    layered_net,
    max_pool,
    module,
    relu,
    scaled,
)
from wsol_bench.networks.archs.preprocessing import CAFFE_MEAN, caffe_input, torchvision_input
from wsol_bench.networks.archs.torchvision_models import torchvision_net

if TYPE_CHECKING:
    from wsol_bench.networks.archs.layered_net import LayeredNet

# Channels of the squeezing 1x1 and of each of the two expanding convolutions.
FIRES = {
    "fire2": (16, 64),
    "fire3": (16, 64),
    "fire4": (32, 128),
    "fire5": (32, 128),
    "fire6": (48, 192),
    "fire7": (48, 192),
    "fire8": (64, 256),
    "fire9": (64, 256),
}

# The pooling that follows a block, where one does.
POOL_AFTER = {"fire3": "pool3", "fire5": "pool5"}


def _fire(name: str, inputs: int, squeeze: int, expand: int) -> list[Layer]:
    squeezed = f"{name}/relu_squeeze1x1"
    return [
        convolution(f"{name}/squeeze1x1", (inputs, squeeze), 1),
        relu(squeezed),
        convolution(f"{name}/expand1x1", (squeeze, expand), 1),
        relu(f"{name}/relu_expand1x1"),
        convolution(f"{name}/expand3x3", (squeeze, expand), 3, padding=1, bottom=squeezed),
        relu(f"{name}/relu_expand3x3"),
        concat(f"{name}/concat", (f"{name}/relu_expand1x1", f"{name}/relu_expand3x3")),
    ]


def squeezenet1_1(classes: int, *, width: float = 1.0) -> "LayeredNet":
    """The authors' net; 227x227 input, 14x14 last maps."""
    inputs = scaled(64, width)
    layers = [
        convolution("conv1", (3, inputs), 3, stride=2),
        relu("relu_conv1"),
        max_pool("pool1", 3, 2),
    ]
    for name, counts in FIRES.items():
        squeeze, expand = (scaled(count, width) for count in counts)
        layers += _fire(name, inputs, squeeze, expand)
        inputs = 2 * expand
        if name in POOL_AFTER:
            layers.append(max_pool(POOL_AFTER[name], 3, 2))
    head = [
        dropout("drop9"),
        convolution("conv10", (inputs, classes), 1),
        relu("relu_conv10"),
        Layer("pool10", module("AdaptiveAvgPool2d", 1)),
        flatten(),
    ]
    return layered_net(layers + head)


# No paper gives a layer for excitation backprop here. pool3 is GoogLeNet's
# pool2/3x3_s2 again: the third halving, 28x28 maps.
SQUEEZENET1_1 = Arch(
    name="squeezenet1_1",
    title="SqueezeNet 1.1",
    unsupported=frozenset({"cam"}),
    topologies={
        "caffe": Topology(
            build=squeezenet1_1,
            roles={"features": "fire9/concat", "excitation": "pool3", "classifier": "conv10"},
            preprocessing=caffe_input(227, CAFFE_MEAN),
            map_sizes={"features": (512, 14), "excitation": (128, 28)},
        ),
        "torchvision": Topology(
            build=partial(torchvision_net, "squeezenet1_1", {}),
            roles={
                "features": "features.12",
                "excitation": "features.5",
                "classifier": "classifier.1",
            },
            preprocessing=torchvision_input(224),
            map_sizes={"features": (512, 13), "excitation": (128, 27)},
            published=PublishedError(
                41.82, 19.38, "torchvision SqueezeNet1_1_Weights.IMAGENET1K_V1"
            ),
        ),
    },
)
