"""Networks of the field under the names that their authors' checkpoints use.

Each is a factory for `--arch wsol_bench.networks.archs.field:NAME --weights CHECKPOINT`. Inputs are
warped to 224x224 under ImageNet's mean and standard deviation, as the authors do.

Sources: Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR 2020 (the
networks of clovaai/wsolevaluation); Gao et al., TS-CAM: Token Semantic Coupled Attention Map for
Weakly Supervised Object Localization, ICCV 2021.
"""

from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from wsol_bench.networks.archs.vgg import BLOCKS

__all__ = [
    "tscam_deit_small",
    "wsolevaluation_inception_v3",
    "wsolevaluation_resnet50",
    "wsolevaluation_vgg16",
]

_CAM_CHANNELS = 1024
_POOLED_BLOCKS = 3


class ConvolutionNormRelu(nn.Module):
    """A convolution without biases, batch norm and ReLU, under Inception's parameter names."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride, padding=padding, bias=False
        )
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, image: Tensor) -> Tensor:
        """(n, in, h, w) -> (n, out, h', w')."""
        output: Tensor = functional.relu(self.bn(self.conv(image)))
        return output


class VggCam(nn.Module):
    """VGG-16 cut before pool5, one more convolution, global pooling, one linear layer."""

    def __init__(self, classes: int, *, large: bool, pooling: Literal["mean", "max"]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for block, counts in enumerate(BLOCKS, start=1):
            for outputs in counts:
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
                inputs = outputs
            if block <= _POOLED_BLOCKS or (block == _POOLED_BLOCKS + 1 and not large):
                layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.conv6 = nn.Conv2d(inputs, _CAM_CHANNELS, 3, padding=1)
        self.relu = nn.ReLU()
        self.avgpool = nn.AdaptiveAvgPool2d(1) if pooling == "mean" else nn.AdaptiveMaxPool2d(1)
        self.fc = nn.Linear(_CAM_CHANNELS, classes)

    def forward(self, image: Tensor) -> Tensor:
        """(n, 3, h, w) -> (n, classes)."""
        maps = self.relu(self.conv6(self.features(image)))
        return self.fc(torch.flatten(self.avgpool(maps), 1))


def wsolevaluation_vgg16(
    classes: int, *, large: bool = False, pooling: Literal["mean", "max"] = "mean"
) -> nn.Module:
    """Wsolevaluation's VGG-16 CAM; 14x14 maps, 28x28 with its large feature map.

    Args:
        classes: number of outputs.
        large: without pool4.
        pooling: over the cells; "max" is GMP of Zhou et al. 2016.
    """
    return VggCam(classes, large=large, pooling=pooling).eval()


def wsolevaluation_resnet50(classes: int, *, large: bool = False) -> nn.Module:
    """Wsolevaluation's ResNet-50 CAM: layer4 with stride 1; 14x14 maps.

    Args:
        classes: number of outputs.
        large: layer3 with stride 1 too, for 28x28 maps.
    """
    from torchvision.models.resnet import Bottleneck, ResNet

    net = ResNet(Bottleneck, [3, 4, 6, 3], num_classes=classes)
    for stage in (net.layer3, net.layer4) if large else (net.layer4,):
        first = stage[0]
        first.conv2.stride = first.downsample[0].stride = (1, 1)
    return net.eval()


class InceptionCam(nn.Module):
    """Inception-v3 up to Mixed_6e and the head of SPG: three convolutions, then the mean.

    The last one, `SPG_A4`, has a plane per class; its mean is the class's score.
    """

    def __init__(self, classes: int, *, large: bool) -> None:
        from torchvision.models.inception import InceptionA, InceptionB, InceptionC

        super().__init__()
        norm = ConvolutionNormRelu
        a, c = partial(InceptionA, conv_block=norm), partial(InceptionC, conv_block=norm)
        self.Conv2d_1a_3x3 = norm(3, 32, kernel_size=3, stride=2, padding=1)
        self.Conv2d_2a_3x3 = norm(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = norm(32, 64, kernel_size=3, padding=1)
        self.Conv2d_3b_1x1 = norm(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = norm(80, 192, kernel_size=3)
        self.Mixed_5b = a(192, pool_features=32)
        self.Mixed_5c = a(256, pool_features=64)
        self.Mixed_5d = a(288, pool_features=64)
        self.Mixed_6a = InceptionB(288, conv_block=norm)
        self.Mixed_6b = c(768, channels_7x7=128)
        self.Mixed_6c = c(768, channels_7x7=160)
        self.Mixed_6d = c(768, channels_7x7=160)
        self.Mixed_6e = c(768, channels_7x7=192)
        self.SPG_A3_1b = nn.Sequential(nn.Conv2d(768, _CAM_CHANNELS, 3, padding=1), nn.ReLU())
        self.SPG_A3_2b = nn.Sequential(
            nn.Conv2d(_CAM_CHANNELS, _CAM_CHANNELS, 3, padding=1), nn.ReLU()
        )
        self.SPG_A4 = nn.Conv2d(_CAM_CHANNELS, classes, 1)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self._large = large
        for last in (self.Mixed_6a.branch3x3, self.Mixed_6a.branch3x3dbl_3):
            last.conv.stride, last.conv.padding = (1, 1), (1, 1)  # torchvision's halves the maps

    def forward(self, image: Tensor) -> Tensor:
        """(n, 3, h, w) -> (n, classes)."""
        maps = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(image)))
        maps = functional.max_pool2d(maps, 3, 2, padding=1, ceil_mode=True)
        maps = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(maps))
        maps = functional.max_pool2d(maps, 3, 2, padding=1, ceil_mode=True)
        maps = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(maps)))
        if not self._large:
            maps = functional.max_pool2d(maps, 3, 2, ceil_mode=True)
        maps = self._mixed_6a(maps)
        maps = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(maps))))
        planes = self.SPG_A4(self.SPG_A3_2b(self.SPG_A3_1b(maps)))
        return torch.flatten(self.avgpool(planes), 1)

    def _mixed_6a(self, maps: Tensor) -> Tensor:
        """Mixed_6a without its stride, which keeps the maps' size."""
        block = self.Mixed_6a
        branches = [
            block.branch3x3(maps),
            block.branch3x3dbl_3(block.branch3x3dbl_2(block.branch3x3dbl_1(maps))),
            functional.max_pool2d(maps, 3, 1, padding=1),
        ]
        return torch.cat(branches, 1)


def wsolevaluation_inception_v3(classes: int, *, large: bool = False) -> nn.Module:
    """Wsolevaluation's Inception-v3 CAM; 14x14 maps, 28x28 with its large feature map.

    CAM is the class's plane of `SPG_A4`, its bias included, as in its authors' code.

    Args:
        classes: number of outputs.
        large: without the pooling before Mixed_6a.
    """
    return InceptionCam(classes, large=large).eval()


def tscam_deit_small(classes: int) -> nn.Module:
    """TS-CAM's DeiT-S: a 3x3 convolution over the patch tokens, then global average pooling.

    Args:
        classes: number of outputs.
    """
    from timm.models.vision_transformer import VisionTransformer

    class TsCam(VisionTransformer):
        def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
            tokens = x[:, self.num_prefix_tokens :]  # (n, t, k)
            maps = tokens.transpose(1, 2).unflatten(2, self.patch_embed.grid_size)
            return self.head(maps).mean((2, 3))

    net = TsCam(patch_size=16, embed_dim=384, depth=12, num_heads=6, num_classes=0)
    net.head = nn.Conv2d(net.embed_dim, classes, 3, padding=1)  # type: ignore[assignment]
    return net.eval()
