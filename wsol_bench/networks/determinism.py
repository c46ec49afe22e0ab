"""The same bits from the same network on the same machine, each time.

Some operations of torch add numbers up in the order in which a GPU's threads finish, and
cuDNN may time several algorithms for a convolution and use the fastest. Either changes
the last digits of a map, and occasionally a box by a pixel. No operation that is used
here does so on a CPU; there the switch ensures that none is added unnoticed.

How many threads or images share a product of matrices is another matter: Intel's library
adds up in another order for each, unless this is set before its first product.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from wsol_bench.errors import RunError

_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_FIXED_WORKSPACE = ":4096:8"
"""One of the two settings under which cuBLAS is deterministic, by NVIDIA's documentation."""
_ORDER = "MKL_CBWR"
_ONE_ORDER = "AUTO,STRICT"
"""Intel's "strict conditional numerical reproducibility"."""
_REFUSAL = "deterministic"
"""Stands in the message of every error that torch raises for such an operation."""


def fix_order_of_sums() -> None:
    """Makes MKL add up in one order for any number of threads and rows; it costs nothing here.

    It must come before the process's first product of matrices. MKL promises it on Intel's
    processors; builds of torch without MKL ignore it. A setting of the user's own stays.
    """
    os.environ.setdefault(_ORDER, _ONE_ORDER)


@contextmanager
def repeatable(wanted: bool) -> Iterator[None]:
    """Makes torch use only operations that give the same bits each time, while inside.

    Args:
        wanted: False leaves torch as it is.

    Raises:
        RunError: an operation has no such form on this device.
    """
    if not wanted:
        yield
        return
    cudnn = torch.backends.cudnn
    filling: Any = torch.utils.deterministic  # its one switch is made when it is imported
    mode = torch.get_deterministic_debug_mode()
    before = cudnn.deterministic, cudnn.benchmark, filling.fill_uninitialized_memory
    os.environ.setdefault(_WORKSPACE, _FIXED_WORKSPACE)  # read when cuBLAS first starts
    # use_deterministic_algorithms would import torch's compiler too, over a second at start-up.
    torch.set_deterministic_debug_mode("error")
    cudnn.deterministic, cudnn.benchmark = True, False
    filling.fill_uninitialized_memory = False  # all tensors made here are filled anyway
    try:
        yield
    except RuntimeError as error:
        if _REFUSAL not in str(error):
            raise
        raise RunError(
            f"--deterministic: {str(error).splitlines()[0]} Leave the flag out, or use "
            "--device cpu."
        ) from error
    finally:
        torch.set_deterministic_debug_mode(mode)
        cudnn.deterministic, cudnn.benchmark, filling.fill_uninitialized_memory = before
