"""The paper's figures."""

from wsol_bench.methods.catalog import METHODS
from wsol_bench.networks.archs.catalog import ARCHS
from wsol_bench.scoring.published import find_row, table1


def test_the_eight_rows_name_archs_and_methods_of_ours() -> None:
    rows = table1()
    assert len(rows) == 8
    assert all(row.arch in ARCHS and row.method in METHODS for row in rows)


def test_a_figure_stands_only_beside_its_own_protocol() -> None:
    row = find_row("vgg16", "grad_cam", "gradcam-iccv17")
    assert row is not None
    assert row.figures["top1_loc"] == 56.51
    assert find_row("googlenet", "grad_cam", "gradcam-iccv17") is None
    assert find_row("vgg16", "cam", "gradcam-iccv17") is None
