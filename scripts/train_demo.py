"""Trains the demo nets: the topologies of Table 1 at a reduced width.

    python scripts/train_demo.py --arch alexnet --smoke          # a minute, to see it work
    python scripts/train_demo.py --arch all --out demo_weights   # what the package ships

Training images are rendered from other seeds than the validation split. Batch norm
helps to train and is folded away at the end, so what is written is the plain
topology, as half floats. Beside it goes a .json with the settings and the curve.
"""

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from wsol_bench.datasets.demo import CLASSES, DEFAULT_SEED, VERSION, render
from wsol_bench.networks.archs.catalog import ARCHS
from wsol_bench.networks.archs.entry import Preprocessing
from wsol_bench.networks.numbers import normalise
from wsol_bench.protocols.views import warp

STORED = 256
"""Side at which training images are kept; crops are taken from it."""
MIN_CROP = 0.6
"""Minimum side of a training crop, as a share of the image's."""


EPOCHS = {"vgg16": 8, "alexnet": 24, "googlenet": 6, "vgg16_cam": 5, "alexnet_cam": 24}
"""Stopped where the top-1 error on held-out images lies between 5 and 35 per cent, so
that top-1, top-5 and localization differ as they do on ILSVRC. Trained for longer,
VGG-16 and GoogLeNet fall below 5 per cent and the classification columns say nothing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of one training, written beside its weights."""

    arch: str
    images: int
    epochs: int
    peak_rate: float
    held_out: int = 2048
    batch: int = 256
    decay: float = 5e-4
    seed: int = 1


class Normed(nn.Module):
    """A layer with weights and the batch norm that will be folded into it."""

    def __init__(self, layer: nn.Conv2d | nn.Linear) -> None:
        super().__init__()
        self.layer = layer
        wide = isinstance(layer, nn.Conv2d)
        channels = layer.weight.shape[0]
        self.norm = nn.BatchNorm2d(channels) if wide else nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """The layer, then its norm."""
        return self.norm(self.layer(x))

    def folded(self) -> nn.Module:
        """One layer that does both, as in evaluation."""
        fuse = fuse_conv_bn_eval if isinstance(self.layer, nn.Conv2d) else fuse_linear_bn_eval
        return fuse(self.layer.eval(), self.norm.eval())


