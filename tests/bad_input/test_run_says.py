"""What a run says, and keeps, of images that are not as they were annotated."""

import json
from pathlib import Path

import pytest
import torch
import torchvision

SAID = "Warnings at the end of a run"
BAD_BOX = ("1", "2", "20", "170")


@pytest.fixture(scope="session")
def two_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SqueezeNet with random weights for two classes."""
    path = tmp_path_factory.mktemp("weights") / "two.pth"
    torch.manual_seed(0)
    torch.save(torchvision.models.squeezenet1_1(num_classes=2).state_dict(), path)
    return path


@pytest.fixture
def run_flags(spoiled, two_classes, tmp_path) -> list[str]:
    flags = ["--arch=squeezenet1_1", f"--weights={two_classes}", "--methods=grad_cam,center"]
    return ["run", *flags, f"--data={spoiled.root}", f"--out={tmp_path / 'run'}", "--keep-maps"]


def manifest(tmp_path: Path) -> dict:
    return json.loads((tmp_path / "run" / "run.json").read_text())


def test_a_sound_dataset_is_not_remarked_on(run_flags, command, tmp_path) -> None:
    told = command(*run_flags)
    assert (told.code, "annot" in told.err) == (0, False)
    assert (manifest(tmp_path)["sizes_differ"], manifest(tmp_path)["boxes_outside"]) == (0, 0)


def test_a_size_that_differs_is_said_once_and_counted(
    spoiled, making, run_flags, command, expect_row, tmp_path
) -> None:
    spoiled.xml.write_text(making.annotation(making.an_object(), size=(500, 375)))
    told = command(*run_flags)
    (line,) = (line for line in told.err.splitlines() if "annotation" in line)
    expect_row(SAID, "a size that differs from the annotation", line, told.code)
    assert (manifest(tmp_path)["sizes_differ"], manifest(tmp_path)["boxes_outside"]) == (1, 0)
    assert "annot" not in command(*run_flags, "-q").err


def test_a_box_that_leaves_its_image_is_said_once_and_counted(
    spoiled, making, run_flags, command, expect_row, tmp_path
) -> None:
    spoiled.xml.write_text(making.annotation(making.an_object(BAD_BOX)))
    told = command(*run_flags)
    (line,) = (line for line in told.err.splitlines() if "leaves" in line)
    expect_row(SAID, "a box that leaves its image", line, told.code)
    assert (manifest(tmp_path)["sizes_differ"], manifest(tmp_path)["boxes_outside"]) == (0, 1)


def test_an_unreadable_image_stays_in_sight_whatever_is_printed(
    spoiled, run_flags, command, expect_row, tmp_path
) -> None:
    spoiled.image.write_bytes(b"")
    told = command(*run_flags, "-q", "--allow-unreadable=1")
    assert told.err == ""
    (line,) = (line for line in told.out.splitlines() if "could not be read" in line)
    expect_row(SAID, "an image that cannot be read, admitted", line, told.code)
    for flags in ([], ["--set=iou=0.3"], ["--protocol=maxboxacc"]):
        scored = command("score", tmp_path / "run", *flags)
        assert line in scored.out.splitlines()
        assert json.loads(command("score", tmp_path / "run", *flags, "--json").out)[
            "unreadable"
        ] == ["a"]
    assert manifest(tmp_path)["sizes_differ"] == 0
