"""Images to records: preprocessing by hand, order, batches, and what goes wrong."""

import gc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from wsol_bench.boxes.extract import extract_box
from wsol_bench.boxes.map_state import MapState
from wsol_bench.datasets.example import Example
from wsol_bench.errors import DataError, RunError, UnreadableImage
from wsol_bench.geometry import Size, Window, box_iou
from wsol_bench.methods.bound import BoundMethod
from wsol_bench.methods.catalog import METHODS, find_methods
from wsol_bench.methods.entry import MapMethod
from wsol_bench.networks.archs.catalog import ARCHS
from wsol_bench.networks.archs.entry import Preprocessing
from wsol_bench.networks.forward import PIXELS, Network, Requests
from wsol_bench.networks.numbers import PRECISIONS, exact_float32, normalise
from wsol_bench.pipeline.pipeline import Pipeline, records_of
from wsol_bench.protocols.catalog import PROTOCOLS
from wsol_bench.protocols.views import VIEWS
from wsol_bench.records.record import Record
from wsol_bench.runtime.memory import collect_garbage_seldom

CPU = torch.device("cpu")
SIDE = 32
CAFFE = Preprocessing(SIDE, "bgr", 1.0, (104.0, 117.0, 123.0))
TORCHVISION = Preprocessing(SIDE, "rgb", 1 / 255, (0.5, 0.25, 0.125), (0.5, 0.25, 2.0))


@dataclass
class Pictures:
    """A dataset in memory."""

    pictures: dict[str, Image.Image]
    examples: Sequence[Example]
    name: str = "pictures"
    class_ids: Sequence[str] = ("n1", "n2", "n3", "n4", "n5", "n6")
    class_names: Sequence[str] = ("a", "b", "c", "d", "e", "f")

    def open(self, image_id: str) -> Image.Image:
        if image_id not in self.pictures:
            raise DataError(f"{image_id}: not found")
        return self.pictures[image_id]


def pictures(count: int) -> Pictures:
    """Smooth pictures of several sizes, each with one or two true boxes."""
    random = np.random.default_rng(0)
    drawn, examples = {}, []
    for number in range(count):
        height, width = 40 + 7 * number, 90 - 5 * number
        coarse = random.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        name = f"picture{count - number:02d}"  # names do not sort as the examples do
        drawn[name] = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        boxes = [[2, 3, width - 4, height - 5], [0, 0, width / 2, height]][: number % 2 + 1]
        examples.append(
            Example(name, 100 + number, number % 6, np.array(boxes, float), Size(height, width))
        )
    return Pictures(drawn, tuple(examples))


