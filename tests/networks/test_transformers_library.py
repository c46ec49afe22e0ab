"""Networks of the library transformers, small and with random weights, by any factory.

Its models return an object with `logits`, and few of their layers have cells on four axes.
Grad-CAM is compared with plain autograd on the untouched module.
"""

from typing import Any

import pytest
import torch

from tests.networks.test_any_network import SHARE, by_autograd, grad_cam
from wsol_bench.errors import UsageError
from wsol_bench.networks.cells import Cells, to_maps
from wsol_bench.networks.forward import Requests
from wsol_bench.networks.opening import open_network

BLOCKS = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
STAGES: dict[str, Any] = {"hidden_sizes": [16, 32, 32, 64], "depths": [1, 1, 1, 1]}
WINDOWS: dict[str, Any] = {"embed_dim": 24, "depths": [1, 1, 2, 1], "num_heads": [1, 2, 4, 8]}

NETWORKS: dict[str, tuple[dict[str, Any], str, Cells]] = {
    "ViT": (BLOCKS, "vit.layers.1.layernorm_before", Cells("tokens", 14, 14, 1)),
    "DeiT": (BLOCKS, "deit.layers.1.layernorm_before", Cells("tokens", 14, 14, 2)),
    "Dinov2WithRegisters": (
        {**BLOCKS, "image_size": 224, "patch_size": 14},
        "dinov2_with_registers.encoder.layer.1.norm1",
        Cells("tokens", 16, 16, 5),
    ),
    "ConvNext": (STAGES, "convnext.encoder.stages.3", Cells("channels_first", 7, 7)),
    "ResNet": (
        {**STAGES, "embedding_size": 16},
        "resnet.encoder.stages.3",
        Cells("channels_first", 7, 7),
    ),
    "Swin": (WINDOWS, "swin.layernorm", Cells("tokens", 7, 7)),
}
"""Family -> its configuration, the features and their cells."""


def opened(family: str) -> tuple[Any, Any]:
    transformers = pytest.importorskip("transformers")
    config = getattr(transformers, f"{family}Config")(num_labels=10, **NETWORKS[family][0])
    torch.manual_seed(0)
    module = getattr(transformers, f"{family}ForImageClassification")(config).eval()
    return module, open_network(module, (224, 224))


@pytest.mark.slow
@pytest.mark.parametrize("family", NETWORKS)
def test_grad_cam_of_a_transformers_model_is_that_of_autograd(family):
    module, net = opened(family)
    _, layer, cells = NETWORKS[family]
    assert (net.roles["features"], net.network.cells[layer]) == (layer, cells)
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    classes, wanted = torch.tensor([1, 7]), frozenset({layer})
    forward = net.network.forward(images, Requests(features=wanted, gradients=wanted))
    found = grad_cam(forward.features(layer), forward.gradient(layer, classes))
    features, gradient = by_autograd(module, layer, images, classes)
    assert to_maps(gradient, cells).any()
    expected = grad_cam(to_maps(features, cells), to_maps(gradient, cells))
    scale = float(expected.max()) or float(features.abs().amax() * gradient.abs().amax())
    assert (found - expected).abs().max() <= SHARE * scale


def test_a_model_without_a_classifier_is_refused():
    transformers = pytest.importorskip("transformers")
    module = transformers.ViTModel(transformers.ViTConfig(**BLOCKS))
    with pytest.raises(UsageError, match="must return one tensor of scores"):
        open_network(module, (224, 224))
