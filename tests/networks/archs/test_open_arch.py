"""What `--arch` takes: names of the table, of libraries, and a user's own functions and modules."""

from pathlib import Path

import pytest
import torch
from torch import nn

from wsol_bench.errors import UsageError, WeightsError
from wsol_bench.geometry import Crop
from wsol_bench.networks.archs.catalog import ARCHS, open_arch
from wsol_bench.networks.archs.entry import Preprocessing
from wsol_bench.networks.archs.preprocessing import (
    TORCHVISION_MEAN,
    TORCHVISION_STD,
    changed_fields,
)
from wsol_bench.networks.archs.torchvision_models import torchvision_net
from wsol_bench.networks.weights.load import load_weights
from wsol_bench.settings import RunSettings

FACTORY = """
from torch import nn
from wsol_bench.networks.archs.vgg import VGG16

def build(width=4):
    return nn.Sequential(
        nn.Conv2d(3, width, 8, stride=8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(width, 7),
    )

def for_classes(classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, classes))

def arch():
    return VGG16

def text():
    return "a network"

def broken():
    raise KeyError("no such file")
"""


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "my_net.py"
    path.write_text(FACTORY, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ARCHS)
def test_a_name_of_the_table_is_its_entry(name):
    assert open_arch(name) is ARCHS[name]
    assert open_arch(ARCHS[name]) is ARCHS[name]


def test_a_torchvision_classifier_comes_with_the_preprocessing_and_error_of_its_weights():
    arch = open_arch("torchvision:resnet18")
    topology = arch.topologies["torchvision"]
    assert topology.preprocessing.size == 224
    assert (topology.preprocessing.mean, topology.preprocessing.std) == (
        TORCHVISION_MEAN,
        TORCHVISION_STD,
    )
    assert topology.published is not None
    assert topology.published.top1 == 30.242  # acc@1 69.758
    loaded = load_weights(arch, "none", 11)
    assert loaded.topology.roles == {
        "features": "layer4",
        "excitation": "layer3",
        "classifier": "fc",
        "averaged": "layer4",
    }
    assert loaded.network().opening == "traced"
    assert any("untrained" in note for note in loaded.notes)
    assert loaded.sha256 == load_weights(arch, "none", 11).sha256  # the same numbers each time


def test_torchvisions_googlenet_keeps_the_input_that_its_weights_were_trained_with():
    net = open_arch("torchvision:googlenet").topologies["torchvision"].build(5)
    assert net.transform_input


def test_a_timm_model_takes_its_configurations_preprocessing_and_options():
    pytest.importorskip("timm")
    arch = open_arch("timm:vit_tiny_patch16_224:img_size=64:depth=2")
    preprocessing = arch.topologies["timm"].preprocessing
    assert (preprocessing.size, preprocessing.mean) == (64, (0.5, 0.5, 0.5))
    assert preprocessing.crop == Crop(71, "bicubic")  # 64 / 0.9
    loaded = load_weights(arch, "none", 11)
    assert loaded.topology.roles["features"] == "blocks.1.norm1"
    assert loaded.network().tokens is not None


@pytest.mark.parametrize(
    ("name", "crop"),
    [
        ("torchvision:resnet18", None),  # 256/224 and bilinear are the usual ones
        ("torchvision:swin_t", Crop(232, "bicubic")),
        ("torchvision:efficientnet_b1", Crop(256, "bicubic")),
        ("timm:vit_tiny_patch16_224", Crop(248, "bicubic")),
        ("timm:mobilenetv2_100", Crop(256, "bicubic")),
    ],
)
def test_a_librarys_configuration_states_the_centre_crop(name, crop):
    if name.startswith("timm"):
        pytest.importorskip("timm")
    (topology,) = open_arch(name).topologies.values()
    assert topology.preprocessing.crop == crop


def test_another_side_scales_the_crop():
    plain = Preprocessing(224, "rgb", 1 / 255, (0, 0, 0), crop=Crop(248, "bicubic"))
    assert plain.changed(size=112).crop == Crop(124, "bicubic")
    assert plain.changed(mean=(1, 1, 1)).crop == Crop(248, "bicubic")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("vgg61", "unknown arch 'vgg61'. Did you mean vgg16.*FILE.py:FUNCTION"),
        ("vgg16:width=2", "vgg16 takes no options"),
        (
            "torchvision:resnet81",
            "unknown torchvision classifier.*Did you mean resnet18",
        ),
        ("timm:vit_tny_patch16_224", "unknown timm model.*Did you mean vit_tiny_patch16_224"),
        ("no_such_package.nets:build", "no such module.*current folder is not searched"),
        (3, "expected a name, an nn.Module or an Arch, got a int"),
    ],
)
def test_an_unknown_arch_names_the_nearest_and_how_to_bring_ones_own(spec, message):
    if str(spec).startswith("timm"):
        pytest.importorskip("timm")
    with pytest.raises(UsageError, match=message):
        open_arch(spec)


