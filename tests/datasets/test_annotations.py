"""XML annotations: what is read is what was written, and bad ones are named."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsol_bench.datasets.annotations import inclusive_box, read_xml
from wsol_bench.errors import DataError
from wsol_bench.geometry import Size

CORNERS = st.tuples(
    st.integers(-500, 5000), st.integers(-500, 5000), st.integers(1, 5000), st.integers(1, 5000)
).map(lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3]))
WNIDS = st.integers(0, 99_999_999).map("n{:08d}".format)
ENTITIES = (
    '<!DOCTYPE annotation [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<annotation><object><name>&b;</name></object></annotation>"
)


def read(tmp_path: Path, content: str | bytes):
    path = tmp_path / "ILSVRC2012_val_00000001.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_xml(path)


def annotated(*objects: str, size: str = "") -> str:
    return f"<annotation>{size}{''.join(objects)}</annotation>"


@settings(deadline=None)  # it writes files
@given(objects=st.lists(st.tuples(WNIDS, CORNERS), min_size=1, max_size=5))
def test_boxes_written_as_xml_are_read_back(builder, objects):
    text = annotated(*(builder.object(class_id, box) for class_id, box in objects))

    with tempfile.TemporaryDirectory() as folder:
        annotation = read(Path(folder), text)

    for class_id in {class_id for class_id, _ in objects}:
        written = [box for name, box in objects if name == class_id]
        expected = [(xmin, ymin, xmax + 1, ymax + 1) for xmin, ymin, xmax, ymax in written]
        np.testing.assert_array_equal(annotation.boxes(class_id), expected)


@settings(deadline=None)  # it writes files
@given(content=st.binary(max_size=200))
def test_any_bytes_are_an_annotation_or_an_error_that_names_the_file(content):
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.raises(DataError, match="ILSVRC2012_val_00000001"),
    ):
        read(Path(folder), content)


@settings(deadline=None)  # it writes files
@given(data=st.data())
def test_a_damaged_annotation_is_still_one_or_is_an_error(builder, data):
    text = bytearray(builder.xml(builder.samples[0]).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))

    with tempfile.TemporaryDirectory() as folder:
        try:
            outcome = read(Path(folder), bytes(text)).where
        except DataError as error:
            outcome = str(error)

    assert "ILSVRC2012_val_00000001.xml" in outcome


def test_a_box_of_two_by_one_pixels_is_one_wider_than_its_corners_say():
    assert inclusive_box(("0", "0", "499", "374"), "x") == (0.0, 0.0, 500.0, 375.0)


def test_a_class_that_is_not_there_has_no_boxes(builder, tmp_path):
    annotation = read(tmp_path, builder.xml(builder.samples[0]))

    assert annotation.boxes("n00000000").shape == (0, 4)


def test_boxes_outside_the_image_are_kept_as_annotated(builder, tmp_path):
    annotation = read(tmp_path, annotated(builder.object("n01440764", (-5, 2, 900, 8))))

    np.testing.assert_array_equal(annotation.boxes("n01440764"), [[-5, 2, 901, 9]])


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("", None),
        ("<size><width>500</width><height>375</height></size>", Size(375, 500)),
        ("<size><width>0</width><height>0</height></size>", None),
    ],
    ids=["absent", "given", "zero for not known"],
)
def test_the_size_is_read_where_there_is_one(builder, tmp_path, size, expected):
    box = builder.object("n01440764", (0, 0, 3, 3))

    assert read(tmp_path, annotated(box, size=size)).size == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<annotation><object>", "not well-formed"),
        ("<annotation><object></annotation>", "not well-formed"),
        ("", "not well-formed"),
        ("not XML", "not well-formed"),
        (b'<?xml version="1.0" encoding="klingon"?><annotation/>', "not well-formed"),
        (b"<annotation>\xff\xfe</annotation>", "not well-formed"),
        (ENTITIES, "document type or entities"),
        (ENTITIES.encode("utf-16"), "document type or entities"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>', "document type or entities"),
        ("<html></html>", "expected <annotation>"),
        ("<annotation></annotation>", "has no <object>"),
        ("<annotation><object><name>n01440764</name></object></annotation>", "no <bndbox>"),
        ("<annotation><object><bndbox/></object></annotation>", "no <name>"),
        ("<a>" * 50_000, "not well-formed"),
        ("<annotation><object><bndbox/><bndbox/></object></annotation>", "no <name>"),
        (
            "<annotation><object><name>n1</name><bndbox/><bndbox/></object></annotation>",
            "<object> has 2 <bndbox>",
        ),
        (
            "<annotation><object><name>n1</name><name>n2</name></object></annotation>",
            "<object> has 2 <name>",
        ),
        ("<annotation>" + " " * 1_000_001, "larger than"),
    ],
)
def test_a_bad_file_is_one_message_that_names_it(tmp_path, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, content)

    assert "ILSVRC2012_val_00000001.xml" in str(caught.value)


def test_nesting_as_deep_as_the_size_allows_is_harmless(tmp_path):
    with pytest.raises(DataError, match="has no <object>"):
        read(tmp_path, f"<annotation>{'<a>' * 100_000}{'</a>' * 100_000}</annotation>")


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((9, 0, 3, 5), "corners swapped"),
        ((0, 9, 3, 5), "corners swapped"),
        ((4, 0, 4, 5), "has no area"),
        ((0, 5, 3, 5), "has no area"),
        (("nan", 0, 3, 5), "xmin is 'nan'"),
        ((0, 0, "inf", 5), "xmax is 'inf'"),
        ((0, 0, 3, "1e300"), "ymax is '1e300'"),
        ((0, 0, "1_000", 5), "xmax is '1_000'"),
        ((0, 0, 3, "\u0665"), "ymax is '\u0665'"),
        (("0x1", 0, 3, 5), "xmin is '0x1'"),
        ((0, "two", 3, 5), "ymin is 'two'"),
        ((0, "", 3, 5), "<bndbox> has no <ymin>"),
    ],
)
def test_a_bad_box_is_one_message_that_names_the_file(builder, tmp_path, box, message):
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, annotated(builder.object("n01440764", box)))

    assert "ILSVRC2012_val_00000001.xml" in str(caught.value)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "us-ascii", "cp1252"]
)
def test_what_declares_its_encoding_is_read_in_it(builder, tmp_path, encoding):
    declared = encoding.removesuffix("-sig")
    text = f"<?xml version='1.0' encoding='{declared}'?>" + builder.xml(builder.samples[0])

    assert read(tmp_path, text.encode(encoding)).class_ids == ["n01443537"]


def test_a_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*absent\.xml"):
        read_xml(tmp_path / "absent.xml")
