"""The switch for operations that repeat themselves to the bit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from wsol_bench.errors import RunError
from wsol_bench.networks.determinism import repeatable

CPU_FACTS = Path("/proc/cpuinfo" if sys.platform == "linux" else os.devnull)


def state() -> tuple[bool, ...]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.backends.cudnn.deterministic,
        torch.backends.cudnn.benchmark,
        torch.utils.deterministic.fill_uninitialized_memory,
    )


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")


def test_torch_is_told_inside_and_left_as_it_was_outside():
    before = state()
    with repeatable(True):
        assert state() == (True, False, True, False, False)
    assert state() == before


def test_it_is_left_as_it_was_after_an_error_too():
    before = state()
    with pytest.raises(KeyError), repeatable(True):
        raise KeyError
    assert state() == before


def test_not_wanted_it_changes_nothing():
    before = state()
    with repeatable(False):
        assert state() == before


def test_an_operation_without_such_a_form_is_one_message_that_names_the_flag():
    values, places = torch.zeros(3), torch.tensor([0, 0])
    values.put_(places, torch.ones(2))  # fine outside
    told = r"--deterministic: put_ .* Leave the flag out"
    with pytest.raises(RunError, match=told), repeatable(True):
        values.put_(places, torch.ones(2))


def test_other_errors_of_torchs_pass_as_they_are():
    with pytest.raises(RuntimeError, match="size") as raised, repeatable(True):
        torch.zeros(2) + torch.zeros(3)
    assert not isinstance(raised.value, RunError)


def test_a_wide_product_has_the_same_bits_for_any_number_of_threads_and_rows():
    if not torch.backends.mkl.is_available() or "GenuineIntel" not in CPU_FACTS.read_text():
        pytest.skip("MKL promises this on Intel's processors")
    code = (
        "import torch\n"
        "from wsol_bench.networks.determinism import fix_order_of_sums\n"
        "fix_order_of_sums()\n"
        "torch.manual_seed(0)\n"
        "x, w = torch.randn(32, 4096), torch.randn(512, 4096)\n"
        "made = []\n"
        "for threads in (2, 1):\n"
        "    torch.set_num_threads(threads)\n"
        "    made += [x @ w.T, torch.cat([x[:17] @ w.T, x[17:] @ w.T])]\n"
        "print([torch.equal(made[0], each) for each in made])"
    )
    environment = {n: value for n, value in os.environ.items() if n != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout == "[True, True, True, True]\n"
