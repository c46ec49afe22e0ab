"""Contract of every torchvision classifier and many of timm: how it opens, and Grad-CAM's numbers.

Grad-CAM is compared with plain autograd on the untouched module, with random weights.
"""

import warnings
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from wsol_bench.networks.archs.catalog import open_arch
from wsol_bench.networks.cells import to_maps
from wsol_bench.networks.forward import Requests
from wsol_bench.networks.hooked import scores_of, tensor_of
from wsol_bench.networks.opening import open_network

SHARE = 1e-4
"""Of the map's maximum: float32 sums added in another order, batch norms folded."""

TIMM = [
    "bat_resnext26ts",
    "beit_base_patch16_224",
    "botnet26t_256",
    "caformer_s18",
    "cait_xxs24_224",
    "coat_tiny",
    "coatnet_0_224",
    "convformer_s18",
    "convit_tiny",
    "convmixer_768_32",
    "convnext_atto",
    "convnextv2_atto",
    "crossvit_9_240",
    "cs3darknet_s",
    "cspresnet50",
    "deit_tiny_distilled_patch16_224",
    "deit_tiny_patch16_224",
    "deit3_small_patch16_224",
    "densenet121",
    "dla34",
    "dm_nfnet_f0",
    "dpn48b",
    "eca_nfnet_l0",
    "edgenext_xx_small",
    "efficientformer_l1",
    "efficientformerv2_s0",
    "efficientnet_b0",
    "efficientvit_b0",
    "efficientvit_m0",
    "ese_vovnet19b_dw",
    "eva02_tiny_patch14_224",
    "fastvit_t8",
    "fbnetc_100",
    "focalnet_tiny_srf",
    "gcvit_xxtiny",
    "gernet_s",
    "ghostnet_100",
    "gmlp_ti16_224",
    "halonet26t",
    "hardcorenas_a",
    "hgnet_tiny",
    "hrnet_w18_small",
    "inception_v4",
    "inception_next_tiny",
    "lcnet_050",
    "levit_128s",
    "mambaout_femto",
    "maxvit_nano_rw_256",
    "mixer_s32_224",
    "mixnet_s",
    "mnasnet_small",
    "mobilenetv2_100",
    "mobilenetv3_small_050",
    "mobilenetv4_conv_small",
    "mobileone_s0",
    "mobilevit_xxs",
    "mobilevitv2_050",
    "mvitv2_tiny",
    "nest_tiny",
    "nf_resnet50",
    "nfnet_f0",
    "pit_ti_224",
    "poolformer_s12",
    "pvt_v2_b0",
    "regnetx_002",
    "repvgg_a0",
    "repvit_m0_9",
    "res2net50_14w_8s",
    "resmlp_12_224",
    "resnest14d",
    "resnet18",
    "rexnet_100",
    "sequencer2d_s",
    "skresnet18",
    "spnasnet_100",
    "swin_tiny_patch4_window7_224",
    "swinv2_tiny_window8_256",
    "tf_efficientnet_lite0",
    "tinynet_e",
    "tiny_vit_5m_224",
    "tnt_s_patch16_224",
    "twins_svt_small",
    "vgg11",
    "visformer_tiny",
    "vit_tiny_patch16_224",
    "vit_small_patch14_dinov2",
    "volo_d1_224",
    "wide_resnet50_2",
    "xception41",
    "xcit_nano_12_p16_224",
]


@cache
def torchvision_names() -> list[str]:
    heavy = ("regnet_y_128gf", "vit_h_14", "vit_l_16", "vit_l_32", "regnet_y_32gf", "regnet_x_32gf")
    return [name for name in models.list_models(module=models) if name not in heavy]


def grad_cam(features: Tensor, gradient: Tensor) -> Tensor:
    weights = gradient.mean((2, 3))
    return torch.einsum("nk,nkuv->nuv", weights, features).relu()


def by_autograd(module: nn.Module, layer: str, images: Tensor, classes: Tensor) -> Any:
    """The layer's output and gradient on the module itself, as it gives them."""
    kept: list[Tensor] = []
    plain = deepcopy(module).eval()

    def keep(_module: nn.Module, _inputs: object, output: Any) -> Any:
        value = tensor_of(output)
        kept.append(value)
        # A later step may change it in place, which would change what was kept.
        return value.clone() if isinstance(output, Tensor) else (value.clone(), *output[1:])

    plain.get_submodule(layer).register_forward_hook(keep)
    scores = scores_of(plain(images)).flatten(1)
    (gradient,) = torch.autograd.grad(scores.gather(1, classes[:, None]).sum(), kept[-1])
    return kept[-1].detach(), gradient


def check(spec: str, record_property: Any) -> None:
    prefix = spec.partition(":")[0]
    topology = open_arch(spec).topologies[prefix]
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = topology.build(10)
        for linear in module.modules():  # timm starts some heads at 0: no gradient at all
            if isinstance(linear, nn.Linear) and not linear.weight.any():
                nn.init.normal_(linear.weight, std=0.1)
        side = topology.preprocessing.size
        opened = open_network(module, (side, side))
        record_property("opening", opened.network.opening)
        layer = opened.roles["features"]
        images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))
        classes = torch.tensor([1, 7])
        wanted = frozenset({layer})
        forward = opened.network.forward(images, Requests(features=wanted, gradients=wanted))
        found = grad_cam(forward.features(layer), forward.gradient(layer, classes))
        features, gradient = by_autograd(module, layer, images, classes)
    cells = opened.network.cells[layer]
    assert cells.rows * cells.columns > 1
    expected = grad_cam(to_maps(features, cells), to_maps(gradient, cells))
    assert to_maps(gradient, cells).abs().sum() > 0
    # A map that is 0 nearly everywhere is compared on the scale of the sums that made it.
    scale = float(expected.max()) or float(features.abs().amax() * gradient.abs().amax())
    error = float((found - expected).abs().max())
    if error > SHARE * scale:  # the sums cancel: neither float32 is exact
        exact = grad_cam(
            *(
                to_maps(each, cells)
                for each in by_autograd(module.double(), layer, images.double(), classes)
            )
        )
        own, plain = (float((each - exact).abs().max()) for each in (found, expected))
        print(
            f"{spec}: {error / scale:.1e} of the maximum; of float64 {own:.1e}, plain {plain:.1e}"
        )
        assert own <= 2 * plain


@pytest.mark.slow
@pytest.mark.parametrize("name", torchvision_names())
def test_grad_cam_of_a_torchvision_classifier_is_that_of_autograd(name, record_property):
    check(f"torchvision:{name}", record_property)


NO_FEATURES = {
    "tnt_s_patch16_224": "its inner tokens hide the grid of the outer ones",
}
"""Models whose features are not found; `grad_cam:layer=` names them."""


def timm_case(name: str) -> Any:
    if name not in NO_FEATURES:
        return name
    return pytest.param(name, marks=pytest.mark.xfail(reason=NO_FEATURES[name], strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", [timm_case(name) for name in TIMM])
def test_grad_cam_of_a_timm_model_is_that_of_autograd(name, record_property):
    pytest.importorskip("timm")
    check(f"timm:{name}", record_property)


@pytest.mark.parametrize("spec", ["torchvision:squeezenet1_1", "timm:vit_tiny_patch16_224"])
def test_grad_cam_of_two_networks_is_that_of_autograd(spec, record_property):
    if spec.startswith("timm"):
        pytest.importorskip("timm")
    check(spec, record_property)
