"""What the published weights expect of their input: each constant once."""

from wsol_bench.networks.archs.entry import Preprocessing

__all__ = ["caffe_input", "torchvision_half_input", "torchvision_input"]

TORCHVISION_MEAN = (0.485, 0.456, 0.406)
TORCHVISION_STD = (0.229, 0.224, 0.225)
"""torchvision's `ImageClassification` preset, RGB."""

CAFFE_MEAN = (104.0, 117.0, 123.0)
"""The `mean_value` lines of BVLC GoogLeNet and of SqueezeNet, BGR."""

CAFFE_MEAN_IMAGE = (104.00698793, 116.66876762, 122.67891434)
"""Channel means of BVLC's `ilsvrc_2012_mean`, BGR: BVLC AlexNet and Zhou's nets
were trained minus that image, whose cells differ little from its means."""

VGG_MEAN = (103.939, 116.779, 123.68)
"""VGG's description of `VGG_ILSVRC_16_layers`, BGR."""

DEMO_MEAN = (0.45, 0.45, 0.45)
DEMO_STD = (0.25, 0.25, 0.25)


def torchvision_input(size: int) -> Preprocessing:
    """RGB on 0..1, ImageNet's mean and standard deviation."""
    return Preprocessing(size, "rgb", 1 / 255, TORCHVISION_MEAN, TORCHVISION_STD)


def torchvision_half_input(size: int) -> Preprocessing:
    """RGB on -1..1: what torchvision's GoogLeNet computes inside.

    Its `transform_input` undoes ImageNet's normalisation and applies mean 0.5,
    std 0.5. Here that is the preprocessing itself and the net is built without.
    """
    return Preprocessing(size, "rgb", 1 / 255, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def caffe_input(size: int, mean: tuple[float, float, float]) -> Preprocessing:
    """BGR on 0..255, minus a mean per channel."""
    return Preprocessing(size, "bgr", 1.0, mean)


def demo_input(size: int) -> Preprocessing:
    """RGB on 0..1, near the demo images' own mean and standard deviation."""
    return Preprocessing(size, "rgb", 1 / 255, DEMO_MEAN, DEMO_STD)
