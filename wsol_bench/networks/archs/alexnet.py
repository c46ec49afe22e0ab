"""AlexNet: BVLC's, torchvision's, and Zhou's "plus" for CAM.

Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural
Networks, NIPS 2012. Layer names are those of BVLC's deploy.prototxt and of Zhou's
deploy_alexnetplusCAM_imagenet.prototxt. torchvision's net is Krizhevsky's later
One Weird Trick (2014): other widths, no groups, no normalisation.
"""

from functools import partial
from typing import TYPE_CHECKING

from wsol_bench.networks.archs.entry import Arch, PublishedError, Topology
from wsol_bench.networks.archs.heads import linear_head
from wsol_bench.networks.archs.layer import Layer
from wsol_bench.networks.archs.layers import (
    average_pool,
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
    CAFFE_MEAN_IMAGE,
    caffe_input,
    demo_input,
    torchvision_input,
)
from wsol_bench.networks.archs.torchvision_models import torchvision_net

if TYPE_CHECKING:
    from wsol_bench.networks.archs.layered_net import LayeredNet


def _three_by_three(number: int, channels: tuple[int, int], groups: int) -> list[Layer]:
    return [
        convolution(f"conv{number}", channels, 3, padding=1, groups=groups),
        relu(f"relu{number}"),
    ]


def alexnet(classes: int, *, width: float = 1.0) -> "LayeredNet":
    """BVLC's net; 227x227 input, 13x13 maps at relu5."""
    one, two, three, five = (scaled(count, width) for count in (96, 256, 384, 256))
    layers = [
        convolution("conv1", (3, one), 11, stride=4),
        relu("relu1"),
        local_response_norm("norm1"),
        max_pool("pool1", 3, 2),
        convolution("conv2", (one, two), 5, padding=2, groups=2),
        relu("relu2"),
        local_response_norm("norm2"),
        max_pool("pool2", 3, 2),
        *_three_by_three(3, (two, three), groups=1),
        *_three_by_three(4, (three, three), groups=2),
        *_three_by_three(5, (three, five), groups=2),
        max_pool("pool5", 3, 2),
        *linear_head(five * 6 * 6, classes, width),
    ]
    return layered_net(layers)


def alexnet_cam(classes: int, *, width: float = 1.0) -> "LayeredNet":
    """Zhou's AlexNet-plus-GAP; pools before it normalises, last maps 11x11."""
    one, two, three, six = (scaled(count, width) for count in (96, 256, 384, 512))
    layers = [
        convolution("conv1", (3, one), 11, stride=4),
        relu("relu1"),
        max_pool("pool1", 3, 2),
        local_response_norm("norm1"),
        convolution("conv2", (one, two), 5, padding=2, groups=2),
        relu("relu2"),
        max_pool("pool2", 3, 2),
        local_response_norm("norm2"),
        *_three_by_three(3, (two, three), groups=1),
        *_three_by_three(4, (three, three), groups=2),
        *_three_by_three(5, (three, three), groups=2),
        max_pool("pool5", 3, 1),
        *_three_by_three(6, (three, six), groups=2),
        *_three_by_three(7, (six, six), groups=2),
        average_pool("pool8_global", 11),
        dropout("drop8"),
        flatten(),
        linear("fc9", (six, classes)),
    ]
    return layered_net(layers)


_ROLES = {"features": "relu5", "excitation": "relu5", "classifier": "fc8"}

ALEXNET = Arch(
    name="alexnet",
    title="AlexNet",
    cam_arch="alexnet_cam",
    unsupported=frozenset({"cam"}),
    topologies={
        "demo": Topology(
            build=partial(alexnet, width=0.125),
            roles=_ROLES,
            preprocessing=demo_input(227),
        ),
        "caffe": Topology(
            build=alexnet,
            roles=_ROLES,
            preprocessing=caffe_input(227, CAFFE_MEAN_IMAGE),
            map_sizes={"features": (256, 13), "excitation": (256, 13)},
            published=PublishedError(42.9, 19.8, "BVLC Caffe, bvlc_alexnet, centre crop"),
        ),
        "torchvision": Topology(
            build=partial(torchvision_net, "alexnet", {}),
            roles={
                "features": "features.11",
                "excitation": "features.11",
                "classifier": "classifier.6",
            },
            preprocessing=torchvision_input(224),
            map_sizes={"features": (256, 13), "excitation": (256, 13)},
            published=PublishedError(43.48, 20.93, "torchvision AlexNet_Weights.IMAGENET1K_V1"),
        ),
    },
)

_CAM_ROLES = {"features": "relu7", "excitation": "relu5", "classifier": "fc9"}

ALEXNET_CAM = Arch(
    name="alexnet_cam",
    title="AlexNet-plus-GAP",
    topologies={
        "demo": Topology(
            build=partial(alexnet_cam, width=0.25),
            roles=_CAM_ROLES,
            preprocessing=demo_input(227),
        ),
        "caffe": Topology(
            build=alexnet_cam,
            roles=_CAM_ROLES,
            preprocessing=caffe_input(227, CAFFE_MEAN_IMAGE),
            map_sizes={"features": (512, 11), "excitation": (384, 13)},
        ),
    },
)