def small_net() -> nn.Sequential:
    """A net that every method can be run on, with 6 classes."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 6),
    )


ROLES = {"features": "4", "excitation": "2"}


SUPPORTED = tuple(
    row.name
    for row in find_methods(METHODS)
    if "attention" not in row.name and row.name != "tscam" and row.passes is None
)
"""The methods of one pass for a net without attention between tokens."""


def pipeline_of(
    net: nn.Module, classifier: str = "7", specs: Iterable[str] = SUPPORTED, **options
) -> Pipeline:
    """All methods of the table that support a net, as a run would bind them."""
    network = Network(net, classifier).to(CPU)
    settings = {
        "network": network,
        "preprocessing": CAFFE,
        "methods": tuple(row.on(pictures(9)).to(network, ROLES) for row in find_methods(specs)),
        "protocol": PROTOCOLS["gradcam-iccv17"],
        "device": CPU,
    }
    return Pipeline(**settings | options)


def run(
    pipeline: Pipeline, dataset: Pictures, batch_size: int = 4, threads: int = 3
) -> list[Record]:
    examples = dataset.examples
    batches = [examples[i : i + batch_size] for i in range(0, len(examples), batch_size)]
    made = [one.records for one in records_of(pipeline, dataset, batches, threads)]
    names = [list(dict.fromkeys(record.image_id for record in records)) for records in made]
    assert names == [[example.image_id for example in batch] for batch in batches]
    return [record for records in made for record in records]


def plain(record: Record) -> tuple:
    """A record as values that can be compared."""
    return tuple(
        value.tobytes() if isinstance(value, np.ndarray) else value
        for value in (getattr(record, name) for name in Record.__slots__)
    )


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return run(pipeline_of(small_net()), pictures(9))


@pytest.mark.parametrize("wanted", [True, False])
def test_the_network_runs_under_the_switch_for_repeatable_operations(wanted, monkeypatch):
    seen, forward = [], Network.forward

    def watched(*arguments):
        seen.append(torch.are_deterministic_algorithms_enabled())
        return forward(*arguments)

    monkeypatch.setattr(Network, "forward", watched)
    run(pipeline_of(small_net(), deterministic=wanted), pictures(5))
    assert seen == [wanted, wanted]
    assert not torch.are_deterministic_algorithms_enabled()


# Preprocessing


@pytest.mark.parametrize(
    ("preprocessing", "expected"),
    [
        (CAFFE, [30 - 104, 20 - 117, 10 - 123]),  # blue, green, red
        (
            TORCHVISION,
            [(10 / 255 - 0.5) / 0.5, (20 / 255 - 0.25) / 0.25, (30 / 255 - 0.125) / 2],
        ),
        (replace(CAFFE, order="rgb"), [10 - 104, 20 - 117, 30 - 123]),
        (replace(CAFFE, scale=0.5, std=(1, 2, 4)), [15 - 104, (10 - 117) / 2, (5 - 123) / 4]),
    ],
)
def test_one_pixel_is_normalised_as_by_hand(preprocessing, expected):
    red_green_blue = torch.tensor([[[[10, 20, 30]]]], dtype=torch.uint8)
    found = normalise(red_green_blue, preprocessing)
    assert found.shape == (1, 3, 1, 1)
    assert found.dtype == torch.float32
    # A product, a difference and a quotient, each rounded to float32; the difference
    # of numbers near 0.1 can be a small one.
    assert found.flatten().tolist() == pytest.approx(expected, rel=1e-6, abs=1e-8)
    assert red_green_blue.flatten().tolist() == [10, 20, 30]


def test_normalising_keeps_every_pixel_in_its_place():
    random = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 3), dtype=np.uint8)
    found = normalise(torch.from_numpy(random), CAFFE).numpy()
    expected = random[..., ::-1].astype(np.float64) - np.array(CAFFE.mean)  # whole numbers
    assert np.array_equal(found, expected.transpose(0, 3, 1, 2))


TRAINED_ON_IMAGENET = [
    (arch, name)
    for arch, entry in ARCHS.items()
    for name in entry.topologies
    if name in ("caffe", "torchvision")
]


@pytest.mark.parametrize(("arch", "topology"), TRAINED_ON_IMAGENET)
def test_an_image_of_imagenets_mean_colour_is_about_zero_to_a_network_trained_on_it(arch, topology):
    # The classic mistakes (channel order, 0..1 for 0..255, mean twice) are off by
    # far more than half a grey level, as are the published means of ImageNet.
    preprocessing = ARCHS[arch].topologies[topology].preprocessing
    imagenet = (123.68, 116.78, 103.94)  # red, green, blue
    grey = torch.tensor(imagenet).round().to(torch.uint8).view(1, 1, 1, 3)
    level = preprocessing.scale / np.array(preprocessing.std)  # one grey level
    found = normalise(grey, preprocessing).flatten().numpy() / level
    # Nets trained on -1..1 have the middle grey, 127.5, in place of ImageNet's mean.
    middle = np.array(imagenet) - 127.5 if preprocessing.mean == (0.5, 0.5, 0.5) else 0.0
    assert np.abs(found - middle).max() < 1.5


def test_an_image_reaches_the_network_with_its_channels_in_order():
    # Scores are the mean values of the net's own input channels.
    net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3))
    net[2].weight.data, net[2].bias.data = torch.eye(3), torch.zeros(3)
    coloured = Image.new("RGB", (20, 10), (10, 200, 90))
    dataset = Pictures(
        {"one": coloured}, [Example("one", 1, 0, np.array([[0.0, 0, 9, 9]]), Size(10, 20))]
    )
    record, *_ = run(pipeline_of(net, "2", specs=["center"]), dataset)
    # Blue, green, red: 90 - 104, 200 - 117, 10 - 123, by falling score.
    assert record.classes.tolist() == [1, 0, 2]
    assert record.scores == pytest.approx([83, -14, -113], rel=1e-6)  # means of 1,024 cells


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_gives_as_many_tensors_as_it_says_and_joins_their_maps_into_one(name):
    view, image = VIEWS[name], Image.new("RGB", (50, 30), (1, 2, 3))
    tensors = view.tensors(image, 24)
    assert tensors.shape == (view.count, 24, 24, 3)
    assert tensors.dtype == np.uint8
    assert (tensors == [1, 2, 3]).all()
    joined = view.join(np.ones((view.count, 4, 4), np.float32), 24)
    assert joined.ndim == 2
    assert joined.dtype == np.float32
    assert joined.max() > 0
    window = view.window(Size(30, 50), 24)
    assert 0 <= window.x0 < window.x1 <= 50
    assert 0 <= window.y0 < window.y1 <= 30


def test_a_warp_averages_when_it_shrinks_and_shows_the_whole_image():
    halves = Image.new("RGB", (80, 40))
    halves.paste((255, 255, 255), (40, 0, 80, 40))
    (shrunk,) = VIEWS["warp"].tensors(halves, 8)
    assert (shrunk[:, :3] == 0).all()
    assert (shrunk[:, 5:] == 255).all()
    stripes = Image.fromarray(np.tile(np.uint8([0, 255]), (64, 32))).convert("RGB")
    # Without averaging, every sample would lie between a black and a white column or
    # on one: a widened filter gives the mean, up to the weights of its ends.
    (grey,) = VIEWS["warp"].tensors(stripes, 8)
    assert np.abs(grey.astype(int) - 127).max() <= 10
    assert VIEWS["warp"].window(Size(40, 80), 8) == Window(0, 0, 80, 40)


# Records


def test_records_come_in_the_order_of_the_examples_and_methods(records):
    examples = pictures(9).examples
    expected = [(one.image_id, name) for one in examples for name in SUPPORTED]
    assert [(record.image_id, record.method) for record in records] == expected


def test_a_record_says_what_its_example_and_image_are(records):
    of_id = {example.image_id: example for example in pictures(9).examples}
    for record in records:
        example = of_id[record.image_id]
        assert (record.index, record.label) == (example.index, example.label)
        assert Size(record.height, record.width) == example.size
        assert record.true_boxes.tolist() == example.boxes.tolist()
        assert record.iou == max(box_iou(record.box, one[None])[0] for one in example.boxes)
        assert not record.blacklisted


def test_records_are_those_made_step_by_step(records):
    # Another way to the same: one image at a time, the plain module, each step by hand.
    net, dataset = small_net().eval(), pictures(9)
    for example in dataset.examples:
        (found,) = [
            one for one in records if (one.image_id, one.method) == (example.image_id, "grad_cam")
        ]
        warped = dataset.open(example.image_id).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        pixels = np.asarray(warped)[..., ::-1].astype(np.float32) - np.float32(CAFFE.mean)
        features = net[:5](torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy()))
        scores = net[5:](features)
        order = np.argsort(-scores[0].detach().numpy(), kind="stable")[:5]
        assert found.classes.tolist() == order.tolist()
        # Sums of at most 200 products in float32, in another order.
        assert found.scores == pytest.approx(scores[0, order].detach().numpy(), rel=1e-4, abs=1e-4)
        gradient = torch.autograd.grad(scores[0, example.label], features)[0]
        map_ = (gradient.mean((2, 3), keepdim=True) * features).sum(1).relu()[0].detach().numpy()
        box, state = extract_box(map_, example.size, PROTOCOLS["gradcam-iccv17"].box_rule)
        assert found.map_state is state
        assert np.abs(found.box - box).max() <= 1  # a value at the threshold may be rounded away


def test_maps_are_made_for_the_label_not_for_the_best_class(records):
    others = Pictures(
        pictures(9).pictures,
        [replace(example, label=(example.label + 1) % 6) for example in pictures(9).examples],
    )
    again = run(pipeline_of(small_net()), others)
    changed = [a.box.tolist() != b.box.tolist() for a, b in zip(records, again, strict=True)]
    assert sum(changed) > len(changed) / 3
    for one, other in zip(records, again, strict=True):
        assert one.classes.tolist() == other.classes.tolist()


@pytest.mark.parametrize(("batch_size", "threads"), [(1, 1), (7, 2), (50, 4)])
def test_neither_the_batch_size_nor_the_threads_change_a_record(records, batch_size, threads):
    again = run(pipeline_of(small_net()), pictures(9), batch_size, threads)
    for one, other in zip(records, again, strict=True):
        assert (one.image_id, one.method) == (other.image_id, other.method)
        assert one.classes.tolist() == other.classes.tolist()
        assert one.map_state is other.map_state
        # Another batch adds in another order, so a value at the threshold can pass or not.
        assert np.abs(one.box - other.box).max() <= 1
        # Sums of at most 200 products in float32; see above.
        assert one.scores == pytest.approx(other.scores, rel=1e-4, abs=1e-4)


def test_a_run_made_again_gives_the_same_records_value_for_value(records):
    again = run(pipeline_of(small_net()), pictures(9))
    assert list(map(plain, again)) == list(map(plain, records))


def test_the_blacklist_counts_in_the_official_order_of_images():
    pipeline = pipeline_of(small_net(), specs=["center"], blacklist=frozenset({101, 3}))
    found = {record.index: record.blacklisted for record in run(pipeline, pictures(4))}
    assert found == {100: False, 101: True, 102: False, 103: False}


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_every_protocol_runs_to_records(protocol):
    found = run(pipeline_of(small_net(), protocol=protocol), pictures(3))
    for record in found:
        assert len(record.classes) == min(protocol.topk, 6)
        assert (np.diff(record.scores) <= 0).all()
        x0, y0, x1, y1 = record.box
        assert 0 <= x0 < x1 <= record.width
        assert 0 <= y0 < y1 <= record.height


def at_pixels(method: MapMethod) -> BoundMethod:
    return BoundMethod(method.name, method.title, method, layer=PIXELS)


def constant(value: float) -> MapMethod:
    """A method that gives the same value in every cell."""

    def maps(forward, layer, classes) -> Tensor:
        return torch.full_like(forward.gradient(layer, classes)[:, 0], value)

    return replace(METHODS["backprop"], name="constant", maps=maps)


@pytest.mark.parametrize(
    ("value", "state"), [(0.0, MapState.ZERO), (2.0, MapState.CONSTANT), (-1.0, MapState.CONSTANT)]
)
def test_a_degenerate_map_is_counted_and_has_the_whole_image_as_its_box(value, state):
    pipeline = pipeline_of(small_net(), methods=(at_pixels(constant(value)),))
    for record in run(pipeline, pictures(3)):
        assert record.map_state is state
        assert record.box.tolist() == [0, 0, record.width, record.height]


# What goes wrong


def test_weights_that_are_nan_are_an_error_that_names_the_first_image():
    net = small_net()
    net[7].weight.data[2, 3] = float("nan")
    with pytest.raises(RunError, match=r"picture09: the network's scores hold NaN"):
        run(pipeline_of(net), pictures(9))


def test_scores_that_overflow_are_an_error_too():
    net = small_net()
    net[7].bias.data[1] = float("inf")
    with pytest.raises(RunError, match=r"picture09: .*infinite"):
        run(pipeline_of(net, methods=()), pictures(9))


def test_a_map_that_is_nan_is_an_error_that_names_the_image_and_the_method():
    def maps(forward, layer, classes) -> Tensor:
        found = forward.gradient(layer, classes)[:, 0].clone()
        found[classes == 2, 3, 3] = float("nan")  # the third image's label
        return found

    broken = replace(METHODS["backprop"], name="broken", maps=maps)
    with pytest.raises(RunError, match=r"picture07, broken: the map holds NaN"):
        run(pipeline_of(small_net(), methods=(at_pixels(broken),)), pictures(9))


@pytest.mark.parametrize("missing", ["picture09", "picture05", "picture01"])
def test_an_image_that_cannot_be_opened_ends_the_run_and_is_named(missing):
    dataset = pictures(9)
    del dataset.pictures[missing]
    with pytest.raises(DataError, match=missing):
        run(pipeline_of(small_net()), dataset)


def test_no_examples_make_no_records():
    assert run(pipeline_of(small_net()), Pictures({}, ())) == []


def tf32_flags() -> tuple[bool, bool]:
    return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32


@pytest.fixture
def rounding_allowed() -> Iterator[None]:
    before = tf32_flags()
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


@pytest.mark.usefixtures("rounding_allowed")
def test_float32_is_exact_inside_and_as_it_was_afterwards():
    inside = []

    def fail() -> None:
        with exact_float32():
            inside.append(tf32_flags())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert inside == [(False, False)]
    assert tf32_flags() == (True, True)


# Images that cannot be read


class WithHoles(Pictures):
    def open(self, image_id: str) -> Image.Image:
        if image_id not in self.pictures:
            raise UnreadableImage(f"{image_id}: cut short")
        return self.pictures[image_id]


def with_holes(count: int, *missing: str) -> WithHoles:
    whole = pictures(count)
    kept = {name: one for name, one in whole.pictures.items() if name not in missing}
    return WithHoles(kept, whole.examples)


def test_an_unreadable_image_is_recorded_as_wrong_and_the_others_as_ever(records):
    missing = ("picture09", "picture04")
    found = run(pipeline_of(small_net()), with_holes(9, *missing))
    assert len(found) == len(records)
    for record, whole in zip(found, records, strict=True):
        if record.image_id not in missing:
            assert plain(record) == plain(whole)
            continue
        assert record.map_state is MapState.UNREADABLE
        assert (record.method, record.label) == (whole.method, whole.label)
        assert record.label not in record.classes
        assert record.iou == 0
        assert len(record.classes) == len(whole.classes)
        assert record.box.tolist() == [0, 0, 0, 0]
        assert np.array_equal(record.true_boxes, whole.true_boxes)


def test_a_run_of_unreadable_images_alone_has_records_and_maps():
    names = [example.image_id for example in pictures(3).examples]
    pipeline = pipeline_of(small_net(), keep_maps=True, class_boxes=True)
    dataset = with_holes(3, *names)
    (made,) = records_of(pipeline, dataset, [dataset.examples], threads=2)
    assert {record.map_state for record in made.records} == {MapState.UNREADABLE}
    assert {len(maps) for maps in made.maps.values()} == {3}


# Memory that does not hold a batch


class Cramped:
    """A network on a device that holds so many images."""

    outputs = None

    def __init__(self, network: Network, images: int) -> None:
        self.network, self.images, self.batches = network, images, []
        self.precision = network.precision

    def forward(self, inputs: Tensor, requests: Requests, seeds=()):
        self.batches.append(len(inputs))
        if len(inputs) > self.images:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return self.network.forward(inputs, requests, seeds)


@pytest.mark.parametrize("keep_maps", [False, True])
def test_out_of_memory_halves_the_batch_and_says_so_once(records, keep_maps):
    plenty = pipeline_of(small_net(), keep_maps=keep_maps)
    cramped = Cramped(plenty.network, images=2)
    pipeline = replace(plenty, network=cramped)
    dataset, said = pictures(9), []
    batches = [dataset.examples[:5], dataset.examples[5:]]
    made = list(records_of(pipeline, dataset, batches, 2, said.append))
    expected = list(records_of(plenty, dataset, batches, 2))
    for one, other in zip(made, expected, strict=True):
        for record, whole in zip(one.records, other.records, strict=True):
            assert (record.image_id, record.method) == (whole.image_id, whole.method)
            np.testing.assert_allclose(record.scores, whole.scores, rtol=1e-4)
            np.testing.assert_allclose(record.box, whole.box, atol=1)
        assert one.maps.keys() == other.maps.keys()
        for name in other.maps:
            np.testing.assert_allclose(one.maps[name], other.maps[name], atol=2e-3)
    assert cramped.batches == [5, 3, 2, 1, 2, 2, 2]
    assert len(said) == 1
    assert "5 images" in said[0]
    assert "--batch-size" in said[0]


def test_memory_that_does_not_hold_one_image_is_an_error_of_the_run():
    pipeline = pipeline_of(small_net())
    pipeline = replace(pipeline, network=Cramped(pipeline.network, images=0))
    dataset = pictures(3)
    with pytest.raises(RunError, match="out of memory on a single image"):
        list(records_of(pipeline, dataset, [dataset.examples], 2, lambda _: None))


def test_another_error_of_the_network_is_not_taken_for_memory():
    class Broken(Cramped):
        def forward(self, inputs: Tensor, requests: Requests, seeds=()):
            raise RuntimeError("expected scalar type Float but found Double")

    pipeline = pipeline_of(small_net())
    pipeline = replace(pipeline, network=Broken(pipeline.network, images=9))
    dataset = pictures(3)
    with pytest.raises(RuntimeError, match="scalar type"):
        list(records_of(pipeline, dataset, [dataset.examples], 2))


# Batches, memory, precision


def test_batches_are_taken_as_they_are_needed():
    dataset, taken = pictures(9), []

    def batches() -> Iterator[Sequence[Example]]:
        for number, example in enumerate(dataset.examples):
            taken.append(number)
            yield [example]

    made = records_of(pipeline_of(small_net()), dataset, batches(), threads=2)
    next(made)
    assert len(taken) < 6
    assert len(list(made)) == 8


def test_garbage_is_collected_as_usual_from_the_first_batch_on():
    usual = gc.get_threshold()
    collect_garbage_seldom()
    try:
        assert gc.get_threshold() != usual
        dataset = pictures(1)
        list(records_of(pipeline_of(small_net()), dataset, [dataset.examples], threads=1))
        assert gc.get_threshold() == usual
    finally:
        gc.set_threshold(*usual)


def test_rows_are_normalised_by_the_formula():
    tensors = torch.randint(0, 256, (2, 5, 7, 3), dtype=torch.uint8)
    for preprocessing in (CAFFE, TORCHVISION):
        values = tensors.double().flip(3) if preprocessing.order == "bgr" else tensors.double()
        mean, std = (torch.tensor(each) for each in (preprocessing.mean, preprocessing.std))
        expected = ((values * preprocessing.scale - mean) / std).permute(0, 3, 1, 2)
        made = normalise(
            tensors.permute(0, 2, 1, 3).contiguous().permute(0, 2, 1, 3), preprocessing
        )
        assert torch.allclose(made.double(), expected, atol=1e-4)
        assert made.is_contiguous(memory_format=torch.channels_last)


def test_thresholds_of_garbage_collection_that_a_host_set_stay():
    usual = gc.get_threshold()
    gc.set_threshold(50_000, 30, 30)
    try:
        dataset = pictures(1)
        list(records_of(pipeline_of(small_net()), dataset, [dataset.examples], threads=1))
        assert gc.get_threshold()[0] == 50_000
    finally:
        gc.set_threshold(*usual)


def test_half_precision_moves_the_scores_a_little_and_excitation_is_in_float32():
    exact, half = (Network(small_net(), "7", PRECISIONS[name]) for name in ("fp32", "bf16"))
    requests = Requests(
        features=frozenset({"4"}),
        gradients=frozenset({"4", PIXELS}),
        excitations=frozenset({("2", True)}),
    )
    inputs, classes = torch.randn(5, 3, SIDE, SIDE), torch.arange(5)
    answers = []
    for network in (exact, half):
        forward = network.forward(inputs, requests)
        answers.append(
            [
                forward.scores,
                forward.features("4"),
                forward.gradient("4", classes),
                forward.gradient(PIXELS, classes),
                forward.excitation("2", classes, contrastive=True),
            ]
        )
    for one, other in zip(*answers, strict=True):
        assert one.dtype == other.dtype == torch.float32
        assert not torch.equal(one, other)
    torch.testing.assert_close(answers[0][0], answers[1][0], rtol=0.05, atol=0.05)
    assert answers[1][4].sum().abs() < 1e-5  # contrast sums to 0 in float32
