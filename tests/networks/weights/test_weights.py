"""From `--weights` to a network: what loads, what is refused, and in what words."""

import errno
import hashlib
import os
import pickle
import resource
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import pytest
import safetensors.torch
import torch
import torchvision
from torch import Tensor, nn

from wsol_bench.errors import WeightsError
from wsol_bench.networks.archs.catalog import ARCHS
from wsol_bench.networks.archs.entry import Arch
from wsol_bench.networks.weights import load as weights
from wsol_bench.networks.weights import torch_files
from wsol_bench.networks.weights.caffe_format import new_message
from wsol_bench.networks.weights.load import load_weights

REAL = Path(__file__).resolve().parents[3].parent / "shared" / "weights"
CLASSES = 5
SQUEEZENET = ARCHS["squeezenet1_1"]

State = dict[str, Tensor]


def state_of(net: nn.Module) -> State:
    return {name: value.clone() for name, value in net.state_dict().items()}


@pytest.fixture(scope="module")
def squeezenet() -> State:
    torch.manual_seed(0)
    return state_of(torchvision.models.squeezenet1_1(weights=None, num_classes=CLASSES))


SAVED: dict[str, Callable[[State, Path], None]] = {
    "plain.pth": lambda state, path: torch.save(state, path),
    "plain.pt": lambda state, path: torch.save(state, path),
    "old.pth": lambda state, path: torch.save(state, path, _use_new_zipfile_serialization=False),
    "wrapped.pth": lambda state, path: torch.save({"state_dict": state, "epoch": 3}, path),
    "parallel.PTH": lambda state, path: torch.save(
        {f"module.{name}": value for name, value in state.items()}, path
    ),
    "plain.safetensors": lambda state, path: safetensors.torch.save_file(state, path),
}


@pytest.mark.parametrize("file", SAVED)
def test_a_state_dict_loads_from_every_kind_of_file(tmp_path, squeezenet, file):
    path = tmp_path / file
    SAVED[file](squeezenet, path)
    loaded = load_weights(SQUEEZENET, str(path), CLASSES)
    assert all(torch.equal(value, squeezenet[n]) for n, value in loaded.module.state_dict().items())
    assert loaded.name == f"torchvision:{file}"
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert loaded.ignored == ()
    assert loaded.topology is SQUEEZENET.topologies["torchvision"]


def test_a_loaded_net_is_ready_to_be_run(tmp_path):
    theirs = torchvision.models.GoogLeNet(num_classes=CLASSES, init_weights=False)
    state = state_of(theirs)
    state["conv1.bn.running_mean"] += 3
    # Older files have no such counter, and evaluation does not read it.
    del state["conv1.bn.num_batches_tracked"]
    torch.save(state, tmp_path / "net.pth")
    before = torch.random.get_rng_state()
    loaded = load_weights(ARCHS["googlenet"], str(tmp_path / "net.pth"), CLASSES)
    assert torch.equal(torch.random.get_rng_state(), before)  # nothing was initialised
    assert not any(module.training for module in loaded.module.modules())
    assert not any(parameter.requires_grad for parameter in loaded.module.parameters())
    tensors = loaded.module.state_dict()
    assert {(value.device.type, value.is_contiguous()) for value in tensors.values()} == {
        ("cpu", True)
    }
    assert torch.equal(tensors["conv1.bn.running_mean"], state["conv1.bn.running_mean"])
    assert {name.split(".")[0] for name in loaded.ignored} == {"aux1", "aux2"}
    assert len(loaded.ignored) == sum(name.startswith("aux") for name in state)


def save_caffe(path: Path, state: State) -> str:
    """Writes a V1 file, in which everything has four sizes."""
    net = new_message("NetParameter")
    for name, array in state.items():
        layer, _, parameter = name.rpartition(".")
        if parameter == "weight":
            net.layers.add(name=layer.encode())
        blob = net.layers[-1].blobs.add(data=[array.numpy().tobytes()])
        blob.num, blob.channels, blob.height, blob.width = (
            *(1,) * (4 - array.dim()),
            *array.shape,
        )
    path.write_bytes(net.SerializeToString())
    return f"caffe:{path}"


def test_a_caffe_net_of_the_old_format_loads(tmp_path):
    state = state_of(SQUEEZENET.topologies["caffe"].build(CLASSES))
    extra = {"loss1/fc.weight": torch.zeros(2, 2), "loss1/fc.bias": torch.zeros(2)}
    loaded = load_weights(SQUEEZENET, save_caffe(tmp_path / "net", state | extra), CLASSES)
    assert all(torch.equal(value, state[n]) for n, value in loaded.module.state_dict().items())
    assert loaded.topology is SQUEEZENET.topologies["caffe"]
    assert loaded.name == "caffe:net"
    assert loaded.ignored == ("loss1/fc.weight", "loss1/fc.bias")


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.write_text, (self.path, "ran")


