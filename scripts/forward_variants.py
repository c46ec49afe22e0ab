"""Other forms of the forward pass, tried and timed: memory layout, torch.compile, CUDA graphs.

    python scripts/forward_variants.py --arch torchvision:resnet50 --device cuda --batch-size 32

Each is given relative to the network as built, with the largest difference of its scores; one
that cannot run says why.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from wsol_bench.bench.timing import interleaved
from wsol_bench.networks.archs.catalog import open_arch
from wsol_bench.networks.numbers import exact_float32
from wsol_bench.networks.weights.load import load_weights
from wsol_bench.runs.checks import find_device

CLASSES = 1000
_WARM_UP = 3
"""Passes before a CUDA graph is captured, as torch asks for."""

Pass = Callable[[], Tensor]
Variant = Callable[[nn.Module, Tensor], Pass]


def as_built(module: nn.Module, inputs: Tensor) -> Pass:
    """The module in torch's default memory layout."""
    return lambda: module(inputs)


def channels_last(module: nn.Module, inputs: Tensor) -> Pass:
    """Channels innermost, which is how our pipeline runs networks."""
    module = module.to(memory_format=torch.channels_last)
    return as_built(module, inputs.contiguous(memory_format=torch.channels_last))


def compiled(module: nn.Module, inputs: Tensor) -> Pass:
    """torch.compile with its default mode."""
    return as_built(torch.compile(module), inputs)


def compiled_channels_last(module: nn.Module, inputs: Tensor) -> Pass:
    """Both."""
    module = module.to(memory_format=torch.channels_last)
    return compiled(module, inputs.contiguous(memory_format=torch.channels_last))


def cuda_graph(module: nn.Module, inputs: Tensor) -> Pass:
    """The pass captured once and replayed."""
    if inputs.device.type != "cuda":
        raise RuntimeError("needs a CUDA device")
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP):
            module(inputs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        scores = module(inputs)

    def replay() -> Tensor:
        graph.replay()
        return scores

    return replay


VARIANTS: Mapping[str, Variant] = {
    "channels_last": channels_last,
    "torch.compile": compiled,
    "torch.compile, channels_last": compiled_channels_last,
    "CUDA graph": cuda_graph,
}


def variant_lines(
    archs: Sequence[str], device: torch.device, rounds: int, batch: int = 8
) -> Iterator[str]:
    """A line per network and variant."""
    for arch in archs:
        try:
            with exact_float32(), torch.no_grad():
                yield from _lines_of(arch, device, rounds, batch)
        except Exception as error:  # a library that is not installed must not end the page
            yield f"{arch}: not measured: {_first_line(error)}"


def _lines_of(arch: str, device: torch.device, rounds: int, batch: int) -> Iterator[str]:
    def opened() -> tuple[nn.Module, Tensor]:
        loaded = load_weights(open_arch(arch), "none", CLASSES)
        side = loaded.topology.preprocessing.size
        torch.manual_seed(0)
        inputs = torch.randn(batch, 3, side, side).to(device)
        return loaded.module.to(device), inputs

    plain = as_built(*opened())
    expected = plain().clone()
    for name, make in VARIANTS.items():
        try:
            run = make(*opened())
            apart = float((run() - expected).abs().max() / expected.abs().max())
            times = interleaved({name: run}, plain, rounds, device)
        except Exception as error:  # whatever torch raises, the variant cannot run here
            yield f"{arch}, batch {batch}, {name}: cannot run: {_first_line(error)}"
            continue
        ratio = times.ratio(name)
        yield (
            f"{arch}, batch {batch}, {name}: {ratio.median:.2f} of as built "
            f"({ratio.minimum:.2f}–{ratio.maximum:.2f}), scores apart by {apart:.1e}"
        )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


def main() -> int:
    """Prints the lines of one network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default="vgg16")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    device = find_device(asked.device)
    for line in variant_lines([asked.arch], device, asked.rounds, asked.batch_size):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