def test_options_that_a_library_does_not_take_are_one_message():
    pytest.importorskip("timm")
    with pytest.raises(UsageError, match="timm:resnet18: cannot be built with"):
        load_weights(open_arch("timm:resnet18:no_such=1"), "none", 5)
    with pytest.raises(UsageError, match="torchvision:resnet18: cannot be built with"):
        load_weights(open_arch("torchvision:resnet18:no_such=1"), "none", 5)


def test_a_function_of_a_file_gives_a_network_with_imagenets_preprocessing_said(file):
    arch = open_arch(f"{file}:build:width=6")
    assert arch.default_weights == "none"
    assert set(arch.origin) == {"source", "sha256"}
    loaded = load_weights(arch, arch.default_weights, 7)
    assert loaded.module[0].out_channels == 6
    assert any("ImageNet's mean" in note for note in loaded.notes)
    changed = load_weights(arch, "none", 7, {"mean": (0.5,) * 3})
    assert changed.topology.preprocessing.mean == (0.5,) * 3
    assert not any("ImageNet's mean" in note for note in changed.notes)


def test_a_function_is_given_the_number_of_classes_where_it_takes_it(file):
    loaded = load_weights(open_arch(f"{file}:for_classes"), "none", 9)
    assert loaded.module[2].out_features == 9


def test_a_function_may_return_an_arch(file):
    assert open_arch(f"{file}:arch").name == "vgg16"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("text", "returned an object of type str, expected an nn.Module or an Arch"),
        ("broken", r"fails \(KeyError: 'no such file'\)"),
        ("build:no_such=1", "fails with .*unexpected keyword"),
        ("absent", "has no function 'absent'"),
    ],
)
def test_a_function_that_gives_no_network_is_one_message(file, function, message):
    with pytest.raises(UsageError, match=message):
        load_weights(open_arch(f"{file}:{function}"), "none", 5)


def test_a_module_from_python_is_copied_and_left_as_it_was():
    module = nn.Sequential(nn.Conv2d(3, 4, 8, 8), nn.AdaptiveAvgPool2d(1), nn.Flatten()).train()
    loaded = load_weights(open_arch(module), "none", 4)
    assert module.training
    assert module[0].weight.requires_grad
    assert not loaded.module.training
    assert loaded.name == "none"
    torch.nn.init.zeros_(module[0].weight)
    assert loaded.sha256 != load_weights(open_arch(module), "none", 4).sha256


def test_an_arch_of_the_table_has_no_weights_of_its_own():
    with pytest.raises(WeightsError, match="vgg16 has no weights of its own"):
        load_weights(ARCHS["vgg16"], "none", 5)


@pytest.mark.parametrize(
    ("values", "changed"),
    [
        ({}, {}),
        ({"side": 96, "order": "bgr"}, {"size": 96, "order": "bgr"}),
        ({"mean": (0.5,)}, {"mean": (0.5, 0.5, 0.5)}),
        ({"mean": 0.5, "std": (1, 2, 3)}, {"mean": (0.5,) * 3, "std": (1.0, 2.0, 3.0)}),
        ({"scale": 1.0}, {"scale": 1.0}),
    ],
)
def test_flags_replace_fields_of_the_preprocessing(values, changed):
    assert changed_fields(RunSettings("vgg16", **values)) == changed


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"side": 0}, "--side 0: expected 1 or more"),
        ({"mean": (0.5, 0.5)}, "--mean 0.5,0.5: expected 1 or 3 numbers"),
        ({"std": (0.0,)}, "--std 0,0,0: expected numbers above 0"),
        ({"scale": -1.0}, "--scale -1: expected a number above 0"),
        ({"order": "gbr"}, "--order gbr: expected rgb or bgr"),
    ],
)
def test_a_preprocessing_that_makes_no_sense_names_its_flag(values, message):
    with pytest.raises(UsageError, match=message):
        changed_fields(RunSettings("vgg16", **values))


def test_a_transformer_of_torchvision_is_built_for_the_side_of_its_weights():
    topology = open_arch("torchvision:vit_h_14").topologies["torchvision"]
    assert topology.preprocessing.size == 518
    assert topology.build.keywords == {"side": 518}
    assert torchvision_net("vit_b_32", {}, 2, side=384).image_size == 384
    assert torchvision_net("vit_b_32", {"image_size": 256}, 2, side=384).image_size == 256
    torchvision_net("squeezenet1_1", {}, 2, side=384)  # any side
