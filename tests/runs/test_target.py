"""--target FILE: the maps of named outputs, on data whose classes the network does not have."""

from pathlib import Path

import pytest

from wsol_bench.analysis.run_images import find_images
from wsol_bench.errors import DataError, UsageError
from wsol_bench.records.opened_run import open_networks
from wsol_bench.records.result import Result
from wsol_bench.runs.evaluate import evaluate
from wsol_bench.settings import RunSettings


@pytest.fixture(scope="module")
def made(small_dataset: Path, small_weights: Path, tmp_path_factory: pytest.TempPathFactory):
    """Runs Grad-CAM under some flags."""

    def run(lines: str, **flags: object) -> tuple[Result, Path]:
        folder = tmp_path_factory.mktemp("target")
        table = folder / "outputs.csv"
        table.write_text(lines)
        settings = RunSettings.of(
            arch="squeezenet1_1",
            weights=str(small_weights),
            data=str(small_dataset),
            methods="grad_cam,center",
            out=folder / "run",
            device="cpu",
            **{flag: table if value is ... else value for flag, value in flags.items()},
        )
        (result,) = evaluate(settings, quiet=True)
        return result, folder / "run"

    return run


ROTATED = "class_id,output\nn01440764,1\nn01443537,2\nn01484850,0\n"


def test_the_maps_are_those_of_the_named_outputs(made):
    _, targets = made(ROTATED, target=...)
    _, classes = made(ROTATED, classes=...)
    one, other = (open_networks(each)[0].of("grad_cam") for each in (targets, classes))
    for name in ("image_id", "label", "x0", "y0", "x1", "y1", "iou"):
        assert one[name].equals(other[name])
    assert other["x0"].to_pylist() != open_networks(targets)[0].of("center")["x0"].to_pylist()


def test_classes_are_not_ranked_and_points_are_measured(made):
    result, run = made(ROTATED, target=...)
    names = [column.name for column in result.columns]
    assert names == ["gt_known_loc", "pointing_game", "energy_pointing_game"]
    assert all(each == [] for each in open_networks(run)[0].of("center")["classes"].to_pylist())
    figures = result.rows[1].figures
    assert figures["pointing_game"].n == 9
    assert "energy_pointing_game" not in figures


def test_several_classes_may_have_one_output_and_the_others_are_left_out(made):
    result, run = made("n01440764,2\nn01443537,2\n", target=...)
    assert result.n == 6
    dataset, reason = find_images(open_networks(run)[0].manifest, None, quiet=True)
    assert not reason
    assert dataset is not None
    assert len(dataset.examples) == 6


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"classes": ...}, "--classes does not go"),
        ({"boxes": "top5"}, "--boxes top5 does not go"),
        ({"scores": "dataset"}, "--scores does not go"),
    ],
)
def test_flags_that_rank_classes_are_refused(made, flags, message):
    with pytest.raises(UsageError, match=message):
        made(ROTATED, target=..., **flags)


def test_an_output_that_the_network_does_not_have_is_named(made):
    with pytest.raises(DataError, match="--target: n01440764: output 3"):
        made("n01440764,3\n", target=...)
