"""Whether predictions are right but for the order of the classes."""

from wsol_bench.runs.class_orders import consistency
from wsol_bench.scoring.intervals import Rate

LABELS = [label for label in range(10) for _ in range(3)]


def test_a_permutation_of_the_classes_is_recognised():
    moved = [(label + 3) % 10 for label in LABELS]
    moved[0] = 9  # one of class 0's three images is wrong in any order
    found = consistency(LABELS, moved)
    assert found.rate == Rate(1, 30)
    assert found.moved[0] == (1, 4, 3, 3)  # class 1: the output of class 4, 3 of 3 images
    assert found.moved[-1] == (0, 3, 2, 3)


def test_classes_in_their_own_order_are_not_moved():
    assert consistency(LABELS, LABELS) is None


def test_one_output_for_every_image_tells_no_classes_apart():
    found = consistency(LABELS, [4] * 30)
    assert found.rate == Rate(27, 30)  # one class can have it


def test_outputs_of_no_class_of_the_dataset_are_given_to_none():
    assert consistency(LABELS, [-1] * 30) is None
    mixed = [(label + 1) % 10 if place % 3 else -1 for place, label in enumerate(LABELS)]
    assert consistency(LABELS, mixed).rate == Rate(10, 30)


def test_an_output_goes_to_the_class_with_most_images_of_it():
    best = [(label + 3) % 10 for label in LABELS]
    best[3:5] = [3, 3]  # two images of class 1 get the output that all of class 0 get
    assert consistency(LABELS, best).rate == Rate(3, 30)  # one of class 1 alone gets its own


def test_one_image_of_each_class_says_nothing():
    assert consistency(list(range(50)), [(each + 1) % 50 for each in range(50)]) is None


def test_predictions_without_a_pattern_stay_wrong():
    found = consistency(LABELS, [(7 * place) % 10 for place in range(30)])
    assert found is None or found.rate.percent == 100
