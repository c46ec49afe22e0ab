"""`list archs NAME`: layers with their shapes, roles, and which methods apply."""

import json

import pytest

from wsol_bench.cli.main import main

NET = """
from torch import nn

def build(classes):
    return nn.Sequential(
        nn.Conv2d(3, 4, 8, stride=8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, classes),
    )
"""


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    return f"{tmp_path / 'net.py'}:build"


def test_layers_come_with_shapes_cells_and_roles(spec, capsys):
    assert main(["list", "archs", spec, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["opening"] == "traced"
    assert found["roles"]["features"] == "1"
    assert found["layers"][1] == {
        "layer": "1",
        "kind": "ReLU",
        "output": [4, 28, 28],
        "cells": [28, 28],
        "roles": ["features", "excitation", "averaged"],
    }
    assert found["layers"][-1]["output"] == [1000]
    assert found["layers"][-1]["roles"] == ["classifier"]


def test_methods_that_do_not_apply_have_a_reason(spec, capsys):
    assert main(["list", "archs", spec, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["methods"]["cam"] is None
    assert "attention" in found["methods"]["attention_rollout"]


def test_the_text_has_a_line_for_each_layer(spec, capsys):
    assert main(["list", "archs", spec]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "features: 1" in lines
    assert any(line.split()[:5] == ["1", "ReLU", "4x28x28", "28x28", "features,"] for line in lines)
    assert any(line.startswith("attention_rollout: n/a: ") for line in lines)


@pytest.mark.parametrize("what", ["methods", "metrics", "protocols", "datasets"])
def test_every_list_has_a_json_form(what, capsys):
    assert main(["list", what, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) > 1


def test_an_entry_of_a_method_has_a_json_form(capsys):
    assert main(["list", "methods", "grad_cam", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"layer", "sign"} <= {each["option"] for each in found["options"]}
