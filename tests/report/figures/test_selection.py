"""Which images a figure shows."""

import numpy as np
import pytest

from wsol_bench.errors import DataError, UsageError
from wsol_bench.report.selection import FEW, Candidates, choose

IDS = [f"image_{letter}" for letter in "abcdefgh"]
IOUS = np.array([0.5, 0.9, 0.1, 0.5, 0.0, 0.8, 0.2, 0.95])


def candidates(left_out: tuple[int, ...] = ()) -> Candidates:
    flags = np.zeros(len(IDS), bool)
    flags[list(left_out)] = True
    return Candidates(IDS, IOUS, flags)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("best:3", (7, 1, 5)),
        ("worst:3", (4, 2, 6)),
        ("best:5", (7, 1, 5, 0, 3)),  # the tie at 0.5 goes to the earlier image
        ("image_d,image_a", (3, 0)),
        ("image_h, best:2", (7, 1)),  # each once
        ("best:1,worst:1", (7, 4)),
        ("worst:99", (4, 2, 6, 0, 3, 5, 1, 7)),
    ],
)
def test_images_are_chosen_as_asked(wanted: str, expected: tuple[int, ...]) -> None:
    assert choose(wanted, candidates(), seed=0) == expected


def test_without_a_number_there_are_a_few() -> None:
    assert (
        len(choose("random", candidates(), seed=0)) == len(choose("best", candidates(), 0)) == FEW
    )


def test_random_images_depend_on_the_seed_alone_and_keep_the_order() -> None:
    drawn = [choose("random:4", candidates(), seed) for seed in range(20)]
    assert drawn == [choose("random:4", candidates(), seed) for seed in range(20)]
    assert len(set(drawn)) > 1
    assert all(list(places) == sorted(set(places)) for places in drawn)


def test_images_left_out_are_shown_only_by_name() -> None:
    some = candidates(left_out=(4, 7))
    assert choose("worst:1", some, 0) == (2,)
    assert choose("best:1", some, 0) == (1,)
    assert not {4, 7} & set(choose("random:8", some, 0))
    assert choose("image_h", some, 0) == (7,)


@pytest.mark.parametrize("wanted", ["", " , ", "best:0", "worst:x", "random:", "best:-1"])
def test_what_makes_no_sense_is_a_usage_error(wanted: str) -> None:
    with pytest.raises(UsageError, match="--images"):
        choose(wanted, candidates(), 0)


def test_an_unknown_image_names_the_near() -> None:
    with pytest.raises(DataError, match=r"image_x.*Did you mean.*image_"):
        choose("image_x", candidates(), 0)
