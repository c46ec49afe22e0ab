"""Which class a map is asked about."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest

from wsol_bench.datasets.example import Example
from wsol_bench.pipeline.target_class import TARGET_CLASSES


@dataclass
class Labels:
    class_ids: tuple[str, ...] = ("n01", "n02", "n03", "n04")
    examples: tuple[Example, ...] = field(
        default_factory=lambda: tuple(
            Example(f"image{i}", i, i % 4, np.array([[0.0, 0, 1, 1]]), None) for i in range(400)
        )
    )


@pytest.mark.parametrize("name", TARGET_CLASSES)
def test_a_subject_is_a_class_of_the_dataset_and_the_same_every_time(name: str) -> None:
    data = Labels()
    chosen = [TARGET_CLASSES[name](example, data) for example in data.examples]
    assert set(chosen) <= {0, 1, 2, 3}
    assert chosen == [TARGET_CLASSES[name](example, data) for example in data.examples]


def test_another_class_is_never_the_label_and_each_is_about_as_likely() -> None:
    data = Labels()
    shifts = Counter(
        (TARGET_CLASSES["other"](example, data) - example.label) % 4 for example in data.examples
    )
    assert shifts[0] == 0
    # 400 draws of 3: a standard deviation is 9.4, so 40 off is beyond four of them
    assert all(abs(shifts[shift] - 400 / 3) < 40 for shift in (1, 2, 3))


def test_a_shuffled_label_is_the_images_own_about_as_often_as_chance_has_it() -> None:
    data = Labels()
    own = sum(TARGET_CLASSES["shuffled"](each, data) == each.label for each in data.examples)
    assert abs(own - 100) < 40  # binomial(400, 1/4): a standard deviation is 8.7


def test_with_one_class_there_is_no_other() -> None:
    data = Labels(class_ids=("n01",))
    assert TARGET_CLASSES["other"](Example("a", 1, 0, np.zeros((1, 4)), None), data) == 0
