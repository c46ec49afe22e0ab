"""The real files of CUB, COCO and wsolevaluation, where they lie beside the checkout."""

import time
from pathlib import Path

import numpy as np
import pytest

from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.errors import DataError
from wsol_bench.geometry import box_iou

pytestmark = pytest.mark.ilsvrc


@pytest.fixture(scope="module")
def shared() -> Path:
    folder = Path(__file__).parents[3].parent / "shared" / "data"
    if not (folder / "cub-50").is_dir():
        pytest.skip("../shared/data is not there")
    return folder


def centred_box_right(dataset: ImageDataset, share: float) -> float:
    """Per cent of examples whose centred box has an IoU of 0.5 with any box."""
    right = 0
    for example in dataset.examples:
        height, width = example.size
        low, high = (1 - share) / 2, (1 + share) / 2
        box = np.array([width * low, height * low, width * high, height * high])
        right += bool(box_iou(box, example.boxes).max() >= 0.5)
    return 100 * right / len(dataset.examples)


def test_cub_names_its_surplus_rows_and_the_absent_images(shared) -> None:
    with pytest.raises(DataError, match=r"1,189 of 1,389 annotated .*--allow-missing"):
        open_dataset(shared / "cub-50")

    dataset = open_dataset(shared / "cub-50", allow_missing=True)

    assert (dataset.layout, dataset.split) == ("cub", "test")
    assert (len(dataset.examples), len(dataset.class_ids), dataset.missing) == (200, 50, 1189)
    (surplus,) = dataset.skipped
    assert surplus.reason.startswith("10 rows are for no image of images.txt: 2890, 2891")


def test_coco_has_an_example_for_each_category_of_an_image(shared) -> None:
    dataset = open_dataset(shared / "coco-mini")

    assert (len(dataset.examples), len(dataset.class_ids)) == (284, 80)
    for example in dataset.examples[:40]:
        masks = dataset.masks(example)
        assert masks.ground_truth.shape == example.size
        assert masks.ground_truth.any()


# DEFINITIONS: shares of the centred box in plain half-open boxes, from independent figures.
@pytest.mark.parametrize(
    ("name", "count", "share", "right"),
    [
        ("ILSVRC", 50_000, 160 / 224, 53.75),
        ("ILSVRC", 50_000, 0.71, 53.82),
        ("CUB", 5_794, 144 / 224, 58.91),
    ],
)
def test_the_centred_box_is_right_as_often_as_published(shared, name, count, share, right) -> None:
    path = shared / "wsolevaluation/metadata" / name
    started = time.process_time()
    dataset = open_dataset(path, images_needed=False)
    assert time.process_time() - started < 30  # some 3 s: a reader that is quadratic takes minutes

    assert len(dataset.examples) == count
    assert centred_box_right(dataset, share) == pytest.approx(right, abs=0.005)


def test_the_metadata_has_the_boxes_of_the_kaggle_table(shared) -> None:
    kaggle = open_dataset(shared / "ilsvrc-val-500", limit=500)
    metadata = open_dataset(
        shared / "wsolevaluation/metadata/ILSVRC", images_needed=False, limit=500
    )

    for ours, theirs in zip(metadata.examples, kaggle.examples, strict=True):
        assert (ours.image_id, ours.index, ours.label, ours.size) == (
            theirs.image_id,
            theirs.index,
            theirs.label,
            theirs.size,
        )
        np.testing.assert_array_equal(sorted(ours.boxes.tolist()), sorted(theirs.boxes.tolist()))


def test_imagenet_v2_is_the_split_val(shared) -> None:
    path = shared / "wsolevaluation/metadata/ILSVRC"

    dataset = open_dataset(path, split="val", images_needed=False)

    assert (len(dataset.examples), dataset.box_ends) == (10_000, "half-open")
    assert dataset.examples[0].image_id == "val2/0/0"


def test_openimages_masks_are_read_with_their_ignored_regions(shared, tmp_path) -> None:
    root = shared / "wsolevaluation/test_data/test_masks"
    rows = []
    for ignored in sorted(root.glob("val/*/*_ignore.png")):
        image = ignored.name.removesuffix("_ignore.png")
        folder = f"val/{ignored.parent.name}"
        objects = sorted(ignored.parent.glob(f"{image}_m*.png"))
        for at, mask in enumerate(objects):
            ignore = f"{folder}/{ignored.name}" if at == 0 else ""
            rows.append((f"{folder}/{image}.jpg", f"{folder}/{mask.name}", ignore))
    paths = list(dict.fromkeys(row[0] for row in rows))
    metadata = tmp_path / "metadata/test"
    metadata.mkdir(parents=True)
    (metadata / "image_ids.txt").write_text("\n".join(paths) + "\n")
    labels = [f"{path},{int('0by6g' in path)}" for path in paths]
    (metadata / "class_labels.txt").write_text("\n".join(labels) + "\n")
    (metadata / "localization.txt").write_text("\n".join(map(",".join, rows)) + "\n")
    (tmp_path / "val").symlink_to(root / "val")

    dataset = open_dataset(tmp_path, images_needed=False)

    assert len(dataset.examples) == len(paths) == 5
    found = {example.image_id: dataset.masks(example) for example in dataset.examples}
    assert not any((each.ground_truth & each.ignore).any() for each in found.values())
    empty = [image_id for image_id, each in found.items() if not each.ground_truth.any()]
    assert empty == ["490365f63135f3e0"]  # all black in the authors' test data
