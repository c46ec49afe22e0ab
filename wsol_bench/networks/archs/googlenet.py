"""GoogLeNet: BVLC's, torchvision's, and Zhou's for CAM.

Szegedy et al., Going Deeper with Convolutions, CVPR 2015. Layer names are those
of BVLC's deploy.prototxt and of Zhou's deploy_googlenetCAM.prototxt.
"""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from wsol_bench.networks.archs.entry import Arch, PublishedError, Topology
from wsol_bench.networks.archs.heads import cam_head
from wsol_bench.networks.archs.layer import Layer
from wsol_bench.networks.archs.layers import (
    average_pool,
    concat,
    convolution,
    dropout,
    flatten,
    layered_net,
    linear,
    local_response_norm,
    max_pool,
    relu,
    scaled,
)
from wsol_bench.networks.archs.preprocessing import (
    CAFFE_MEAN,
    CAFFE_MEAN_IMAGE,
    caffe_input,
    demo_input,
    torchvision_half_input,
)
from wsol_bench.networks.archs.torchvision_models import torchvision_net

if TYPE_CHECKING:
    from wsol_bench.networks.archs.layered_net import LayeredNet

# Channels of 1x1, 3x3_reduce, 3x3, 5x5_reduce, 5x5, pool_proj: the paper's Table 1.
INCEPTIONS = {
    "inception_3a": (64, 96, 128, 16, 32, 32),
    "inception_3b": (128, 128, 192, 32, 96, 64),
    "inception_4a": (192, 96, 208, 16, 48, 64),
    "inception_4b": (160, 112, 224, 24, 64, 64),
    "inception_4c": (128, 128, 256, 24, 64, 64),
    "inception_4d": (112, 144, 288, 32, 64, 64),
    "inception_4e": (256, 160, 320, 32, 128, 128),
    "inception_5a": (256, 160, 320, 32, 128, 128),
    "inception_5b": (384, 192, 384, 48, 128, 128),
}

# The pooling that follows a block, where one does.
POOL_AFTER = {"inception_3b": "pool3/3x3_s2", "inception_4e": "pool4/3x3_s2"}


def _stem(width: float) -> list[Layer]:
    first, second = scaled(64, width), scaled(192, width)
    return [
        convolution("conv1/7x7_s2", (3, first), 7, stride=2, padding=3),
        relu("conv1/relu_7x7"),
        max_pool("pool1/3x3_s2", 3, 2),
        local_response_norm("pool1/norm1"),
        convolution("conv2/3x3_reduce", (first, first), 1),
        relu("conv2/relu_3x3_reduce"),
        convolution("conv2/3x3", (first, second), 3, padding=1),
        relu("conv2/relu_3x3"),
        local_response_norm("conv2/norm2"),
        max_pool("pool2/3x3_s2", 3, 2),
    ]


def _inception(name: str, bottom: str, inputs: int, channels: tuple[int, ...]) -> list[Layer]:
    one, three_reduce, three, five_reduce, five, projection = channels
    return [
        convolution(f"{name}/1x1", (inputs, one), 1, bottom=bottom),
        relu(f"{name}/relu_1x1"),
        convolution(f"{name}/3x3_reduce", (inputs, three_reduce), 1, bottom=bottom),
        relu(f"{name}/relu_3x3_reduce"),
        convolution(f"{name}/3x3", (three_reduce, three), 3, padding=1),
        relu(f"{name}/relu_3x3"),
        convolution(f"{name}/5x5_reduce", (inputs, five_reduce), 1, bottom=bottom),
        relu(f"{name}/relu_5x5_reduce"),
        convolution(f"{name}/5x5", (five_reduce, five), 5, padding=2),
        relu(f"{name}/relu_5x5"),
        max_pool(f"{name}/pool", 3, 1, padding=1, bottom=bottom),
        convolution(f"{name}/pool_proj", (inputs, projection), 1),
        relu(f"{name}/relu_pool_proj"),
        concat(
            f"{name}/output",
            [f"{name}/relu_{branch}" for branch in ("1x1", "3x3", "5x5", "pool_proj")],
        ),
    ]


