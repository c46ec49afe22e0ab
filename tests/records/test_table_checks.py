"""Tables of records whose lines lack values are refused."""

import pyarrow as pa
import pytest

from wsol_bench.records.table_checks import check_values

BOX = [0.0, 0.0, 2.0, 2.0]


def test_a_whole_table_passes_and_an_empty_one_too() -> None:
    check_values(pa.table({"classes": [[1, 2], [3, 4]], "true_boxes": [BOX, BOX + BOX]}))
    check_values(pa.table({"classes": pa.array([], pa.list_(pa.int32()))}))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"iou": [0.5, None]}, "column iou has lines without a value"),
        ({"classes": [[1, None], [1, 2]]}, "column classes has lines without a value"),
        ({"classes": [[1, 2], [3, 4, 5]]}, "different numbers of classes"),
        ({"true_boxes": [BOX, BOX[:3]]}, "fewer than four coordinates"),
    ],
)
def test_a_line_that_lacks_a_value_is_refused(columns: dict[str, list], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_values(pa.table(columns))
