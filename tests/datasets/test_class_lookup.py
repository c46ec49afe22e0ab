"""Which class a user means."""

import pytest

from wsol_bench.datasets.class_lookup import find_class, first_name
from wsol_bench.datasets.classes import official_classes
from wsol_bench.errors import UsageError

WNIDS = ("n01", "n02", "n03", "n04", "n05")
NAMES = ("tabby, tabby cat", "tiger cat", "Great White shark, man-eater", "crane", "spoonbill")


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ("0", 0),
        (" 4 ", 4),
        ("n03", 2),
        ("N03", 2),
        ("crane", 3),
        ("tabby", 0),
        ("Tabby Cat", 0),
        ("man-eater", 2),
        ("white", 2),  # a whole word of a name
        ("tiger", 1),
        ("spoon", 4),  # a part of one
        ("tabby, tabby cat", 0),
    ],
)
def test_a_class_is_found_by_index_wnid_name_or_part(asked: str, index: int) -> None:
    assert find_class(asked, WNIDS, NAMES) == index


def test_a_whole_word_goes_before_a_part_of_a_word() -> None:
    names = ("spoonbill", "wooden spoon")
    assert find_class("spoon", ("n01", "n02"), names) == 1


def test_several_classes_are_listed_with_their_wnids() -> None:
    with pytest.raises(UsageError, match=r"2 classes.*n01 tabby, tabby cat; n02 tiger cat"):
        find_class("cat", WNIDS, NAMES)


def test_ilsvrcs_two_cranes_need_a_wnid() -> None:
    official = official_classes()
    with pytest.raises(UsageError, match="n02012849 crane; n03126707 crane"):
        find_class("crane", official.class_ids, official.names)
    assert (
        official.class_ids[find_class("n03126707", official.class_ids, official.names)]
        == "n03126707"
    )


def test_every_official_wnid_and_index_finds_its_class() -> None:
    official = official_classes()
    for index in range(0, 1000, 37):
        assert find_class(official.class_ids[index], official.class_ids, official.names) == index
        assert find_class(str(index), official.class_ids, official.names) == index


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("5", "from 0 to 4"),
        ("-1", "no class"),
        ("tigr cat", "Did you mean 'tiger cat'"),
        ("zzz", "no class has this name"),
        ("", "no class"),
    ],
)
def test_an_unknown_class_is_a_usage_error(asked: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find_class(asked, WNIDS, NAMES)


def test_nameless_classes_are_found_by_index_alone() -> None:
    assert find_class("1", ["", ""], ["", ""]) == 1
    with pytest.raises(UsageError, match="no class"):
        find_class("cat", ["", ""], ["", ""])


def test_the_first_name_is_what_comes_before_the_comma() -> None:
    assert first_name("tabby, tabby cat") == "tabby"
    assert first_name("crane") == "crane"
    assert first_name("") == ""
