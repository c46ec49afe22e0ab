"""The .caffemodel reader, on files written byte by byte here and on two real ones."""

import struct
from math import prod
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wsol_bench.errors import WeightsError
from wsol_bench.networks.weights import caffe, caffe_bounds
from wsol_bench.networks.weights.caffe import read_caffemodel

REAL = Path(__file__).resolve().parents[3].parent / "shared" / "weights"

# Protobuf's wire format by hand, so that the reader's own description is not its judge.


def varint(number: int) -> bytes:
    number &= 2**64 - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def whole(field: int, number: int) -> bytes:
    return varint(field << 3) + varint(number)


def piece(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def old_blob(shape: tuple[int, int, int, int], values: bytes) -> bytes:
    return b"".join(whole(i, n) for i, n in enumerate(shape, start=1)) + piece(5, values)


def new_blob(shape: tuple[int, ...], values: bytes) -> bytes:
    return piece(7, piece(1, b"".join(map(varint, shape)))) + piece(5, values)


def v1_layer(name: str, *blobs: bytes) -> bytes:
    body = piece(2, b"bottom") + piece(3, b"top") + piece(4, name.encode()) + whole(5, 4)
    return piece(2, body + b"".join(piece(6, blob) for blob in blobs))


def v2_layer(name: str, *blobs: bytes) -> bytes:
    body = piece(1, name.encode()) + piece(2, b"Convolution") + piece(3, b"bottom")
    return piece(100, body + b"".join(piece(7, blob) for blob in blobs))


V1_FILE = (
    piece(1, b"a net")
    + v1_layer("data")
    + v1_layer(
        "conv1/7x7_s2",
        old_blob((2, 1, 1, 2), floats(1, 2, 3, 4)),
        old_blob((1, 1, 1, 2), floats(-1, 0.5)),
    )
    + v1_layer("relu")
    + v1_layer("fc", old_blob((1, 1, 3, 2), floats(1, 2, 3, 4, 5, 6)))
)
V2_FILE = (
    piece(1, b"a net")
    + v2_layer("conv1", new_blob((2, 1, 1, 2), floats(1, 2, 3, 4)), new_blob((2,), floats(-1, 0.5)))
    + v2_layer("relu")
    + v2_layer("fc", new_blob((3, 2), floats(1, 2, 3, 4, 5, 6)))
)


def read(folder: Path, content: bytes) -> dict[str, tuple[torch.Tensor, ...]]:
    path = folder / "net.caffemodel"
    path.write_bytes(content)
    return {name: layer.blobs for name, layer in read_caffemodel(path).items()}


def test_a_v1_file_gives_names_and_four_sizes_as_written(tmp_path):
    layers = read(tmp_path, V1_FILE)
    assert list(layers) == ["conv1/7x7_s2", "fc"]
    weight, bias = layers["conv1/7x7_s2"]
    assert weight.dtype == torch.float32
    assert weight.tolist() == [[[[1, 2]]], [[[3, 4]]]]
    assert bias.shape == (1, 1, 1, 2)
    assert bias.flatten().tolist() == [-1, 0.5]
    assert layers["fc"][0].tolist() == [[[[1, 2], [3, 4], [5, 6]]]]


def test_a_v2_file_gives_names_and_shapes_as_written(tmp_path):
    layers = read(tmp_path, V2_FILE)
    assert list(layers) == ["conv1", "fc"]
    assert layers["conv1"][0].tolist() == [[[[1, 2]]], [[[3, 4]]]]
    assert layers["conv1"][1].tolist() == [-1, 0.5]
    assert layers["fc"][0].tolist() == [[1, 2], [3, 4], [5, 6]]


def test_numbers_stored_as_doubles_are_read(tmp_path):
    blob = piece(7, piece(1, varint(2))) + piece(8, struct.pack("<2d", 0.25, 1e300))
    (values,) = read(tmp_path, v2_layer("scale", blob))["scale"]
    assert values.tolist() == [0.25, float("inf")]


@pytest.mark.parametrize("pattern", [0x7FF0FF0000000000, 0x7FF8000000000000, 0xFFF0000000000001])
def test_a_double_that_is_no_number_is_passed_on_without_a_warning(tmp_path, pattern):
    blob = piece(7, piece(1, varint(1))) + piece(8, struct.pack("<Q", pattern))
    (value,) = read(tmp_path, v2_layer("scale", blob))["scale"]
    assert value.isnan().all()


def test_a_loose_number_that_is_none_is_passed_on_without_a_warning(tmp_path):
    loose = varint(5 << 3 | 5) + struct.pack("<I", 0x7F800001)  # a signalling NaN
    (value,) = read(tmp_path, v2_layer("loose", piece(7, piece(1, varint(1))) + loose))["loose"]
    assert value.isnan().all()


def test_numbers_written_one_by_one_are_read(tmp_path):
    loose = b"".join(varint(5 << 3 | 5) + floats(value) for value in (1, 2.5, -3))
    (values,) = read(
        tmp_path, v2_layer("loose", whole(1, 3) + whole(2, 1) + whole(3, 1) + whole(4, 1) + loose)
    )["loose"]
    assert values.flatten().tolist() == [1, 2.5, -3]


def test_numbers_in_several_packed_pieces_are_joined(tmp_path):
    blob = piece(7, piece(1, varint(3))) + piece(5, floats(1, 2)) + piece(5, floats(3))
    assert read(tmp_path, v2_layer("split", blob))["split"][0].tolist() == [1, 2, 3]


def test_an_empty_shape_is_one_number(tmp_path):
    (value,) = read(tmp_path, v2_layer("scalar", piece(7, b"") + piece(5, floats(7))))["scalar"]
    assert value.shape == ()
    assert value.item() == 7


def test_a_nan_is_passed_on_for_the_loader_to_judge(tmp_path):
    (value,) = read(tmp_path, v2_layer("bad", new_blob((1,), floats(float("nan")))))["bad"]
    assert value.isnan().all()


def test_a_name_that_is_not_utf8_is_read(tmp_path):
    body = piece(1, b"conv\xff") + piece(7, new_blob((1,), floats(1)))
    assert list(read(tmp_path, piece(100, body))) == ["conv\\xff"]


BAD_BLOBS = {
    "fewer numbers than the shape": (new_blob((2, 3), floats(1, 2, 3)), "needs 6 numbers.* has 3"),
    "more numbers than the shape": (new_blob((2,), floats(1, 2, 3)), "needs 2 numbers.* has 3"),
    "no numbers": (piece(7, piece(1, varint(4))), "needs 4 numbers.* has 0"),
    "no shape": (piece(5, floats(1)), "impossible shape 0 x 0 x 0 x 0"),
    "a negative size": (new_blob((-2, -1), floats(1, 2)), "impossible shape -2 x -1"),
    "a size of zero": (new_blob((0, 2**62), b""), "impossible shape 0 x"),
    "a huge shape": (new_blob((2**40, 2**40), floats(1)), "the file has 1"),
    "a huge old shape": (old_blob((2**31 - 1,) * 4, floats(1)), "the file has 1"),
    "a shape of too many axes": (new_blob((1,) * 33, floats(1)), "impossible shape"),
    "half a number": (piece(7, piece(1, varint(1))) + piece(5, b"\0\0\0"), "cut off"),
}


@pytest.mark.parametrize("case", BAD_BLOBS)
@pytest.mark.parametrize("layer", [v1_layer, v2_layer])
def test_a_blob_that_cannot_be_is_refused_with_its_file_and_layer(tmp_path, layer, case):
    blob, message = BAD_BLOBS[case]
    with pytest.raises(WeightsError, match=message) as error:
        read(tmp_path, layer("fine", new_blob((1,), floats(1))) + layer("conv9", blob))
    assert "net.caffemodel: layer 'conv9', blob 0" in str(error.value)
    assert "\n" not in str(error.value)


BAD_FILES = {
    "empty": (b"", "is empty"),
    "text": (b"name: 'GoogLeNet'\nlayer { name: 'conv1' }\n" * 20, "not a readable|no layer"),
    "a wild length": (varint(2 << 3 | 2) + varint(2**34) + b"abc", "not a readable"),
    "a wild length inside": (piece(2, varint(6 << 3 | 2) + varint(2**31)), "not a readable"),
    "an endless varint": (b"\xff" * 30, "not a readable"),
    "layers without numbers": (v1_layer("data") + v2_layer("relu"), "no layer that holds numbers"),
    "another message": (piece(1, b"name") + whole(9, 3), "no layer that holds numbers"),
    "deeply nested groups": (varint(50 << 3 | 3) * 10_000, "not a readable"),
    "a field 0": (whole(0, 1), "no field at byte"),
    "a wire type of 7": (varint(1 << 3 | 7), "no field at byte"),
    "half a number": (varint(1 << 3 | 5) + b"\0\0", "cut off at byte"),
    "a shape of many axes": (
        v2_layer("conv1", new_blob((1,) * 2000, floats(1))),
        r"a shape of 2,\d+ bytes",
    ),
    "one name twice": (
        v2_layer("conv1", new_blob((1,), floats(1))) * 2,
        "two layers with numbers are both named 'conv1'",
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_refused_with_one_line_that_names_it(tmp_path, case):
    content, message = BAD_FILES[case]
    with pytest.raises(WeightsError, match=message) as error:
        read(tmp_path, content)
    assert "net.caffemodel" in str(error.value)
    assert "\n" not in str(error.value)


SWARMS = {
    "V1 layers": piece(2, b""),
    "V2 layers": piece(100, b""),
    "blobs": piece(2, piece(6, b"") * 100),
    "shapes": piece(100, piece(7, piece(7, b"") * 100)),
    "arrays": piece(100, piece(7, piece(5, b"") * 100)),
    "sizes": piece(2, piece(6, whole(1, 1) * 100)),
    "what is not known": whole(9, 1),
    "groups": varint(50 << 3 | 3) + varint(50 << 3 | 4),
}


@pytest.mark.parametrize("case", SWARMS)
def test_a_swarm_of_empty_fields_is_refused_before_it_is_parsed(tmp_path, monkeypatch, case):
    monkeypatch.setattr(caffe_bounds, "MOST_FIELDS", 10_000)
    monkeypatch.setattr(caffe, "new_message", lambda name: SimpleNamespace())  # cannot parse
    with pytest.raises(WeightsError, match=r"more than 10,000 fields"):
        read(tmp_path, SWARMS[case] * 10_001)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(WeightsError, match="nothing there"):
        read_caffemodel(tmp_path / "absent.caffemodel")
    with pytest.raises(WeightsError, match="found a folder"):
        read_caffemodel(tmp_path)


@pytest.mark.parametrize("content", [V1_FILE, V2_FILE], ids=["v1", "v2"])
def test_a_file_cut_anywhere_gives_an_error_or_its_first_layers_whole(tmp_path, content):
    complete = read(tmp_path, content)
    errors = 0
    for length in range(len(content)):
        try:
            part = read(tmp_path, content[:length])
        except WeightsError:
            errors += 1
            continue
        assert list(part) == list(complete)[: len(part)]
        for name, blobs in part.items():
            assert all(map(torch.equal, blobs, complete[name]))
    assert errors > len(content) * 0.8


def reads_or_refuses(folder: Path, content: bytes) -> None:
    try:
        layers = read(folder, content)
    except WeightsError:
        return
    for blobs in layers.values():
        for blob in blobs:
            # Four bytes a number: what is read never outgrows the file.
            assert prod(blob.shape) * 4 <= len(content)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    content = bytearray(draw(st.sampled_from([V1_FILE, V2_FILE])))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(content)))
        gone = draw(st.integers(0, 4))
        content[place : place + gone] = draw(st.binary(max_size=6))
    return bytes(content)


ANY_FILE = st.one_of(st.binary(max_size=300), mutated())


@settings(max_examples=300, deadline=None)
@given(content=ANY_FILE)
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    reads_or_refuses(tmp_path_factory.getbasetemp(), content)


@pytest.mark.slow
@settings(max_examples=30_000, deadline=None)
@given(content=ANY_FILE)
def test_a_great_many_bytes_are_read_or_refused(tmp_path_factory, content):
    reads_or_refuses(tmp_path_factory.getbasetemp(), content)


@pytest.mark.ilsvrc
@pytest.mark.skipif(not REAL.is_dir(), reason="the real weights are not beside the repository")
@pytest.mark.parametrize(
    ("file", "layers", "numbers", "shapes"),
    [
        (
            "bvlc_googlenet",
            58,
            6_998_552,
            {"loss3/classifier": [(1, 1, 1000, 1024), (1, 1, 1, 1000)]},
        ),
        ("squeezenet_v1.1", 26, 1_235_496, {"conv10": [(1000, 512, 1, 1), (1000,)]}),
    ],
)
def test_the_real_files_hold_the_known_number_of_weights(file, layers, numbers, shapes):
    found = read_caffemodel(REAL / f"{file}.caffemodel")
    assert len(found) == layers
    assert sum(blob.numel() for layer in found.values() for blob in layer.blobs) == numbers
    assert {name: [tuple(b.shape) for b in found[name].blobs] for name in shapes} == shapes


@pytest.mark.ilsvrc
@pytest.mark.skipif(not REAL.is_dir(), reason="the real weights are not beside the repository")
@pytest.mark.parametrize("file", ["bvlc_googlenet", "squeezenet_v1.1"])
def test_the_real_files_cut_short_are_refused(tmp_path, file):
    content = (REAL / f"{file}.caffemodel").read_bytes()
    for share in (0.1, 0.5, 0.9, 0.999):
        with pytest.raises(WeightsError, match="not a readable"):
            read(tmp_path, content[: int(len(content) * share)])
