"""The field's own networks load checkpoints as their authors save them."""

import pytest
import torch

from wsol_bench.networks.archs.catalog import open_arch
from wsol_bench.networks.archs.field import wsolevaluation_resnet50, wsolevaluation_vgg16
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
