"""A table of checkpoints as programs save them: each loads, or is one message."""

import argparse
import datetime
import enum
import io
import json
import shutil
import tempfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from wsol_bench.errors import WeightsError
from wsol_bench.networks.archs.catalog import open_arch
from wsol_bench.networks.weights.load import LoadedNetwork, load_weights

State = dict[str, Tensor]
CLASSES = 3


class Trunk(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 8, stride=8)
        self.norm = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.norm(self.conv(x)).relu().mean((2, 3)))


class Wrapped(nn.Module):
    """A network that itself bears a wrapper's prefix."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Trunk()

    def forward(self, x: Tensor) -> Tensor:
        return self.backbone(x)


def state() -> State:
    torch.manual_seed(5)
    return {
        name: torch.rand(each.shape) + 0.1 if each.is_floating_point() else each + 7
        for name, each in Trunk().state_dict().items()
    }


def prefixed(front: str, values: Mapping[str, Tensor] | None = None) -> State:
    return {front + name: each for name, each in (values or state()).items()}


def optimizer(values: State) -> dict[str, Any]:
    return {"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 0.1}]}


def counters() -> State:
    return {"total_ops": torch.zeros(1), "conv.total_params": torch.zeros(1)}


class Configuration(dict[str, Any]):
    """A class that is not to be imported, as the configurations of Lightning and yacs are."""

    constructed = 0

    def __setitem__(self, key: str, value: Any) -> None:
        Configuration.constructed += 1


class Stage(enum.Enum):
    LAST = 3


FORMS: dict[str, Callable[[State], Any]] = {
    "a bare state dict": lambda s: s,
    "an ordered state dict": OrderedDict,
    "wsolevaluation": lambda s: {
        "architecture": "resnet50",
        "epoch": 3,
        "state_dict": s,
        "optimizer": optimizer(s),
    },
    "timm": lambda s: {"arch": "x", "state_dict": s, "metric": np.float64(71.5), "version": 2},
    "torch's tutorial": lambda s: {
        "epoch": 1,
        "model_state_dict": s,
        "optimizer_state_dict": optimizer(s),
        "loss": 0.5,
    },
    "DeiT without an average": lambda s: {"model": s, "args": argparse.Namespace(lr=0.1)},
    "pytorch-cifar": lambda s: {"net": s, "acc": 93.1, "epoch": 2},
    "TS-CAM": lambda s: {"epoch": 7, "state_dict": prefixed("module."), "best_map": 0.6},
    "PSOL": lambda s: prefixed("module."),
    "Lightning, model.": lambda s: {
        "state_dict": prefixed("model."),
        "pytorch-lightning_version": "2.5",
        "optimizer_states": [optimizer(s)],
        "hyper_parameters": {"lr": 0.1},
    },
    "Lightning, net. and a criterion": lambda s: {
        "state_dict": prefixed("net.") | {"criterion.weight": torch.ones(3)}
    },
    "torch.compile": lambda s: prefixed("_orig_mod."),
    "torch.compile within DataParallel": lambda s: prefixed("module._orig_mod."),
    "Lightning around torch.compile": lambda s: {"state_dict": prefixed("model._orig_mod.")},
    "mixed prefixes": lambda s: {
        ("module." if number % 2 else "module.backbone.") + name: each
        for number, (name, each) in enumerate(s.items())
    },
    "a backbone": lambda s: prefixed("backbone."),
    "AveragedModel": lambda s: {"n_averaged": torch.tensor(9), **prefixed("module.")},
    "thop's counters": lambda s: s | counters(),
    "nested": lambda s: {"model": {"state_dict": s}, "epoch": 3},
    "beside another network under an odd key": lambda s: {
        "state_dict": s,
        "discriminator": {"d.weight": torch.ones(2)},
    },
    "under an odd key alone": lambda s: {"student": s, "epoch": 3},
    "half precision": lambda s: {name: each.half() for name, each in s.items()},
    "bfloat16": lambda s: {name: each.bfloat16() for name, each in s.items()},
    "without a batch norm's counter": lambda s: {
        name: each for name, each in s.items() if "num_batches" not in name
    },
    "DeepSpeed": lambda s: {"module": s, "ds_version": "0.14"},
    "with numbers among the weights": lambda s: {**s, "step": 3},
    "a configuration of a class of its own": lambda s: {
        "model": s,
        "config": Configuration(lr=0.1),
        "log": defaultdict(list, {"loss": [0.5]}),
    },
    "paths, dates and the states of generators": lambda s: {
        "model": s,
        "args": argparse.Namespace(out=Path("out"), at=datetime.datetime(2026, 1, 2)),
        "rng": (np.random.get_state(), torch.get_rng_state()),
    },
    "FSDP": lambda s: {"model": prefixed("_fsdp_wrapped_module.")},
    "Lightning Fabric": lambda s: {"model": prefixed("_forward_module.model.")},
    "an average within an average's key": lambda s: {"ema": {"state_dict": s}, "epoch": 1},
    "an average alone": lambda s: {"state_dict_ema": s},
}
SAVE: dict[str, Callable[[Any, Path], None]] = {
    "net.pth.tar": torch.save,
    "net.ckpt": torch.save,
    "net": lambda content, path: torch.save(content, path, _use_new_zipfile_serialization=False),
}


def load(path: object, network: type[nn.Module] = Trunk) -> LoadedNetwork:
    return load_weights(open_arch(network()), str(path), CLASSES)


def assert_loaded(loaded: LoadedNetwork, tolerance: float = 0.0, front: str = "") -> None:
    expected = state()
    for name, value in loaded.module.state_dict().items():
        like = expected[name.removeprefix(front)]
        if not name.endswith("num_batches_tracked"):
            torch.testing.assert_close(value, like, rtol=tolerance, atol=0.0)


@pytest.mark.parametrize("form", FORMS)
def test_a_checkpoint_loads_whatever_its_form_and_suffix(tmp_path, form):
    suffix = list(SAVE)[len(form) % len(SAVE)]
    values = state()
    SAVE[suffix](FORMS[form](values), tmp_path / suffix)
    narrow = "precision" in form or "float" in form
    assert_loaded(load(tmp_path / suffix), tolerance=1e-2 if narrow else 0.0)


@pytest.mark.parametrize(
    "form",
    ["a bare state dict", "torch.compile", "thop's counters", "AveragedModel", "bfloat16"],
)
@pytest.mark.parametrize("name", ["net.safetensors", "net.bin"])
def test_safetensors_follow_the_same_rules_under_any_suffix(tmp_path, form, name):
    values = FORMS[form](state())
    safetensors.torch.save_file(values, tmp_path / name)
    assert_loaded(load(tmp_path / name), tolerance=1e-2 if form == "bfloat16" else 0.0)


def test_a_torch_file_named_safetensors_is_read_as_what_it_is(tmp_path):
    torch.save(state(), tmp_path / "net.safetensors")
    assert_loaded(load(tmp_path / "net.safetensors"))


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
@pytest.mark.parametrize("given", ["index", "folder"])
def test_shards_of_hugging_face_are_joined(tmp_path, kind, given):
    stem = "model" if kind == "safetensors" else "pytorch_model"
    save = safetensors.torch.save_file if kind == "safetensors" else torch.save
    weight_map = {}
    for number, name in enumerate(state()):
        shard = f"{stem}-0000{number % 2 + 1}-of-00002.{kind}"
        weight_map[name] = shard
    for shard in set(weight_map.values()):
        save({n: state()[n] for n, each in weight_map.items() if each == shard}, tmp_path / shard)
    index = tmp_path / f"{stem}.{kind}.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    loaded = load(index if given == "index" else tmp_path)
    assert_loaded(loaded)
    (tmp_path / next(iter(set(weight_map.values())))).unlink()
    with pytest.raises(WeightsError, match=r"names the shard .*, which is not beside it"):
        load(index)


def test_a_prefix_that_the_network_itself_bears_is_kept_or_added(tmp_path):
    torch.save(prefixed("backbone."), tmp_path / "own.pth")
    torch.save(state(), tmp_path / "bare.pth")
    for name in ("own.pth", "bare.pth"):
        assert_loaded(load(tmp_path / name, Wrapped), front="backbone.")


def test_what_was_chosen_stripped_or_left_out_is_said(tmp_path):
    content = {"model": prefixed("module.") | {"module.total_ops": torch.zeros(1)}}
    torch.save(content, tmp_path / "net.pth")
    notes = " | ".join(load(tmp_path / "net.pth").notes)
    assert "read from 'model'" in notes
    assert "stripped from the names: module." in notes
    assert "left out as counters: module.total_ops" in notes


def test_an_average_beside_the_weights_needs_a_choice_by_name(tmp_path):
    other = {name: torch.zeros_like(each) for name, each in state().items()}
    torch.save({"state_dict": other, "state_dict_ema": state()}, tmp_path / "net.pth")
    with pytest.raises(WeightsError, match="holds 2 state dicts: state_dict, state_dict_ema"):
        load(tmp_path / "net.pth")
    assert_loaded(load(f"{tmp_path / 'net.pth'}:entry=state_dict_ema"))
    with pytest.raises(WeightsError, match="entry=ema: the file holds no state dict there"):
        load(f"{tmp_path / 'net.pth'}:entry=ema")


def test_two_entries_of_one_name_need_a_choice(tmp_path):
    zeros = {name: torch.zeros_like(each) for name, each in state().items()}
    torch.save(prefixed("model.") | prefixed("ema_model.", zeros), tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=r"would both be 'conv\.weight'.*prefix=ema_model\."):
        load(tmp_path / "net.pth")
    assert_loaded(load(f"{tmp_path / 'net.pth'}:prefix=model."))


def test_a_prefix_of_no_table_is_named_and_can_be_given(tmp_path):
    torch.save(prefixed("student.vit."), tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=r"9 of 9 would match with PATH:prefix=student\.vit\."):
        load(tmp_path / "net.pth")
    assert_loaded(load(f"{tmp_path / 'net.pth'}:prefix=student.vit."))


def test_weights_of_another_network_say_what_is_missing_and_what_is_there(tmp_path):
    torch.save({"stages.0.weight": torch.ones(2)}, tmp_path / "net.pth")
    with pytest.raises(
        WeightsError, match=r"layer 'conv': expected weight .* found nothing; \d more .*stages\.0"
    ):
        load(tmp_path / "net.pth")


def archived(kind: str) -> bytes:
    """An archive of one file, which is called net.pth."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "in").mkdir()
        (Path(folder) / "in/net.pth").write_bytes(b"weights")
        return Path(shutil.make_archive(f"{folder}/it", kind, f"{folder}/in")).read_bytes()


