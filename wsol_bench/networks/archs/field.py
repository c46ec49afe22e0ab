"""Networks of the field under the names that their authors' checkpoints use.

Each is a factory for `--arch wsol_bench.networks.archs.field:NAME --weights CHECKPOINT`. Inputs are
warped to 224x224 under ImageNet's mean and standard deviation, as the authors do.

Sources: Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR 2020 (the
networks of clovaai/wsolevaluation); Gao et al., TS-CAM: Token Semantic Coupled Attention Map for
Weakly Supervised Object Localization, ICCV 2021.
"""

import torch
from torch import Tensor, nn

from wsol_bench.networks.archs.vgg import BLOCKS

__all__ = ["tscam_deit_small", "wsolevaluation_resnet50", "wsolevaluation_vgg16"]

_CAM_CHANNELS = 1024
_POOLED_BLOCKS = 3


class VggCam(nn.Module):
    """VGG-16 cut before pool5, one more convolution, global average pooling, one linear layer."""

    def __init__(self, classes: int, *, large: bool) -> None:
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
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(_CAM_CHANNELS, classes)

    def forward(self, image: Tensor) -> Tensor:
        """(n, 3, h, w) -> (n, classes)."""
        maps = self.relu(self.conv6(self.features(image)))
        return self.fc(torch.flatten(self.avgpool(maps), 1))


def wsolevaluation_vgg16(classes: int, *, large: bool = False) -> nn.Module:
    """Wsolevaluation's VGG-16 CAM; 14x14 maps, 28x28 with its large feature map.

    Args:
        classes: number of outputs.
        large: without pool4.
    """
    return VggCam(classes, large=large).eval()


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
