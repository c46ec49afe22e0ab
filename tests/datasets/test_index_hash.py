"""The index digest changes with what counts and with nothing else."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from wsol_bench.datasets.example import Example
from wsol_bench.datasets.index_hash import index_sha256
from wsol_bench.geometry import Size

EXAMPLES = (
    Example("a", 1, 0, np.array([[0.0, 0.0, 5.0, 5.0], [1.0, 2.0, 9.0, 9.0]]), Size(10, 10)),
    Example("b", 2, 1, np.array([[3.0, 3.0, 4.0, 4.0]]), None),
)


@dataclass
class Listed:
    """A dataset without images."""

    examples: tuple[Example, ...]
    name: str = "x"
    class_ids: tuple[str, ...] = ("n00000001", "n00000002")
    class_names: tuple[str, ...] = ("one", "two")


def changed(**changes: object) -> Listed:
    return Listed((replace(EXAMPLES[0], **changes), EXAMPLES[1]))


def test_the_digest_stays_the_same_from_version_to_version():
    # Runs keep it: a change here makes every run refuse to be resumed.
    assert (
        index_sha256(Listed(EXAMPLES))
        == "e26d653801bebc02e45492ad25344e3a6aef2467fc3d81fbb3df577731e10f5a"
    )


@pytest.mark.parametrize(
    "same",
    [
        Listed(EXAMPLES[::-1]),
        Listed(EXAMPLES, name="y"),
        changed(boxes=EXAMPLES[0].boxes[::-1]),
        changed(boxes=EXAMPLES[0].boxes.astype(np.float32)),
        changed(boxes=np.where(EXAMPLES[0].boxes == 0, -0.0, EXAMPLES[0].boxes)),
        changed(size=None),
    ],
    ids=["order", "name", "order of boxes", "type of boxes", "negative zero", "size"],
)
def test_what_does_not_count_leaves_the_digest(same):
    assert index_sha256(same) == index_sha256(Listed(EXAMPLES))


@pytest.mark.parametrize(
    "other",
    [
        changed(image_id="c"),
        changed(label=1),
        changed(boxes=EXAMPLES[0].boxes + 1),
        changed(boxes=EXAMPLES[0].boxes[:1]),
        Listed(EXAMPLES, class_ids=("n00000001", "n00000003")),
        Listed(EXAMPLES[:1]),
    ],
    ids=["id", "label", "moved box", "fewer boxes", "other classes", "fewer images"],
)
def test_what_counts_changes_the_digest(other):
    assert index_sha256(other) != index_sha256(Listed(EXAMPLES))
