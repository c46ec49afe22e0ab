"""The field's own networks load checkpoints as their authors save them."""

import pytest
import torch
from torchvision import models

from wsol_bench.methods.catalog import find_methods
from wsol_bench.networks.archs.catalog import open_arch
from wsol_bench.networks.archs.field import (
    wsolevaluation_inception_v3,
    wsolevaluation_resnet50,
    wsolevaluation_vgg16,
)
from wsol_bench.networks.opening import open_network
from wsol_bench.networks.weights.load import load_weights

MODULE = "wsol_bench.networks.archs.field"
CLASSES = 4


def loaded_from(tmp_path, factory, content, options=""):
    path = tmp_path / "last_checkpoint.pth.tar"
    torch.save(content, path)
    return load_weights(open_arch(f"{MODULE}:{factory}{options}"), str(path), CLASSES)


@pytest.mark.parametrize(("large", "side"), [(False, 14), (True, 28)])
def test_vgg16_of_wsolevaluation(tmp_path, large, side):
    state = wsolevaluation_vgg16(CLASSES, large=large).state_dict()
    content = {"architecture": "vgg16", "epoch": 9, "state_dict": state, "optimizer": {}}
    loaded = loaded_from(tmp_path, "wsolevaluation_vgg16", content, f":large={large}")
    assert loaded.topology.roles["features"] == "relu"
    network = loaded.network()
    assert (network.cells["relu"].rows, network.averaged) == (side, "relu")
    assert state["features.0.weight"].shape == (64, 3, 3, 3)
    assert torch.equal(loaded.module.state_dict()["conv6.weight"], state["conv6.weight"])


@pytest.mark.parametrize(("large", "side"), [(False, 14), (True, 28)])
def test_resnet50_of_wsolevaluation(tmp_path, large, side):
    state = wsolevaluation_resnet50(CLASSES, large=large).state_dict()
    loaded = loaded_from(
        tmp_path, "wsolevaluation_resnet50", {"state_dict": state}, f":large={large}"
    )
    network = loaded.network()
    assert loaded.topology.roles["features"] == network.averaged == "layer4"
    assert network.cells["layer4"].rows == side


def test_deit_small_of_ts_cam(tmp_path):
    pytest.importorskip("timm")
    from wsol_bench.networks.archs.field import tscam_deit_small

    state = {
        f"module.{name}": each for name, each in tscam_deit_small(CLASSES).state_dict().items()
    }
    content = {"epoch": 7, "state_dict": state, "best_map": 0.6}
    loaded = loaded_from(tmp_path, "tscam_deit_small", content)
    network = loaded.network()
    assert network.classifier == "head"
    assert network.tokens is not None
    assert (network.tokens.rows, network.tokens.prefix) == (14, 1)
    assert any("stripped from the names: module." in note for note in loaded.notes)


@pytest.mark.parametrize(("large", "side"), [(False, 14), (True, 28)])
def test_inception_v3_of_wsolevaluation(tmp_path, large, side):
    state = wsolevaluation_inception_v3(CLASSES, large=large).state_dict()
    content = {"architecture": "inception_v3", "epoch": 9, "state_dict": state, "optimizer": {}}
    loaded = loaded_from(tmp_path, "wsolevaluation_inception_v3", content, f":large={large}")
    network = loaded.network()
    roles = loaded.topology.roles
    assert (roles["classifier"], roles["averaged"]) == ("SPG_A4", "SPG_A4")
    assert network.cells["SPG_A4"].rows == side
    # Names and shapes as in its authors' checkpoints.
    assert state["Mixed_6a.branch3x3dbl_3.conv.weight"].shape == (96, 96, 3, 3)
    assert state["Mixed_6e.branch7x7dbl_5.bn.running_var"].shape == (192,)
    assert state["SPG_A3_1b.0.weight"].shape == (1024, 768, 3, 3)
    assert state["SPG_A4.weight"].shape == (CLASSES, 1024, 1, 1)


def test_the_trunk_of_inception_v3_has_the_parameters_of_torchvisions():
    theirs = models.inception_v3(weights=None, init_weights=False).state_dict()
    ours = wsolevaluation_inception_v3(CLASSES).state_dict()
    trunk = {name: each for name, each in ours.items() if not name.startswith("SPG")}
    assert all(theirs[name].shape == each.shape for name, each in trunk.items())
    blocks = {"Conv2d", "Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c"}
    assert {name for name in theirs if name.split(".")[0] in blocks} <= set(trunk)


def test_cam_of_inception_v3_is_the_classs_plane_with_its_bias():
    torch.manual_seed(0)
    net = wsolevaluation_inception_v3(CLASSES)
    opened = open_network(net, (224, 224))
    (row,) = find_methods(("cam",))
    bound = row.to(opened.network, opened.roles)
    assert bound.layer == "SPG_A4"
    images, classes = torch.randn(2, 3, 224, 224), torch.tensor([3, 1])
    forward = opened.network.forward(images, bound.requests())
    maps = bound.maps(forward, classes)
    assert torch.allclose(
        maps.mean((1, 2)), forward.scores.gather(1, classes[:, None])[:, 0], atol=1e-5
    )


def test_global_max_pooling_gives_the_score_of_the_classs_best_cells():
    torch.manual_seed(0)
    opened = open_network(wsolevaluation_vgg16(CLASSES, pooling="max"), (64, 64))
    (row,) = find_methods(("cam",))
    bound = row.to(opened.network, opened.roles)
    assert bound.layer == opened.network.averaged == "relu"
    forward = opened.network.forward(torch.randn(2, 3, 64, 64), bound.requests())
    best = forward.features("relu").amax((2, 3))  # (n, k)
    weights = forward.class_weights(torch.tensor([2, 0]))
    bias = opened.network.layer("fc").bias[[2, 0]]
    expected = forward.scores[[0, 1], [2, 0]]
    assert torch.allclose((best * weights).sum(1) + bias, expected, atol=1e-5)
    assert bound.maps(forward, torch.tensor([2, 0])).shape == (2, 4, 4)
