"""Which images a figure shows."""

import numpy as np
import pytest

from wsol_bench.analysis.failures import KINDS
from wsol_bench.errors import DataError, UsageError
from wsol_bench.report.figures.selection import FEW, SETS, Candidates, choose

IDS = [f"image_{letter}" for letter in "abcdefgh"]
IOUS = np.array([0.5, 0.9, 0.1, 0.5, 0.0, 0.8, 0.2, 0.95])
APART = np.array([0.0, 0.15, 0.1, 0.3, 0.0, 0.2, 0.0, 0.05])
"""Half of how far two methods' IoUs lie from each other."""
KINDS_OF = np.array([[0, 0, 5, 3, 5, 0, 5, 0], [0, 0, 1, 3, 5, 0, 3, 0]])


def candidates(left_out: tuple[int, ...] = ()) -> Candidates:
    flags = np.zeros(len(IDS), bool)
    flags[list(left_out)] = True
    degenerate = np.array([letter in "bcf" for letter in "abcdefgh"])
    return Candidates(
        IDS, np.stack([IOUS - APART, IOUS + APART]), degenerate, flags, lambda: KINDS_OF
    )


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
        ("median:2", (0, 3)),
        ("disagree:2", (3, 5)),
        ("disagree:9", (3, 5, 1, 2, 7)),  # never one on which they agree
        ("degenerate:2", (1, 5)),  # the first and the last: evenly spaced
        ("degenerate", (1, 2, 5)),
        ("class wrong", (2,)),
        ("too-large:5", (3, 6)),
        ("too_large:5", (3, 6)),
        ("miss:2", (2, 6)),  # under any of the methods
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


def test_a_set_without_images_says_so_and_names_the_others() -> None:
    with pytest.raises(DataError, match=r"too small: .*no such image.*disagree"):
        choose("worst:1,too small", candidates(), 0)


def test_an_unknown_set_names_every_one() -> None:
    with pytest.raises(DataError) as raised:
        choose("dissagree:3", candidates(), 0)
    assert "Did you mean disagree" in str(raised.value)
    for name in (*SETS, *KINDS):
        assert name in str(raised.value)


def test_an_unknown_image_names_the_near() -> None:
    with pytest.raises(DataError, match=r"image_x.*Did you mean.*image_"):
        choose("image_x", candidates(), 0)
