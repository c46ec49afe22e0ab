"""Twenty real images in several layouts give the examples of the Kaggle layout (issue 15)."""

from pathlib import Path

import layout_writers as writers
import numpy as np
import pytest

from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.index_hash import index_sha256

OTHERS = {
    "hugging-face": writers.write_hugging_face,
    "unpacked": writers.write_unpacked,
    "webdataset": writers.write_webdataset,
    "box-table": writers.write_box_table,
    "wsol-metadata": writers.write_wsol,
    "ts-cam-list": writers.write_ts_cam,
    "bas-lists": writers.write_bas,
    "coco": writers.write_coco,
    "voc": writers.write_voc,
}


@pytest.fixture(scope="session")
def kaggle(real_images):
    return open_dataset(real_images, limit=20)


@pytest.fixture(scope="session")
def samples(kaggle):
    """The images in the form in which the writers take them: inclusive corners."""
    found = []
    for example in kaggle.examples:
        boxes = tuple(
            (*map(int, box[:2]), int(box[2]) - 1, int(box[3]) - 1) for box in example.boxes
        )
        size = example.size
        wnid = kaggle.class_ids[example.label]
        found.append(writers.Sample(example.image_id, wnid, boxes, size.width, size.height))
    return tuple(found)


@pytest.fixture
def all_classes(real_images, monkeypatch):
    """The writers write ILSVRC's class list."""
    text = (real_images / "LOC_synset_mapping.txt").read_text(encoding="utf-8")
    monkeypatch.setattr(writers, "MAPPING", text)
    monkeypatch.setattr(writers, "WNIDS", tuple(line.split()[0] for line in text.splitlines()))


@pytest.mark.ilsvrc
@pytest.mark.parametrize("layout", OTHERS)
def test_real_images_give_the_examples_of_the_kaggle_layout(
    kaggle, samples, all_classes, layout, tmp_path: Path
) -> None:
    root = OTHERS[layout](tmp_path, samples, lambda each: kaggle.images.read(each.image_id))

    dataset = open_dataset(root)

    assert tuple(dataset.class_ids) == tuple(kaggle.class_ids)
    assert index_sha256(dataset) == index_sha256(kaggle)
    for ours, theirs in zip(dataset.examples, kaggle.examples, strict=True):
        assert (ours.image_id, ours.index, ours.label) == (
            theirs.image_id,
            theirs.index,
            theirs.label,
        )
        np.testing.assert_array_equal(ours.boxes, theirs.boxes)
        assert dataset.images.read(ours.image_id) == kaggle.images.read(ours.image_id)
        assert dataset.open(ours.image_id).tobytes() == kaggle.open(ours.image_id).tobytes()
