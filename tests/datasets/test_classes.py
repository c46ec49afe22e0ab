"""The class list: sorted, complete, and checked."""

import pytest

from wsol_bench.datasets.classes import find_classes, official_classes, parse_classes
from wsol_bench.errors import DataError


def test_the_official_list_has_the_thousand_classes_in_sorted_order():
    classes = official_classes()

    assert len(classes.class_ids) == len(set(classes.class_ids)) == len(classes.names) == 1000
    assert list(classes.class_ids) == sorted(classes.class_ids)
    assert (classes.class_ids[0], classes.names[0]) == ("n01440764", "tench, Tinca tinca")
    assert (classes.class_ids[999], classes.index_of["n15075141"]) == ("n15075141", 999)


def test_the_nearest_folder_with_a_list_counts(tmp_path):
    (tmp_path / "LOC_synset_mapping.txt").write_text("n00000001 one\nn00000002\n", encoding="utf-8")

    classes = find_classes([tmp_path / "absent", tmp_path])

    assert classes.class_ids == ("n00000001", "n00000002")
    assert classes.names == ("one", "n00000002")


def test_an_unknown_wnid_is_named_with_where_it_was_found():
    with pytest.raises(DataError, match=r"some.xml: unknown class 'n123'.*1,000 ILSVRC classes"):
        official_classes().index("n123", "some.xml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("n00000002 b\nn00000001 a\n", "line 2: n00000001 comes after n00000002"),
        ("n00000001 a\nn00000001 a\n", "line 2: n00000001 comes after n00000001"),
        ("n00000001 a\ntench\n", "line 2: expected a WNID"),
        ("n00000001 a\n\nn00000002 b\n", "line 2: expected a WNID"),
    ],
)
def test_a_bad_list_is_named_by_source_and_line(text, message):
    with pytest.raises(DataError, match=message) as caught:
        parse_classes(text, "some/LOC_synset_mapping.txt")

    assert "some/LOC_synset_mapping.txt" in str(caught.value)


def test_a_list_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "LOC_synset_mapping.txt").write_bytes(b"n00000001 caf\xe9\n")

    with pytest.raises(DataError, match="not UTF-8 text"):
        find_classes([tmp_path])


def test_blank_lines_at_the_end_of_a_class_list_are_no_classes():
    found = parse_classes("n01440764 tench\nn01443537 goldfish\n\n \n", "list")
    assert tuple(found.class_ids) == ("n01440764", "n01443537")