@pytest.mark.parametrize("save", [torch.save, lambda it, path: path.write_bytes(pickle.dumps(it))])
def test_a_pickled_object_is_refused_and_never_run(tmp_path, save):
    save({"conv.weight": Trap(tmp_path / "trace")}, tmp_path / "net.pth")
    with pytest.raises(WeightsError, match="holds a pickled object"):
        load_weights(SQUEEZENET, str(tmp_path / "net.pth"), CLASSES)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("part", ["data.pkl", "data/0"])
def test_a_torch_file_that_unpacks_to_more_than_it_holds_is_refused_unread(tmp_path, part):
    torch.save({"conv.weight": torch.zeros(4)}, tmp_path / "whole.pth")
    with (
        zipfile.ZipFile(tmp_path / "whole.pth") as whole,
        zipfile.ZipFile(tmp_path / "net.pth", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for each in whole.infolist():
            blown = each.filename.endswith(f"/{part}")
            bomb.writestr(each.filename, bytes(5_000_000) if blown else whole.read(each))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsError, match=r"its parts unpack to 5,000,\d+ bytes and the file has"):
        load_weights(SQUEEZENET, str(tmp_path / "net.pth"), CLASSES)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4_000


def pickled_zip(folder: Path, pickled: bytes) -> Path:
    """A torch file with another pickle in the place of its own."""
    torch.save({"conv.weight": torch.zeros(4)}, folder / "whole.pth")
    with (
        zipfile.ZipFile(folder / "whole.pth") as whole,
        zipfile.ZipFile(folder / "net.pth", "w") as other,
    ):
        for part in whole.infolist():
            own = part.filename.endswith("data.pkl")
            other.writestr(part.filename, pickled if own else whole.read(part))
    return folder / "net.pth"


@pytest.mark.parametrize("module", [b"builtins", b"__builtin__"])
@pytest.mark.parametrize("form", ["zip", "bare"])
def test_a_pickle_that_asks_for_memory_is_refused_before_it_gets_any(tmp_path, module, form):
    pickled = b"\x80\x02c" + module + b"\nbytearray\nJ\x00\x94\x35\x77\x85R."  # of 2 GB
    path = tmp_path / "net.pth"
    if form == "zip":
        pickled_zip(tmp_path, pickled)
    else:
        path.write_bytes(pickled)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsError, match="it requests a bytearray"):
        load_weights(SQUEEZENET, str(path), CLASSES)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize("form", ["zip", "bare"])
def test_a_string_of_a_pickle_gets_no_more_room_than_the_file_has(tmp_path, form):
    pickled = b"\x80\x02X" + struct.pack("<I", 2**31) + b"abc."
    path = pickled_zip(tmp_path, pickled) if form == "zip" else tmp_path / "net.pth"
    if form == "bare":
        path.write_bytes(pickled)
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match="not a readable torch file"):
            load_weights(SQUEEZENET, str(path), CLASSES)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000_000  # of the net itself, none of it of the string


def test_a_file_is_never_asked_for_more_than_is_left(tmp_path):
    (tmp_path / "x").write_bytes(b"0123456789")
    with torch_files._BoundedFile(tmp_path / "x") as file:
        assert file.read(4) == b"0123"
        tracemalloc.start()
        rest = file.read(2**33)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (rest, file.read(2**33), file.read()) == (b"456789", b"", b"")
    assert peak < 1_000_000


def test_a_torchscript_program_is_refused_for_what_it_is(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates it
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "net.pt")
    with pytest.raises(WeightsError, match="holds a TorchScript program, expected a state dict"):
        load_weights(SQUEEZENET, str(tmp_path / "net.pt"), CLASSES)