def with_norms(net: nn.Module, classifier: str) -> nn.Module:
    """Puts a batch norm behind each convolution and hidden linear layer."""
    for name, layer in list(net.named_modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
            if name != classifier:
                net.set_submodule(name, Normed(layer))
    return net


def without_norms(net: nn.Module) -> nn.Module:
    """The plain topology, with each batch norm folded into its layer."""
    for name, module in list(net.named_modules()):
        if isinstance(module, Normed):
            net.set_submodule(name, module.folded())
    return net


def _rendered(job: tuple[int, str, int]) -> tuple[NDArray[np.uint8], int]:
    drawn = render(*job)
    return warp(Image.fromarray(drawn.pixels), STORED)[0], drawn.label


def render_many(seed: int, split: str, count: int, cache: Path) -> tuple[Tensor, Tensor]:
    """(count, 256, 256, 3) uint8 pixels and (count,) labels, kept in `cache`."""
    path = cache / f"{split}-{seed}-{count}-{VERSION}.npz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        jobs = [(seed, split, index) for index in range(1, count + 1)]
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            pairs = list(pool.map(_rendered, jobs, chunksize=64))
        np.savez(path, pixels=np.stack([p for p, _ in pairs]), labels=[label for _, label in pairs])
    stored = np.load(path)
    return torch.from_numpy(stored["pixels"]), torch.from_numpy(stored["labels"]).long()


def augmented(pixels: Tensor, side: int, preprocessing: Preprocessing) -> Tensor:
    """Random crops, mirrored at random, brighter or darker; (n, 3, side, side)."""
    n, device = len(pixels), pixels.device
    values = normalise(pixels, preprocessing)
    scale = MIN_CROP + (1 - MIN_CROP) * torch.rand(n, 2, device=device)
    shift = (2 * torch.rand(n, 2, device=device) - 1) * (1 - scale)
    mirror = torch.where(torch.rand(n, device=device) < 0.5, -1.0, 1.0)
    grid = torch.zeros(n, 2, 3, device=device)
    grid[:, 0, 0], grid[:, 1, 1] = scale[:, 0] * mirror, scale[:, 1]
    grid[:, :, 2] = shift
    sampled = F.grid_sample(
        values,
        F.affine_grid(grid, [n, 3, side, side], align_corners=False),
        padding_mode="reflection",
        align_corners=False,
    )
    contrast = 0.8 + 0.4 * torch.rand(n, 1, 1, 1, device=device)
    brightness = 0.2 * torch.randn(n, 1, 1, 1, device=device)
    return (sampled * contrast + brightness).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def error_of(
    net: nn.Module, pixels: Tensor, labels: Tensor, side: int, pre: Preprocessing
) -> float:
    """Top-1 error in per cent on whole, unaltered images."""
    net.eval()
    wrong = 0
    for start in range(0, len(pixels), 256):
        values = normalise(pixels[start : start + 256].to(labels.device), pre)
        values = F.interpolate(values, size=(side, side), mode="bilinear", antialias=True)
        wrong += int((net(values).argmax(1) != labels[start : start + 256]).sum())
    return 100 * wrong / len(pixels)


def train(
    plan: Plan, cache: Path, device: torch.device
) -> tuple[nn.Module, list[dict[str, float]]]:
    """Trains one net; gives the plain topology and the curve, a point an epoch."""
    torch.manual_seed(plan.seed)
    topology = ARCHS[plan.arch].topologies["demo"]
    pre, side = topology.preprocessing, topology.preprocessing.size
    pixels, labels = render_many(DEFAULT_SEED + plan.seed, "train", plan.images, cache)
    held, held_labels = render_many(DEFAULT_SEED + plan.seed + 1, "train", plan.held_out, cache)
    pixels, labels, held_labels = pixels.to(device), labels.to(device), held_labels.to(device)
    net = with_norms(topology.build(len(CLASSES)), topology.roles["classifier"])
    net = net.to(device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(
        net.parameters(), plan.peak_rate, momentum=0.9, weight_decay=plan.decay, nesterov=True
    )
    steps = plan.epochs * (plan.images // plan.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.peak_rate, total_steps=steps)
    curve = []
    started = time.monotonic()
    for epoch in range(1, plan.epochs + 1):
        net.train()
        losses = []
        order = torch.randperm(plan.images, device=device)[: plan.images // plan.batch * plan.batch]
        for chosen in order.split(plan.batch):
            values = augmented(pixels[chosen], side, pre)
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                scores = net(values)
            loss = F.cross_entropy(scores.float(), labels[chosen])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.detach())
        point = {
            "epoch": epoch,
            "loss": float(torch.stack(losses).mean()),
            "held_out_top1_error": error_of(net, held, held_labels, side, pre),
            "seconds": time.monotonic() - started,
        }
        curve.append(point)
        print(plan.arch, {key: round(value, 3) for key, value in point.items()}, flush=True)
    return without_norms(net.eval()), curve


def save(net: nn.Module, plan: Plan, curve: list[dict[str, float]], out: Path) -> None:
    """Writes ARCH.safetensors in half floats and ARCH.json."""
    out.mkdir(parents=True, exist_ok=True)
    half = {name: value.half().contiguous().cpu() for name, value in net.state_dict().items()}
    save_file(half, out / f"{plan.arch}.safetensors")
    facts = {"plan": asdict(plan), "generator": VERSION, "torch": torch.__version__, "curve": curve}
    (out / f"{plan.arch}.json").write_text(json.dumps(facts, indent=1) + "\n")


def main() -> None:
    """Reads the flags and trains what they name."""
    demo_archs = [name for name, arch in ARCHS.items() if "demo" in arch.topologies]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", choices=[*demo_archs, "all"], required=True)
    parser.add_argument("--out", type=Path, default=Path("demo_weights"))
    parser.add_argument("--cache", type=Path, default=Path("demo_training_images"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--images", type=int, default=32768)
    parser.add_argument("--epochs", type=int, help="the table's, where not given")
    parser.add_argument("--rate", type=float, default=0.2)
    parser.add_argument("--smoke", action="store_true", help="512 images, two epochs")
    flags = parser.parse_args()
    for arch in demo_archs if flags.arch == "all" else [flags.arch]:
        epochs = flags.epochs or EPOCHS[arch]
        plan = Plan(arch, images=flags.images, epochs=epochs, peak_rate=flags.rate)
        if flags.smoke:
            plan = Plan(arch, images=512, held_out=128, epochs=2, batch=32, peak_rate=0.02)
        net, curve = train(plan, flags.cache, torch.device(flags.device))
        save(net, plan, curve, flags.out)


if __name__ == "__main__":
    main()
