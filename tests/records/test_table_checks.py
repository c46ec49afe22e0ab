"""Tables of records whose lines lack values are refused."""

import pyarrow as pa
import pytest

from wsol_bench.records.table_checks import check_values

BOX = [0.0, 0.0, 2.0, 2.0]


def test_a_whole_table_passes_and_an_empty_one_too() -> None:
    check_values(pa.table({"classes": [[1, 2], [3, 4]], "true_boxes": [BOX, BOX + BOX]}))
    check_values(pa.table({"classes": pa.array([], pa.list_(pa.int32()))}))
    check_values(pa.table({"height": [500, 0], "width": [375, 0]}))  # the second was not read


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"iou": [0.5, None]}, "column iou has lines without a value"),
        ({"classes": [[1, None], [1, 2]]}, "column classes has lines without a value"),
        ({"classes": [[1, 2], [3, 4, 5]]}, "different numbers of classes"),
        ({"true_boxes": [BOX, BOX[:3]]}, "fewer than four coordinates"),
        ({"height": [500, 300], "width": [0, 300]}, "an image of 0 x 500 pixels"),
        ({"height": [500, -1], "width": [300, -1]}, "an image of -1 x -1 pixels"),
        ({"height": [500, 2**31 - 1], "width": [300, 1]}, "an image of 1 x 2147483647 pixels"),
        ({"height": [40_000], "width": [40_000]}, "an image of 40000 x 40000 pixels"),
    ],
)
def test_a_line_that_lacks_a_value_is_refused(columns: dict[str, list], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_values(pa.table(columns))
