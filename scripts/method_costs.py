"""The cost of methods on any network, in its forward passes, beside pytorch-grad-cam's.

    python scripts/method_costs.py --arch torchvision:resnet50 --hooked --methods grad_cam
    python scripts/method_costs.py --arch timm:vit_tiny_patch16_224 --weights none --against \
        --methods grad_cam,grad_cam_pp,score_cam,attention_rollout

Every task runs from a batch to a box per image, interleaved with the forward pass. `--against`
times pytorch-grad-cam's class of the same method in a batch on the same module, and states how far
its maps are from ours, each scaled to 0..1. In Grad-CAM++ it adds 1e-6 to a denominator, which
matters where gradients are small; in Score-CAM it weights by a softmax over channels of scores,
enlarges masks with aligned corners, and clips at 0 before it enlarges the map. It has no rollout;
there the product of the same matrices in plain torch, from the blocks of timm, is the other side.
"""

import argparse
import contextlib
import io
import json
import sys
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wsol_bench.bench.methods import draw
from wsol_bench.bench.peers import Maps, difference
from wsol_bench.bench.timing import interleaved
from wsol_bench.methods.bound import BoundMethod
from wsol_bench.methods.catalog import find_methods
from wsol_bench.networks.cells import Cells, to_maps
from wsol_bench.networks.determinism import fix_order_of_sums
from wsol_bench.networks.forward import Network, Requests
from wsol_bench.networks.numbers import normalise
from wsol_bench.networks.opening import open_network
from wsol_bench.protocols.views import warp
from wsol_bench.runs.prepare import prepare
from wsol_bench.runs.source import open_source
from wsol_bench.runtime.machine import machine, versions
from wsol_bench.settings import RunSettings, names_in

PEERS = {
    "grad_cam": "GradCAM",
    "grad_cam_pp": "GradCAMPlusPlus",
    "hires_cam": "HiResCAM",
    "layer_cam": "LayerCAM",
    "xgrad_cam": "XGradCAM",
    "score_cam": "ScoreCAM",
    "ablation_cam": "AblationCAM",
}
"""Method -> pytorch-grad-cam's class."""


def peer_maps(
    name: str, module: nn.Module, layer: str, cells: Cells | None, images: Tensor, labels: Tensor
) -> Maps:
    """The maps of pytorch-grad-cam at the layer's resolution."""
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    laid_out = None if cells is None else partial(to_maps, cells=cells)
    method = getattr(pytorch_grad_cam, PEERS[name])
    with (
        contextlib.redirect_stderr(io.StringIO()),  # of its progress bar
        method(module, [module.get_submodule(layer)], reshape_transform=laid_out) as cam,
    ):
        cam.batch_size = 32
        if name != "score_cam":  # ours has the input's size there
            cam.get_target_width_height = lambda inputs: None
        maps: Maps = cam(images, [ClassifierOutputTarget(each) for each in labels.tolist()])
    return maps


def rollout(module: Any, images: Tensor, prefix: int, grid: tuple[int, int]) -> Tensor:
    """Attention rollout in plain torch, from the attention that timm's blocks compute unfused."""
    seen: list[Tensor] = []
    handles = []
    for block in module.blocks:
        block.attn.fused_attn = False
        keep = lambda _, inputs, __: seen.append(inputs[0])  # noqa: E731
        handles.append(block.attn.attn_drop.register_forward_hook(keep))
    try:
        with torch.no_grad():
            module(images)
    finally:
        for handle in handles:
            handle.remove()
    product = torch.eye(seen[0].shape[-1])
    for each in seen:
        mixed = each.mean(1) + torch.eye(each.shape[-1])
        product = (mixed / mixed.sum(2, keepdim=True)) @ product
    return product[:, 0, prefix:].reshape(-1, *grid)


