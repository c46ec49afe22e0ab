"""A network's outputs in a dataset's order: scores, gradients and what is refused."""

import pytest
import torch
from torch import nn

from wsol_bench.errors import DataError, WeightsError
from wsol_bench.networks.forward import PIXELS, Network, Requests
from wsol_bench.networks.outputs import LOWEST, Outputs, check_output_count, map_classes, read_table

IDS = ("a", "b", "c")


def network(outputs: Outputs | None) -> Network:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    opened = Network(net, "1")
    opened.outputs = outputs
    return opened


@pytest.mark.parametrize(
    ("among", "order"), [("all", (3, -1, 0, 1, 2, 4)), ("dataset", (3, -1, 0))]
)
def test_scores_come_in_the_datasets_order_and_then_the_rest(among, order):
    outputs = map_classes({"c": 0, "a": 3, "z": 1}, IDS, 5, among)
    assert outputs.order == order
    images, requests = torch.randn(2, 3, 2, 2), Requests(gradients=frozenset({PIXELS}))
    own = network(None).forward(images, requests)
    mapped = network(outputs).forward(images, requests)
    for column, output in enumerate(order):
        expected = torch.full((2,), LOWEST) if output < 0 else own.scores[:, output]
        assert torch.equal(mapped.scores[:, column], expected)
    # The gradient of a class is that of its output; a class without one has none.
    found = mapped.gradient(PIXELS, torch.tensor([0, 1]))
    assert torch.equal(found[0], own.gradient(PIXELS, torch.tensor([3, 0]))[0])
    assert not found[1].any()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"x": 1}, "none of the dataset's classes is in the file: the dataset has a, b"),
        ({"a": 5}, "a: output 5; the network has 5 outputs, 0 to 4"),
        ({"a": -1}, "a: output -1"),
        ({"a": 2, "b": 2}, "one output stands for several classes"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(table, message):
    with pytest.raises(DataError, match=message):
        map_classes(table, IDS, 5)


@pytest.mark.parametrize("text", ['{"a": 3, "c": 0}', "class_id,output\na,3\nc, 0\n", "a,3\nc,0"])
def test_a_table_is_json_or_lines(tmp_path, text):
    path = tmp_path / "classes"
    path.write_text(text)
    assert read_table(path) == {"a": 3, "c": 0}


@pytest.mark.parametrize("text", ["", "{}", "a\nb", '{"a": "x"}', "[1]"])
def test_a_file_that_is_no_table_is_refused(tmp_path, text):
    path = tmp_path / "classes"
    path.write_text(text)
    with pytest.raises(DataError, match="--classes"):
        read_table(path)


def test_a_background_output_is_refused_with_the_remedy():
    check_output_count(1000, 1000, "net.pth")
    with pytest.raises(WeightsError, match=r"1,001 outputs.*background.*--classes FILE"):
        check_output_count(1001, 1000, "net.pth")
    with pytest.raises(WeightsError, match=r"965 outputs, the dataset 50 classes; --classes FILE"):
        check_output_count(965, 50, "net.pth")