def numpy_archive() -> bytes:
    file = io.BytesIO()
    np.savez(file, weight=np.zeros(3))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid", "is a Git LFS pointer.*git lfs pull"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
        (b"<!DOCTYPE html>", "is a web page"),
        (b"\x1f\x8b\x08", "is a gzip archive"),
        (archived("tar"), "is a tar archive"),
        (archived("zip"), r"is a zip archive of files, expected a torch file"),
        (numpy_archive(), r"is a zip archive of numpy arrays, expected a torch file"),
        (b'{"a": 1}', "is JSON, expected an index of shards"),
        (b'{"weight_map": {"a": "../a.bin"}}', r"names the shard \.\./a\.bin, which is not beside"),
    ],
)
def test_what_is_no_weights_file_is_named_for_what_it_is(tmp_path, content, message):
    (tmp_path / "net.weights").write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        load(tmp_path / "net.weights")


def test_the_class_of_an_object_beside_the_weights_is_named_and_not_imported(tmp_path):
    torch.save(FORMS["a configuration of a class of its own"](state()), tmp_path / "net.pth")
    before = Configuration.constructed
    notes = " | ".join(load(tmp_path / "net.pth").notes)
    assert "not imported, as its code could run: " in notes
    assert f"{__name__}.Configuration" in notes
    assert Configuration.constructed == before


def test_a_call_of_a_function_beside_the_weights_is_refused_by_name(tmp_path):
    torch.save({"model": state(), "stage": Stage.LAST}, tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=r"holds a pickled object \(.*Stage\)"):
        load(tmp_path / "net.pth")


def test_a_whole_model_in_a_pickle_is_refused_and_not_run(tmp_path):
    torch.save(Trunk(), tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=r"holds a pickled object.*save net\.state_dict"):
        load(tmp_path / "net.pth")