def _trunk(width: float, last: str) -> tuple[list[Layer], int]:
    """The layers up to the block `last`, and the channels that come out."""
    layers = _stem(width)
    inputs = scaled(192, width)
    for name, full in INCEPTIONS.items():
        channels = tuple(scaled(count, width) for count in full)
        layers += _inception(name, layers[-1].name, inputs, channels)
        one, _, three, _, five, projection = channels
        inputs = one + three + five + projection
        if name == last:
            break
        if name in POOL_AFTER:
            layers.append(max_pool(POOL_AFTER[name], 3, 2))
    return layers, inputs


def googlenet(classes: int, *, width: float = 1.0) -> "LayeredNet":
    """BVLC's net without its auxiliary heads; 224x224 input, 7x7 last maps."""
    layers, channels = _trunk(width, last="inception_5b")
    head = [
        average_pool("pool5/7x7_s1", 7),
        dropout("pool5/drop_7x7_s1", 0.4),
        flatten(),
        linear("loss3/classifier", (channels, classes)),
    ]
    return layered_net(layers + head)


def googlenet_cam(
    classes: int, *, width: float = 1.0, pooling: Literal["mean", "max"] = "mean"
) -> "LayeredNet":
    """Zhou's GoogLeNet-GAP: cut after inception_4e, so the last maps are 14x14.

    GoogLeNet-GMP is the same with the maximum over the cells in place of the mean.
    """
    layers, channels = _trunk(width, last="inception_4e")
    return layered_net(layers + cam_head(channels, classes, width, pooling=pooling))


TORCHVISION_OPTIONS = {"aux_logits": False, "transform_input": False}
"""The auxiliary heads are for training; the transform is an explicit part of the preprocessing."""

_ROLES = {
    "features": "inception_5b/output",
    "excitation": "pool2/3x3_s2",
    "classifier": "loss3/classifier",
}

GOOGLENET = Arch(
    name="googlenet",
    title="GoogLeNet",
    topologies={
        "demo": Topology(
            build=partial(googlenet, width=0.25),
            roles=_ROLES,
            preprocessing=demo_input(224),
        ),
        "caffe": Topology(
            build=googlenet,
            roles=_ROLES,
            preprocessing=caffe_input(224, CAFFE_MEAN),
            map_sizes={"features": (1024, 7), "excitation": (192, 28)},
            published=PublishedError(31.3, 11.1, "BVLC Caffe, bvlc_googlenet, centre crop"),
        ),
        "torchvision": Topology(
            build=partial(torchvision_net, "googlenet", TORCHVISION_OPTIONS),
            roles={"features": "inception5b", "excitation": "maxpool2", "classifier": "fc"},
            preprocessing=torchvision_half_input(224),
            map_sizes={"features": (1024, 7), "excitation": (192, 28)},
            published=PublishedError(30.22, 10.47, "torchvision GoogLeNet_Weights.IMAGENET1K_V1"),
        ),
    },
)

_GAP = Topology(
    build=googlenet_cam,
    roles={"features": "CAM_relu", "excitation": "pool2/3x3_s2", "classifier": "CAM_fc"},
    preprocessing=caffe_input(224, CAFFE_MEAN_IMAGE),
    map_sizes={"features": (1024, 14), "excitation": (192, 28)},
)
_GMP = replace(_GAP, build=partial(googlenet_cam, pooling="max"))

GOOGLENET_CAM = Arch(name="googlenet_cam", title="GoogLeNet-GAP", topologies={"caffe": _GAP})

GOOGLENET_GMP = Arch(name="googlenet_gmp", title="GoogLeNet-GMP", topologies={"caffe": _GMP})