def other_side(
    bound: BoundMethod, network: Network, module: nn.Module, images: Tensor, labels: Tensor
) -> Callable[[], Maps] | None:
    """The task that the other library does, where it has one."""
    if bound.method.name == "attention_rollout" and network.tokens is not None:
        tokens = network.tokens
        return lambda: rollout(module, images, tokens.prefix, (tokens.rows, tokens.columns))
    if bound.method.name not in PEERS:
        return None
    layer = str(bound.layer)
    cells = network.cells.get(layer)
    return lambda: peer_maps(bound.method.name, module, layer, cells, images, labels)


def measured(settings: RunSettings, asked: argparse.Namespace) -> dict[str, Any]:
    """The costs and differences of the methods, as `--json` prints them."""
    pipeline = prepare(settings, open_source(settings, quiet=True)).pipeline
    dataset = open_source(settings, quiet=True).dataset
    assert pipeline.network is not None
    assert pipeline.preprocessing is not None
    side = pipeline.preprocessing.size
    network = pipeline.network
    module = deepcopy(network.module())
    opened = open_network(module, (side, side), hooked=asked.hooked)
    network, roles = opened.network, opened.roles
    network.way.to(torch.device("cpu"))
    pixels = [warp(dataset.open(each.image_id), side)[0] for each in dataset.examples]
    images = normalise(torch.from_numpy(np.stack(pixels)), pipeline.preprocessing)
    labels = torch.tensor([each.label for each in dataset.examples])
    plain = deepcopy(module).requires_grad_(True)
    tasks: dict[str, Callable[[], object]] = {}
    makers: dict[str, tuple[Callable[[], Maps], Callable[[], Maps]]] = {}
    for row in find_methods(names_in(asked.methods)):
        bound = row.to(network, roles, side)

        def ours(bound: BoundMethod = bound) -> Maps:
            return bound.maps(network.forward(images, bound.requests()), labels)

        tasks[row.name] = lambda ours=ours: draw(ours())  # type: ignore[misc]
        theirs = other_side(bound, network, plain, images.contiguous(), labels)
        if asked.against and theirs is not None:
            other = "plain torch" if row.method.name == "attention_rollout" else "pytorch-grad-cam"
            tasks[f"{row.name}, {other}"] = lambda theirs=theirs: draw(theirs())  # type: ignore[misc]
            makers[row.name] = ours, theirs
    times = interleaved(
        tasks, lambda: network.forward(images, Requests()).scores, asked.rounds, torch.device("cpu")
    )
    ratios = {name: times.ratio(name) for name in tasks}
    return {
        "arch": asked.arch,
        "opening": network.opening,
        "batch": len(images),
        "rounds": asked.rounds,
        "forward_seconds": times.unit().median,
        "costs": {
            name: {"forwards": each.median, "spread": each.ends} for name, each in ratios.items()
        },
        "differences": {name: difference(a(), b()) for name, (a, b) in makers.items()},
        "machine": machine(torch.device("cpu")),
        "versions": versions(),
    }


def main() -> int:
    """Prints the cost of each method of one network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default="timm:vit_tiny_patch16_224")
    parser.add_argument("--weights", default="none")
    parser.add_argument("--data", default="demo")
    parser.add_argument("--methods", default="grad_cam")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hooked", action="store_true", help="do not trace the network")
    parser.add_argument("--against", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    fix_order_of_sums()
    settings = RunSettings(
        arch=asked.arch,
        weights=asked.weights,
        data=asked.data,
        methods=("center",),
        limit=asked.batch_size,
        batch_size=asked.batch_size,
        device="cpu",
        allow_missing=True,
    )
    found = measured(settings, asked)
    if asked.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"{asked.arch}, {found['opening']}, batch {asked.batch_size}: ", end="")
    print(f"forward {1e3 * found['forward_seconds']:.0f} ms")
    for name, each in found["costs"].items():
        print(f"{name}: {each['forwards']:.3f} forwards ({each['spread']})")
    for name, value in found["differences"].items():
        print(f"{name}: largest difference of the other maps {value:.1e} of their range")
    return 0


if __name__ == "__main__":
    sys.exit(main())