def test_a_network_does_not_change_when_its_file_does(tmp_path, squeezenet):
    path = tmp_path / "net.safetensors"
    safetensors.torch.save_file(squeezenet, path)
    loaded = load_weights(SQUEEZENET, str(path), CLASSES)
    with path.open("r+b") as file:  # in place, as a program that writes its weights again does
        file.seek(path.stat().st_size // 2)
        file.write(b"\0" * (path.stat().st_size // 4))
    assert all(torch.equal(value, squeezenet[n]) for n, value in loaded.module.state_dict().items())


def test_the_order_of_what_is_ignored_does_not_depend_on_the_run(tmp_path, squeezenet):
    extra = {f"extra{number}.weight": torch.zeros(1) for number in range(40)}
    safetensors.torch.save_file(squeezenet | extra, tmp_path / "net.safetensors")
    loaded = load_weights(SQUEEZENET, str(tmp_path / "net.safetensors"), CLASSES)
    assert list(loaded.ignored) == sorted(extra)


@pytest.mark.parametrize("file", SAVED)
def test_a_file_in_a_folder_whose_name_is_not_utf8_loads(tmp_path, squeezenet, file):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system refuses names that are not UTF-8")
    SAVED[file](squeezenet, tmp_path / file)
    odd = folder / os.fsdecode(b"\xff" + file.encode())
    (tmp_path / file).rename(odd)
    loaded = load_weights(SQUEEZENET, str(odd), CLASSES)
    assert loaded.name == f"torchvision:\\udcff{file}"
    odd.write_bytes(b"nothing")
    with pytest.raises(WeightsError) as error:
        load_weights(SQUEEZENET, str(odd), CLASSES)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("form", ["{}", "caffe:{}"])
def test_a_folder_in_place_of_a_file_is_refused(tmp_path, form):
    (tmp_path / "net.pth").mkdir()
    with pytest.raises(WeightsError, match=r"net\.pth: expected a weights file, found a folder"):
        load_weights(SQUEEZENET, form.format(tmp_path / "net.pth"), CLASSES)


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "net.pth").write_bytes(b"x")

    def refuse(*_arguments: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(WeightsError, match=r"net\.pth: the weights file cannot be read \(Perm"):
        load_weights(SQUEEZENET, str(tmp_path / "net.pth"), CLASSES)


def test_the_home_of_a_user_that_is_not_there_is_named():
    with pytest.raises(WeightsError, match=r"no_such_user_here/net\.pth: .*Write the path out"):
        load_weights(SQUEEZENET, "~no_such_user_here/net.pth", CLASSES)


BAD_CONTENT = {
    "empty.pth": (b"", "not a readable torch file"),
    "text.pth": (b"hello", "not a readable torch file"),
    "noise.pth": (bytes(range(256)) * 9, "refused|not a readable torch file"),
    "empty.safetensors": (b"", "not a readable .safetensors file"),
    "noise.safetensors": (b"\xff" * 99, "not a readable .safetensors file"),
    "name.safetensors": (  # the library repeats a tensor's name as it is
        b'\x40\0\0\0\0\0\0\0{"a\\n\\u001bb":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}',
        "not a readable .safetensors file.*invalid offset",
    ),
    "empty.caffemodel": (b"", "is empty"),
}


@pytest.mark.parametrize("file", BAD_CONTENT)
def test_a_file_that_is_no_weights_file_is_refused(tmp_path, file):
    content, message = BAD_CONTENT[file]
    (tmp_path / file).write_bytes(content)
    scheme = "caffe:" if file.endswith("caffemodel") else ""
    with pytest.raises(WeightsError, match=message) as error:
        load_weights(SQUEEZENET, f"{scheme}{tmp_path / file}", CLASSES)
    assert file in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("file", SAVED)
def test_a_file_cut_short_is_refused(tmp_path, squeezenet, file):
    path = tmp_path / file
    SAVED[file](squeezenet, path)
    content = path.read_bytes()
    for share in (0.001, 0.3, 0.9, 0.9999):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(WeightsError, match=file):
            load_weights(SQUEEZENET, str(path), CLASSES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "expected a state dict, found a list"),
        ({}, "dict without entries"),
        ({"epoch": 3}, "entry 'epoch' is of type int"),
        ({5: torch.zeros(1)}, "an entry without a name is of type Tensor"),
    ],
)
def test_a_torch_file_that_is_no_state_dict_is_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=message):
        load_weights(SQUEEZENET, str(tmp_path / "net.pth"), CLASSES)


@pytest.mark.parametrize("spec", ["", "imagenet", "net.onnx", "caffe:", "demo:", "onnx:net.bin"])
def test_an_unknown_form_lists_the_known_ones(spec):
    with pytest.raises(
        WeightsError, match="expected torchvision, demo, demo:PATH, caffe:PATH, or a PATH"
    ):
        load_weights(SQUEEZENET, spec, CLASSES)


@pytest.mark.parametrize(
    "spec", ["caffe:{}/absent.caffemodel", "{}/absent.pth", "{}/absent.safetensors"]
)
def test_a_missing_file_is_named(tmp_path, spec):
    with pytest.raises(WeightsError, match=r"absent\.\w+: expected a weights file, found nothing"):
        load_weights(SQUEEZENET, spec.format(tmp_path), CLASSES)


