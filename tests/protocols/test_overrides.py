"""Protocols that a user varies."""

from pathlib import Path

import pytest

from wsol_bench.errors import DataError, UsageError
from wsol_bench.protocols.catalog import PROTOCOLS
from wsol_bench.protocols.overrides import resolve, with_changes


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_name_is_the_tables_entry(name: str) -> None:
    assert resolve(name) is PROTOCOLS[name]


def test_changed_fields_stand_in_the_name() -> None:
    protocol = resolve("gradcam-iccv17", ["threshold=0.2", "connectivity=4", "iou=0.3"])
    assert (protocol.box_rule.threshold, protocol.box_rule.connectivity) == (0.2, 4)
    assert protocol.iou == 0.3
    assert protocol.name == "gradcam-iccv17 (threshold=0.2, connectivity=4, iou=0.3)"


def test_a_change_to_the_same_value_is_none() -> None:
    assert resolve("gradcam-iccv17", ["threshold=0.15"]) is PROTOCOLS["gradcam-iccv17"]


def test_a_file_names_its_base_and_a_flag_wins_over_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "cam-cvpr16"\nthreshold = 0.3\nstrict = false\n')
    protocol = resolve(str(path), ["threshold=0.4"])
    assert protocol.view == "ten-crops"
    assert (protocol.box_rule.threshold, protocol.box_rule.strict) == (0.4, False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("threshold", "FIELD=VALUE"),
        ("thershold=0.2", "threshold"),
        ("threshold=high", "float"),
        ("threshold=-1", "from 0 on"),
        ("threshold=nan", "from 0 on"),
        ("connectivity=6", "4, 8"),
        ("component=smallest", "largest"),
        ("strict=perhaps", "bool"),
        ("topk=0", "from 1 on"),
        ("view=sideways", "warp"),
        ("sweep=1", "field"),
    ],
)
def test_a_senseless_change_says_what_was_expected(change: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        resolve("gradcam-iccv17", [change])


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("threshold = = 1")
    with pytest.raises(DataError, match=r"bad\.toml"):
        resolve(str(path))
    with pytest.raises(DataError, match=r"none\.toml"):
        resolve(str(tmp_path / "none.toml"))


def test_a_change_is_applied_to_a_runs_own_protocol() -> None:
    own = resolve("gradcam-iccv17", ["threshold=0.4", "topk=1"])
    changed = with_changes(own, ["iou=0.3"])
    assert changed == resolve("gradcam-iccv17", ["iou=0.3", "topk=1", "threshold=0.4"])
    assert changed.box_rule.threshold == 0.4
    assert with_changes(own, ["threshold=0.15", "topk=5"]) == resolve("gradcam-iccv17")


def test_the_order_in_which_fields_are_set_makes_no_other_protocol() -> None:
    one = resolve("gradcam-iccv17", ["iou=0.3", "threshold=0.2"])
    other = resolve("gradcam-iccv17", ["threshold=0.2", "iou=0.3"])
    assert one == other
    assert one.name == "gradcam-iccv17 (threshold=0.2, iou=0.3)"
