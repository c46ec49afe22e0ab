"""The table of archs: what `--arch` takes."""

from wsol_bench.networks.archs.alexnet import ALEXNET, ALEXNET_CAM
from wsol_bench.networks.archs.entry import Arch
from wsol_bench.networks.archs.googlenet import GOOGLENET, GOOGLENET_CAM
from wsol_bench.networks.archs.squeezenet import SQUEEZENET1_1
from wsol_bench.networks.archs.vgg import VGG16, VGG16_CAM

__all__ = ["ARCHS"]

ARCHS: dict[str, Arch] = {
    "vgg16": VGG16,
    "alexnet": ALEXNET,
    "googlenet": GOOGLENET,
    "squeezenet1_1": SQUEEZENET1_1,
    "vgg16_cam": VGG16_CAM,
    "alexnet_cam": ALEXNET_CAM,
    "googlenet_cam": GOOGLENET_CAM,
}
