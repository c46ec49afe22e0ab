"""Methods of the user's own, from a file and from Python."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import wsol_bench
from wsol_bench.errors import UsageError
from wsol_bench.methods.catalog import METHODS, find_methods
from wsol_bench.methods.own import from_function
from wsol_bench.networks.forward import Network, Requests

FILE = '''
import torch

def product(forward, layer, classes, *, power: float = 1.0):
    """Features times gradients.

    Args:
        power: of the product.
    """
    product = forward.features(layer) * forward.gradient(layer, classes)
    return product.sum(dim=1).relu() ** power

def by_name(forward, classes):
    return forward.features("1").sum(dim=1)

def occluded(module, images, classes):
    scores = module(images.requires_grad_()).gather(1, classes[:, None]).sum()
    return torch.autograd.grad(scores, images)[0].abs().amax(dim=1).numpy()

def wrong_form(images):
    return images

def wrong_shape(forward, classes):
    return forward.scores

def fails(forward, classes):
    return 1 / 0

def curious(forward, classes):
    if len(classes) > 1:  # the trial image is one
        return forward.gradient("1", classes).sum(dim=1)
    return forward.features("1").sum(dim=1)
'''

IMAGES = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 1])


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


def bound(*specs: object, network: Network | None = None):
    network = network or Network(net(), "4")
    return [row.to(network, {"features": "1"}, side=8) for row in find_methods(specs)], network


def maps_of(spec: object, classes=CLASSES) -> torch.Tensor:
    (row,), network = bound(spec)
    return row.maps(network.forward(IMAGES, row.requests()), classes)


def test_a_function_over_a_layer_gives_what_the_built_in_method_gives(own):
    assert torch.equal(maps_of(f"{own}:product"), maps_of("hires_cam"))


def test_its_keyword_only_parameters_are_options_with_a_default_and_a_meaning(own):
    assert torch.equal(maps_of(f"{own}:product:power=2"), maps_of("hires_cam") ** 2)
    (row,) = find_methods([f"{own}:product:power=2"])
    assert row.name == "mine.py:product:power=2"
    power = row.method.options[-1]
    assert (power.name, power.kind, power.default) == ("power", float, 1.0)
    assert power.text == "of the product."
    with pytest.raises(UsageError, match=r"unknown option 'powre'\. Did you mean power"):
        find_methods([f"{own}:product:powre=2"])


def test_what_it_requests_is_found_by_a_trial_pass(own):
    (product, by_name), _ = bound(f"{own}:product", f"{own}:by_name")
    layers = frozenset({"1"})
    assert product.requests() == Requests(features=layers, gradients=layers)
    assert by_name.requests() == Requests(features=layers)


def test_what_its_trial_pass_did_not_read_is_read_all_the_same(own):
    expected = Network(net(), "4").forward(IMAGES, Requests(gradients=frozenset({"1"})))
    assert torch.equal(maps_of(f"{own}:curious"), expected.gradient("1", CLASSES).sum(dim=1))


def test_a_function_of_module_and_images_gives_what_backprop_gives(own):
    found = maps_of(f"{own}:occluded")
    assert torch.allclose(found, maps_of("backprop:sigma=0"), rtol=1e-5, atol=1e-8)
    assert found.dtype == torch.float32
    (row,), network = bound(f"{own}:occluded")
    row.maps(network.forward(IMAGES, row.requests()), CLASSES)
    assert not any(each.requires_grad for each in network.module().parameters())


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("wrong_form", r"wrong_form: expected a function of \(forward, classes\) or .*\(images\)"),
        ("wrong_shape", r"wrong_shape: returned a shape of \(1, 2\) for 1 images"),
        ("fails", r"fails: fails \(ZeroDivisionError: division by zero\)"),
        ("absent", r"has no function 'absent'; it has \["),
    ],
)
def test_a_function_that_is_no_method_is_a_usage_error_that_names_it(own, function, message):
    with pytest.raises(UsageError, match=message):
        bound(f"{own}:{function}")


def test_an_unknown_method_says_how_to_bring_ones_own():
    with pytest.raises(UsageError, match=r"Did you mean grad_cam.*Your own: FILE\.py:FUNCTION"):
        find_methods(["grad_cma"])


def test_a_function_from_python_is_known_by_its_source_and_state():
    def make(factor: float):
        def scaled(forward, layer, classes):
            return factor * forward.features(layer).sum(dim=1)

        return scaled

    first, same, other = (from_function(make(factor)).code for factor in (2, 2, 3))
    assert first == same != other
    assert first["name"].endswith("test_own.scaled")


def test_a_function_without_source_is_never_the_same():
    space: dict = {}
    exec("def made(forward, classes): return forward.features('1').sum(dim=1)", space)
    assert from_function(space["made"]).code != from_function(space["made"]).code


def test_an_object_that_is_no_method_is_a_usage_error():
    with pytest.raises(UsageError, match="expected a spec, a function or a method"):
        find_methods([3])


# In runs


def strongest(forward, layer, classes):
    """The strongest feature of each cell."""
    return forward.features(layer).amax(dim=1)


def settings(**options) -> dict:
    return {"arch": "alexnet", "data": "demo", "limit": 3, "device": "cpu", **options}


def test_python_functions_are_refused_for_workers_before_anything_opens():
    with pytest.raises(UsageError, match=r"strongest.*give methods=\['FILE\.py:FUNCTION'\]"):
        wsol_bench.run(**settings(methods=[strongest], workers=2, data="no/such/folder"))


def test_a_function_from_python_runs_beside_a_spec_and_an_unbound_method():
    result = wsol_bench.run(**settings(methods=[strongest, "center", METHODS["eigen_cam"]]))
    assert [row.method for row in result.rows] == ["strongest", "center", "eigen_cam"]


@pytest.mark.slow
def test_a_run_names_the_code_and_two_workers_make_the_same_records(tmp_path, own):
    command = [sys.executable, "-m", "wsol_bench", "run", "--arch=alexnet", "--data=demo"]
    command += ["--limit=3", "--device=cpu", f"--methods={own}:product,{own}:occluded", "-q"]
    rows = []
    for workers in (1, 2):
        out = tmp_path / f"run{workers}"
        finished = subprocess.run(
            [*command, "--json", f"--workers={workers}", f"--out={out}"],
            capture_output=True,
            text=True,
        )
        assert finished.returncode == 0, finished.stderr
        rows.append(json.loads(finished.stdout)["rows"])
        (manifest,) = out.rglob("run.json")
        sources = [row["source"] for row in json.loads(manifest.read_text())["rows"]]
        assert [source["path"] for source in sources] == [str(own)] * 2
        assert all(len(source["sha256"]) == 64 for source in sources)
    assert rows[0] == rows[1]
