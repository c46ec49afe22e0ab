"""VGG-16: VGG's own, torchvision's, and Zhou's for CAM.

Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image
Recognition, ICLR 2015, configuration D. Layer names are those of
`VGG_ILSVRC_16_layers` and of Zhou's deploy_vgg16CAM.prototxt.
"""

from functools import partial
from typing import TYPE_CHECKING

from wsol_bench.networks.archs.entry import Arch, PublishedError, Topology
from wsol_bench.networks.archs.heads import cam_head, linear_head
from wsol_bench.networks.archs.layer import Layer
from wsol_bench.networks.archs.layers import convolution, layered_net, max_pool, relu, scaled
from wsol_bench.networks.archs.preprocessing import (
    CAFFE_MEAN_IMAGE,
    VGG_MEAN,
    caffe_input,
    demo_input,
    torchvision_input,
)
from wsol_bench.networks.archs.torchvision_models import torchvision_net

if TYPE_CHECKING:
    from wsol_bench.networks.archs.layered_net import LayeredNet

# Channels of the 3x3 convolutions of each block; a pooling follows each block.
BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def _trunk(width: float) -> tuple[list[Layer], int]:
    """conv1_1 to pool5, and the channels that come out."""
    layers: list[Layer] = []
    inputs = 3
    for block, counts in enumerate(BLOCKS, start=1):
        for place, count in enumerate(counts, start=1):
            outputs = scaled(count, width)
            layers += [
                convolution(f"conv{block}_{place}", (inputs, outputs), 3, padding=1),
                relu(f"relu{block}_{place}"),
            ]
            inputs = outputs
        layers.append(max_pool(f"pool{block}", 2, 2))
    return layers, inputs


def vgg16(classes: int, *, width: float = 1.0) -> "LayeredNet":
    """VGG's net; 224x224 input, 14x14 maps at relu5_3."""
    layers, channels = _trunk(width)
    return layered_net(layers + linear_head(channels * 7 * 7, classes, width))


def vgg16_cam(classes: int, *, width: float = 1.0) -> "LayeredNet":
    """Zhou's VGG16-GAP: without pool5 and fc6 to fc8, so the last maps are 14x14."""
    layers, channels = _trunk(width)
    return layered_net(layers[:-1] + cam_head(channels, classes, width))


_ROLES = {"features": "relu5_3", "excitation": "pool4", "classifier": "fc8"}

VGG16 = Arch(
    name="vgg16",
    title="VGG-16",
    cam_arch="vgg16_cam",
    unsupported=frozenset({"cam"}),
    topologies={
        "demo": Topology(
            build=partial(vgg16, width=0.1),
            roles=_ROLES,
            preprocessing=demo_input(224),
        ),
        "caffe": Topology(
            build=vgg16,
            roles=_ROLES,
            preprocessing=caffe_input(224, VGG_MEAN),
            map_sizes={"features": (512, 14), "excitation": (512, 14)},
            published=PublishedError(
                30.38, 10.89, "Selvaraju et al. 2017, Table 1: the image warped to 224x224"
            ),
        ),
        "torchvision": Topology(
            build=partial(torchvision_net, "vgg16", {}),
            roles={
                "features": "features.29",
                "excitation": "features.23",
                "classifier": "classifier.6",
            },
            preprocessing=torchvision_input(224),
            map_sizes={"features": (512, 14), "excitation": (512, 14)},
            published=PublishedError(28.41, 9.62, "torchvision VGG16_Weights.IMAGENET1K_V1"),
        ),
    },
)

_CAM_ROLES = {"features": "CAM_relu", "excitation": "pool4", "classifier": "CAM_fc"}

VGG16_CAM = Arch(
    name="vgg16_cam",
    title="VGG-16-GAP",
    topologies={
        "demo": Topology(
            build=partial(vgg16_cam, width=0.125),
            roles=_CAM_ROLES,
            preprocessing=demo_input(224),
        ),
        "caffe": Topology(
            build=vgg16_cam,
            roles=_CAM_ROLES,
            preprocessing=caffe_input(224, CAFFE_MEAN_IMAGE),
            map_sizes={"features": (1024, 14), "excitation": (512, 14)},
            published=PublishedError(33.40, 12.20, "Selvaraju et al. 2017, Table 1, CAM"),
        ),
    },
)
