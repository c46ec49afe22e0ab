"""What several tests share: the real data, where there is any, and a small dataset."""

import os
from pathlib import Path

# Before torch is imported: the suite runs in two processes, and torch's threads would
# only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from PIL import Image

SHARED = Path(__file__).parents[2] / "shared"
"""Beside the project; real images and nets that are never part of it."""

WNIDS = ("n01440764", "n01443537", "n01484850")


@pytest.fixture(scope="session")
def real_images() -> Path:
    """The folder of real validation images; skips where there is none."""
    path = SHARED / "data" / "ilsvrc-val-500"
    if not path.is_dir():
        pytest.skip("the real images are not here")
    return path


@pytest.fixture(scope="session")
def real_googlenet() -> Path:
    """The real BVLC GoogLeNet; skips where there is none."""
    path = SHARED / "weights" / "bvlc_googlenet.caffemodel"
    if not path.is_file():
        pytest.skip("the real weights are not here")
    return path


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine images of three classes in the Kaggle layout."""
    folder = tmp_path_factory.mktemp("small")
    images = folder / "ILSVRC/Data/CLS-LOC/val"
    annotations = folder / "ILSVRC/Annotations/CLS-LOC/val"
    images.mkdir(parents=True)
    annotations.mkdir(parents=True)
    (folder / "LOC_synset_mapping.txt").write_text(
        "".join(f"{wnid} class {wnid}\n" for wnid in WNIDS)
    )
    random = np.random.default_rng(0)
    for number in range(1, 10):
        name = f"ILSVRC2012_val_{number:08d}"
        width, height = 60 + 5 * number, 90 - 4 * number
        coarse = random.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        picture.save(images / f"{name}.JPEG", quality=90)
        (annotations / f"{name}.xml").write_text(
            f"<annotation><size><width>{width}</width><height>{height}</height></size><object>"
            f"<name>{WNIDS[number % 3]}</name><bndbox><xmin>5</xmin><ymin>6</ymin><xmax>40</xmax>"
            f"<ymax>44</ymax></bndbox></object></annotation>"
        )
    return folder


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SqueezeNet with random weights for the small dataset's three classes."""
    import torch
    import torchvision

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "squeezenet.pth"
    torch.save(torchvision.models.squeezenet1_1(num_classes=3).state_dict(), path)
    return path


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees neither the caller's dataset nor a wide or coloured terminal."""
    monkeypatch.delenv("WSOL_BENCH_DATA", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