def test_an_arch_without_the_topology_says_which_it_has():
    with pytest.raises(WeightsError, match="vgg16_cam has no 'torchvision' topology, only "):
        load_weights(ARCHS["vgg16_cam"], "torchvision", CLASSES)


def test_demo_weights_come_from_the_packages_folder(tmp_path, squeezenet, monkeypatch):
    topologies = {"demo": SQUEEZENET.topologies["torchvision"]}
    arch = Arch(name="small", title="Small", topologies=topologies)
    monkeypatch.setattr(weights, "DEMO_FOLDER", tmp_path)
    with pytest.raises(WeightsError, match=r"small.safetensors: the demo weights of small are not"):
        load_weights(arch, "demo", CLASSES)
    safetensors.torch.save_file(squeezenet, tmp_path / "small.safetensors")
    assert load_weights(arch, "demo", CLASSES).name == "demo:small.safetensors"


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """An empty TORCH_HOME; returns the folder that torch.hub keeps weights in."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "hub" / "checkpoints"


def test_torchvisions_weights_without_a_network_say_what_to_fetch_and_where(hub, monkeypatch):
    def unreachable(*_args: object, **_options: object) -> None:
        raise URLError("no route")

    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    with pytest.raises(WeightsError, match="no route") as error:
        load_weights(ARCHS["vgg16"], "torchvision", 1000)
    assert "https://download.pytorch.org/models/vgg16-397923af.pth" in str(error.value)
    assert str(hub / "vgg16-397923af.pth") in str(error.value)
    assert "--weights demo" in str(error.value)
    with pytest.raises(WeightsError) as other:
        load_weights(SQUEEZENET, "torchvision", CLASSES)
    assert "--weights demo" not in str(other.value)  # the package contains none of this arch


def test_torchvisions_weights_of_another_sha256_are_refused(hub):
    hub.mkdir(parents=True)
    (hub / "vgg16-397923af.pth").write_bytes(b"half a download")
    with pytest.raises(WeightsError, match="does not begin with 397923af"):
        load_weights(ARCHS["vgg16"], "torchvision", 1000)


def test_torchvisions_weights_are_fetched_once_and_checked(hub, tmp_path, squeezenet, monkeypatch):
    torch.save(squeezenet, tmp_path / "source.pth")
    content = (tmp_path / "source.pth").read_bytes()
    name = f"squeezenet1_1-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    edition = {"IMAGENET1K_V1": SimpleNamespace(url=f"https://example.org/models/{name}")}
    monkeypatch.setattr(torchvision.models, "get_model_weights", lambda arch: edition)
    fetched: list[str] = []

    def fetch(url: str, path: str, **_options: object) -> None:
        fetched.append(url)
        Path(path).write_bytes(content)

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    for _ in range(2):
        loaded = load_weights(SQUEEZENET, "torchvision", CLASSES)
    assert loaded.name == f"torchvision:{name}"
    assert fetched == [f"https://example.org/models/{name}"]
    assert (hub / name).is_file()


def test_torchvision_takes_no_path():
    with pytest.raises(WeightsError, match="takes no path"):
        load_weights(ARCHS["vgg16"], "torchvision:vgg16.pth", 1000)


@pytest.mark.ilsvrc
@pytest.mark.skipif(not REAL.is_dir(), reason="the real weights are not beside the repository")
@pytest.mark.parametrize(
    ("arch", "file"),
    [("googlenet", "bvlc_googlenet"), ("squeezenet1_1", "squeezenet_v1.1")],
)
def test_the_real_caffe_nets_fill_their_topology_exactly(arch, file):
    spec = f"caffe:{REAL / file}.caffemodel"
    assert load_weights(ARCHS[arch], spec, 1000).ignored == ()
    with pytest.raises(WeightsError, match="for 1000 classes, the dataset has 20"):
        load_weights(ARCHS[arch], spec, 20)
    with pytest.raises(WeightsError, match="another net"):
        load_weights(ARCHS["vgg16"], spec, 1000)


def test_demo_weights_of_ones_own_load_from_a_path(tmp_path):
    arch = ARCHS["alexnet_cam"]
    own = tmp_path / "mine.safetensors"
    own.write_bytes((weights.DEMO_FOLDER / "alexnet_cam.safetensors").read_bytes())
    loaded = weights.load_weights(arch, f"demo:{own}", 24)
    assert loaded.name == "demo:mine.safetensors"
    assert loaded.topology is arch.topologies["demo"]
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        weights.load_weights(arch, f"demo:{tmp_path / 'none.safetensors'}", 24)
