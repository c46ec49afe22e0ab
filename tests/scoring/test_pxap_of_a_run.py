"""PxAP through the command line, on the real OpenImages masks, against plain loops over pixels."""

import json
import shutil
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from wsol_bench.cli.main import main

pytestmark = pytest.mark.ilsvrc
SIDE = 224


def metadata_of(masks, root, ignored):
    """wsolevaluation's metadata of the masks, without images; image id -> its files."""
    shutil.copytree(masks, root / "masks/val")
    lines = {"image_ids": [], "class_labels": [], "image_sizes": [], "localization": []}
    found = {}
    for file in sorted((root / "masks/val").glob("*/*_ignore.png")):
        stem, folder = file.name.removesuffix("_ignore.png"), file.parent.name
        objects = sorted(set(file.parent.glob(f"{stem}_*.png")) - {file})
        place = f"val/{folder}/{stem}.jpg"
        with Image.open(file) as mask:
            width, height = mask.size
        lines["image_ids"].append(place)
        lines["class_labels"].append(f"{place},{int(folder == '0by6g')}")
        lines["image_sizes"].append(f"{place},{width},{height}")
        for at, each in enumerate(objects):
            last = f"val/{folder}/{file.name}" if at == 0 and ignored else ""
            lines["localization"].append(f"{place},val/{folder}/{each.name},{last}")
        found[place] = objects, [file] if ignored else []
    (root / "metadata/val").mkdir(parents=True)
    for name, rows in lines.items():
        (root / f"metadata/val/{name}.txt").write_text("\n".join(rows) + "\n")
    return found


def on_square(files):
    """The union of masks, each pixel of the square the one that OpenCV's nearest takes.

    OpenCV multiplies by the inverse of the scale, which rounds: at a width of 1,600 seven
    columns are not those of the exact quotient.
    """
    union = [[False] * SIDE for _ in range(SIDE)]
    for file in files:
        grey = np.asarray(Image.open(file).convert("L"))
        down, across = (1 / (SIDE / length) for length in grey.shape)
        for y in range(SIDE):
            for x in range(SIDE):
                union[y][x] |= bool(grey[int(y * down), int(x * across)] > 0)
    return union


def plainly(images):
    """Counts of each bin, pixel by pixel, then the area below the curve."""
    edges = [*np.arange(0, 1, 0.001), 1.0]
    inside, outside = Counter(), Counter()
    for values, truth, ignore in images:
        low, high = values.min(), values.max()
        for y in range(SIDE):
            for x in range(SIDE):
                score = (values[y, x] - low) / (high - low)
                place = max(0, int(score * 1000) - 1)
                while place < 1000 and score >= edges[place + 1]:
                    place += 1
                if truth[y][x]:
                    inside[place] += 1
                elif not ignore[y][x]:
                    outside[place] += 1
    area, right, wrong, before, peak = 0.0, 0, 0, 0.0, 0.0
    whole = sum(inside.values())
    for place in range(1000, -1, -1):
        right, wrong = right + inside[place], wrong + outside[place]
        if right + wrong:
            area += right / (right + wrong) * (right / whole - before)
            before = right / whole
            peak = max(peak, right / (whole + wrong))
    return 100 * area, 100 * peak


@pytest.mark.parametrize("ignored", [True, False])
def test_pxap_of_maps_over_the_openimages_masks_is_that_of_plain_loops(
    openimages_masks, tmp_path, capsys, ignored
):
    cv2 = pytest.importorskip("cv2")
    random = np.random.default_rng(5)
    images = []
    for place, (objects, ignore) in metadata_of(openimages_masks, tmp_path, ignored).items():
        values = random.random((28, 28), np.float32)
        path = tmp_path / f"maps/{place}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, values)
        square = cv2.resize(values.astype(float), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        images.append((square, on_square(objects), on_square(ignore)))

    command = ["run", "--arch=none", f"--data={tmp_path}", f"--methods=maps:{tmp_path / 'maps'}"]
    assert main([*command, "--metrics=pxap,peak_iou", "--json", "-q"]) == 0

    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["pxap"], row["peak_iou"]) == pytest.approx(plainly(images), abs=1e-9)
