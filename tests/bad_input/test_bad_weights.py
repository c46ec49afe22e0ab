"""Weights that are bad: one message that names the file, exit code 3, no code run."""

import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

WEIGHTS = "Weights"
State = dict[str, Tensor]


def piece(field: int, content: bytes) -> bytes:
    """A length-delimited field of a protobuf message."""
    assert len(content) < 128
    return bytes((field << 3 | 2, len(content))) + content


def layer(*blobs: bytes) -> bytes:
    """A V1 layer named conv1."""
    return piece(2, piece(4, b"conv1") + b"".join(piece(6, blob) for blob in blobs))


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.path),)


def changed(state: State, name: str, value: Tensor) -> State:
    return {**state, name: value}


def first(state: State) -> str:
    return next(iter(state))


def spoil_one_number(state: State, number: float) -> State:
    value = state[first(state)].clone()
    value.view(-1)[3] = number
    return changed(state, first(state), value)


def packed(state: State, path: Path) -> None:
    torch.save(state, path.with_suffix(".whole"))
    with (
        zipfile.ZipFile(path.with_suffix(".whole")) as whole,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for part in whole.infolist():
            name = part.filename
            bomb.writestr(name, bytes(30_000_000) if name.endswith(".pkl") else whole.read(part))


def script(state: State, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates it
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), path)


def cut_off(state: State, path: Path) -> None:
    save = safetensors.torch.save_file if path.suffix == ".safetensors" else torch.save
    save(state, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def another_net(state: State, path: Path) -> None:
    torch.save({"layer.weight": torch.zeros(3)}, path)


def other_classes(state: State, path: Path) -> None:
    sizes = {"classifier.1.weight": (7, 512, 1, 1), "classifier.1.bias": (7,)}
    torch.save({**state, **{name: torch.zeros(size) for name, size in sizes.items()}}, path)


def of_kind(kind: torch.dtype) -> Callable[[State, Path], None]:
    return lambda state, path: torch.save(
        changed(state, first(state), state[first(state)].to(kind)), path
    )


def empty_arrays(state: State, path: Path) -> None:
    torch.save({name: value.to("meta") for name, value in state.items()}, path)


def bytes_of(content: bytes) -> Callable[[State, Path], None]:
    return lambda state, path: path.write_bytes(content)


CASES: dict[str, tuple[str, Callable[[State, Path], object]]] = {
    "no file": ("net.pth", lambda state, path: None),
    "a folder": ("net.pth", lambda state, path: path.mkdir()),
    "a name of no known form": ("net.onnx", bytes_of(b"")),
    "a pickle with code": (
        "net.pth",
        lambda state, path: torch.save({"a": Trap(path.with_name("trap"))}, path),
    ),
    "a plain pickle with code": (
        "net.pt",
        lambda state, path: path.write_bytes(pickle.dumps(Trap(path.with_name("trap")))),
    ),
    "a whole module": ("net.pth", lambda state, path: torch.save(nn.Linear(2, 2), path)),
    "a TorchScript program": ("net.pt", script),
    "a checkpoint without a state dict": (
        "net.pth",
        lambda state, path: torch.save({"epoch": 3}, path),
    ),
    "a torch file that is cut off": ("net.pth", cut_off),
    "a torch file that unpacks to more than it holds": ("net.pth", packed),
    "a pickle that asks for 2 GB": (
        "net.pth",
        bytes_of(b"\x80\x02cbuiltins\nbytearray\nJ\x00\x94\x35\x77\x85R."),
    ),
    "a web page named .pth": ("net.pth", bytes_of(b"<html>404 Not Found</html>")),
    "weights of another net": ("net.pth", another_net),
    "weights for another number of classes": ("net.pth", other_classes),
    "a NaN": ("net.pth", lambda state, path: torch.save(spoil_one_number(state, torch.nan), path)),
    "an infinity": (
        "net.pth",
        lambda state, path: torch.save(spoil_one_number(state, torch.inf), path),
    ),
    "integers": ("net.pth", of_kind(torch.int8)),
    "floats of eight bits": ("net.pth", of_kind(torch.float8_e4m3fn)),
    "arrays without numbers (meta)": ("net.pth", empty_arrays),
    "a .safetensors that is cut off": ("net.safetensors", cut_off),
    "a .safetensors whose header declares 2^60 bytes": (
        "net.safetensors",
        bytes_of(struct.pack("<Q", 2**60) + b"{}"),
    ),
    "an empty .caffemodel": ("caffe:net.caffemodel", bytes_of(b"")),
    "a .caffemodel that is cut off": ("caffe:net.caffemodel", bytes_of(layer(bytes(20))[:-5])),
    "a .caffemodel with a field of 16 GB": (
        "caffe:net.caffemodel",
        bytes_of(b"\x12\x80\x80\x80\x80\x40" + b"abc"),
    ),
    "a .caffemodel with a shape of 2^62 numbers": (
        "caffe:net.caffemodel",
        bytes_of(layer(piece(7, b"\x08" + b"\x80" * 8 + b"\x40") + piece(5, bytes(4)))),
    ),
    "a .caffemodel of a million empty layers": (
        "caffe:net.caffemodel",
        bytes_of(piece(2, b"") * 1_000_001),
    ),
    "a .caffemodel without numbers": (
        "caffe:net.caffemodel",
        bytes_of(layer()),
    ),
    "a path in the home of nobody": ("~no_such_user_here/net.pth", lambda state, path: None),
}


@pytest.fixture(scope="module")
def state() -> State:
    import torchvision

    torch.manual_seed(0)
    return torchvision.models.squeezenet1_1(weights=None, num_classes=2).state_dict()


@pytest.mark.parametrize("what", CASES)
def test_bad_weights_are_one_message(what, spoiled, state, command, expect_row, tmp_path):
    form, write = CASES[what]
    scheme, _, name = form.rpartition(":")
    path = tmp_path / name
    write(state, path)
    given = form if name.startswith("~") else f"{scheme}:{path}" if scheme else path

    told = command("run", "--arch=squeezenet1_1", f"--data={spoiled.root}", f"--weights={given}")

    assert not (tmp_path / "trap").exists()
    assert told.out == ""
    expect_row(WEIGHTS, what, told.err.strip(), told.code)


def test_the_page_has_no_other_rows_on_weights(page):
    assert set(page[WEIGHTS]) == set(CASES)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_taken(spoiled, state, command, tmp_path, kind):
    torch.save({name: value.to(kind) for name, value in state.items()}, tmp_path / "net.pth")
    options = ("--methods=center", f"--weights={tmp_path / 'net.pth'}", f"--data={spoiled.root}")

    assert command("run", "--arch=squeezenet1_1", *options).code == 0
