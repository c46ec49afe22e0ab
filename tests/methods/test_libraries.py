"""Methods of other libraries as rows: what the library computes on the plain module."""

import pytest
import torch
from torch import nn

from wsol_bench.errors import NotApplicable, UsageError
from wsol_bench.methods.catalog import find_methods
from wsol_bench.networks.forward import Network

captum = pytest.importorskip("captum.attr")
pytest.importorskip("pytorch_grad_cam")
pytest.importorskip("torchcam")
pytest.importorskip("zennit")

SPECS = (
    "captum:Saliency",
    "captum:LayerGradCam",
    "captum:Occlusion",
    "pytorch_grad_cam:GradCAM",
    "torchcam:GradCAM",
    "zennit:EpsilonPlus",
)
LABELS = torch.tensor([2, 0])


def small_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 3),
    ).eval()


IMAGES = torch.randn(2, 3, 48, 48, generator=torch.Generator().manual_seed(1))


def maps_of(spec: str, net: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    network = Network(net, "6")
    (row,) = find_methods([spec])
    bound = row.to(network, {"features": "3"}, 48)
    return bound.maps(network.forward(images, bound.requests()), labels)


@pytest.mark.parametrize("spec", SPECS)
def test_a_batch_equals_its_images_one_by_one_and_leaves_no_hook(spec: str) -> None:
    net = small_net()
    together = maps_of(spec, net, IMAGES, LABELS)
    alone = [maps_of(spec, net, IMAGES[i : i + 1], LABELS[i : i + 1])[0] for i in range(2)]
    assert torch.equal(together, torch.stack(alone))
    assert not any(each._forward_hooks or each._backward_hooks for each in net.modules())


def test_saliency_is_captums_summed_over_channels() -> None:
    net = small_net()
    theirs = captum.Saliency(net).attribute(IMAGES.clone().requires_grad_(), target=LABELS)
    assert torch.allclose(maps_of("captum:Saliency", net, IMAGES, LABELS), theirs.sum(dim=1))


@pytest.mark.parametrize("spec", ["pytorch_grad_cam:GradCAM", "torchcam:GradCAM"])
def test_grad_cam_of_the_libraries_is_ours_scaled(spec: str) -> None:
    net = small_net()
    ours, theirs = (maps_of(each, net, IMAGES, LABELS) for each in ("grad_cam", spec))
    assert float(ours.amax(dim=(1, 2)).min()) > 0
    low, high = (getattr(ours, end)(dim=(1, 2), keepdim=True) for end in ("amin", "amax"))
    assert torch.allclose((ours - low) / (high - low), theirs, atol=1e-4)


def test_the_manifest_has_the_librarys_version() -> None:
    (row,) = find_methods(["captum:Saliency"])
    assert row.code["name"] == "captum.attr.Saliency"
    assert row.code["version"]


def test_an_unknown_method_of_a_library_lists_the_known() -> None:
    with pytest.raises(UsageError, match="Saliency"):
        find_methods(["captum:Salience"])


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "captum.attr", None)
    with pytest.raises(UsageError, match="pip install captum"):
        find_methods(["captum:Saliency"])


def test_what_a_library_cannot_do_with_tokens_is_not_applicable() -> None:
    from wsol_bench.networks.cells import Cells

    network = Network(small_net(), "6", cells={"3": Cells("tokens", 2, 2, 1)})
    (row,) = find_methods(["torchcam:GradCAM"])
    with pytest.raises(NotApplicable, match="gives tokens"):
        row.to(network, {"features": "3"}, 48)


def test_ablation_cam_by_hand() -> None:
    # Three channels of one value each, read by a linear head: y = sum of weight times mean.
    net = nn.Sequential(nn.Identity(), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net.append(nn.Linear(3, 1, bias=False))
    net[4].weight.data = torch.tensor([[2.0, -1.0, 1.0]])
    image = torch.zeros(1, 3, 2, 2)
    image[0, 0, 0, 0], image[0, 1, 1, 1], image[0, 2, 0, 1] = 4, 4, 8
    network = Network(net, "4")
    (row,) = find_methods(["ablation_cam"])
    bound = row.to(network, {"features": "1"}, 2)
    found = bound.maps(network.forward(image, bound.requests()), torch.tensor([0]))
    # Means 1, 1, 2: y = 2 - 1 + 2 = 3, and the weights are 2/3, -1/3 and 2/3.
    assert found[0].tolist() == [
        [pytest.approx(8 / 3), pytest.approx(16 / 3)],
        [0, 0],
    ]
