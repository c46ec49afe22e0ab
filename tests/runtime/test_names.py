"""Names that come from disks and files, in messages and JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsol_bench.runtime.names import file_name, first_names, shown

ANY_NAME = st.text(st.characters(codec=None, exclude_categories=()))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00000001.JPEG"),
        ("caf\u00e9 \u4e2d.JPEG", "caf\u00e9 \u4e2d.JPEG"),
        ("caf\udce9.JPEG", "caf\\udce9.JPEG"),
        ("a\nb", "a\\nb"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\u202egpj", "\\u202egpj"),
    ],
)
def test_a_name_is_shown_as_it_is_where_it_can_be_printed(name, expected):
    assert shown(name) == expected


@given(ANY_NAME)
def test_any_name_can_be_printed_and_written_as_json(name):
    assert shown(name).isprintable()
    assert json.loads(json.dumps(shown(name), ensure_ascii=False).encode()) == shown(name)


def test_only_the_first_names_are_spelt_out():
    assert first_names(["a"]) == "a"
    assert first_names(["a", "b\n", "c", "d", "e"]) == "a, b\\n, c and 2 more"


HOSTILE = (
    "../../x",
    "..",
    ".",
    "",
    "a/b",
    "C:\\x",
    "/etc/passwd",
    "x" * 400,
    "a\0b",
    "\udcff",
    ".hidden",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_name_stays_in_its_folder(name, tmp_path):
    path = tmp_path / f"{file_name(name)}.json"
    path.write_text("here")
    assert path.parent == tmp_path
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_two_names_have_two_file_names():
    names = [*HOSTILE, "%2E", "%", "x" * 401, "grad_cam", "grad_cam:layer=features.22"]
    assert len({file_name(name) for name in names}) == len(names)
