"""The figure itself: where things stand, and what the files hold."""

from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from wsol_bench.errors import DataError, UsageError
from wsol_bench.report.figures.drawing import Drawing, require_target
from wsol_bench.report.figures.figure_key import GROUND_TRUTH, PREDICTED, Key, key_lines
from wsol_bench.report.figures.lettering import width_of, wrapped
from wsol_bench.report.figures.panels import Panel, draw_panels
from wsol_bench.report.figures.pdf_pictures import with_jpegs

KEY = Key(predicted=True, ground_truth=True, maps=True, notes=["bold: IoU ≥ 0.5"])
NONE = np.zeros((0, 4))


def panel(height: int = 40, width: int = 60, caption: str = "IoU 0.50", **more: object) -> Panel:
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    truths = np.array([[5.0, 5.0, 30.0, 30.0]])
    return Panel(picture, np.array([0.0, 0.0, width, height]), truths, caption, **more)


def drawing(width_in: float = 4.0) -> Drawing:
    rows = [[panel(), panel(caption="Égyptian\ncat", strong=True)], [panel(90, 30), panel()]]
    return Drawing(draw_panels(["Image", "Grad-CAM"], rows, width_in, KEY))


@pytest.mark.parametrize("width_in", [1.5, 3.25, 6.875, 14.0])
def test_a_figure_is_as_wide_as_asked_and_nothing_leaves_it(width_in: float) -> None:
    figure = drawing(width_in).figure
    assert figure.get_figwidth() == width_in
    figure.draw_without_rendering()
    page = figure.bbox.padded(0.5)  # half a pixel of rounding
    for text in figure.texts:
        box = text.get_window_extent()
        inside = [page.containsx(x) for x in (box.x0, box.x1)]
        inside += [page.containsy(y) for y in (box.y0, box.y1)]
        assert all(inside), text.get_text()


def test_words_stand_on_no_picture_and_on_no_other_words() -> None:
    figure = drawing(3.25).figure
    figure.draw_without_rendering()
    words = [text.get_window_extent() for text in figure.texts]
    pictures = [axes.get_window_extent() for axes in figure.axes[:4]]
    for number, box in enumerate(words):
        assert not any(box.overlaps(other) for other in pictures)
        assert not any(box.overlaps(other) for other in words[number + 1 :])


def test_panels_keep_the_shape_of_their_pictures() -> None:
    figure = drawing().figure
    for axes, aspect in zip(figure.axes[:4], (40 / 60, 40 / 60, 3.0, 40 / 60), strict=True):
        extent = axes.get_window_extent()
        assert extent.height / extent.width == pytest.approx(aspect, rel=1e-6)


def test_pictures_fill_their_columns_unless_they_would_get_too_tall() -> None:
    figure = drawing().figure
    first, second, tall, fourth = (axes.get_window_extent() for axes in figure.axes[:4])
    assert first.width == pytest.approx(second.width) == pytest.approx(fourth.width)
    assert second.x1 - first.x0 == pytest.approx(figure.bbox.width, rel=0.02)
    assert tall.height == pytest.approx(1.4 * first.width)


def test_a_last_row_may_be_shorter_and_headings_may_be_absent() -> None:
    figure = draw_panels((), [[panel(), panel()], [panel()]], 3.0, Key(False, False, False))
    assert len(figure.axes) == 3
    assert [text.get_text() for text in figure.texts] == ["IoU 0.50"] * 3


def test_a_pdf_has_its_fonts_as_truetype_inside(tmp_path: Path) -> None:
    drawing().save(tmp_path / "figure.pdf")
    content = (tmp_path / "figure.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content


def test_a_pdf_has_large_pictures_as_jpeg_of_the_same_look_and_its_table_of_objects_is_right(
    tmp_path: Path,
) -> None:
    ys, xs = np.mgrid[:300, :400]
    noise = np.random.default_rng(0).normal(0, 6, (300, 400))
    picture = np.stack([xs * 0.6, ys * 0.8, 128 + noise], axis=-1).clip(0, 255).astype(np.uint8)
    one = Panel(picture, None, NONE, "IoU 0.50")
    figure = draw_panels((), [[one]], 400 / 300 + 0.06, KEY)
    Drawing(figure).save(tmp_path / "figure.pdf")
    content = (tmp_path / "figure.pdf").read_bytes()
    start = int(content.rpartition(b"startxref\n")[2].split()[0])
    assert content[start:].startswith(b"xref\n")
    offsets = [int(row[:10]) for row in content[start:].splitlines() if row.endswith(b" n ")]
    for number, offset in enumerate(offsets, 1):
        assert content[offset:].startswith(b"%d 0 obj" % number)
    jpegs = [each.partition(b"\nendstream")[0] for each in content.split(b"/DCTDecode")[1:]]
    (jpeg,) = (each[each.index(b"\xff\xd8") :] for each in jpegs)
    shown = np.asarray(Image.open(BytesIO(jpeg)).resize((400, 300))).astype(float)
    assert np.abs(shown - picture)[5:-5, 5:-5].mean() < 6
    assert len(jpeg) < 0.3 * picture.nbytes
    assert b"/FlateDecode" in content  # the key's bar of colours, and the drawing itself


def test_an_svg_has_large_opaque_pictures_as_jpeg_and_leaves_the_others(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    figure = draw_panels((), [[Panel(picture, None, NONE, "IoU 0.50")]], 400 / 300 + 0.06, KEY)
    Drawing(figure).save(tmp_path / "figure.svg")
    content = (tmp_path / "figure.svg").read_text()
    assert content.count("data:image/jpeg;base64,") == 1
    assert content.count("data:image/png;base64,") == 1  # the key's bar of colours


def test_a_pdf_that_is_written_otherwise_is_left_as_it_is() -> None:
    other = b"%PDF-1.5\n1 0 obj\n<< /Type /XRef >>\nendobj\nstartxref\n9\n%%EOF\n"
    assert with_jpegs(other) == other


def test_an_svg_asks_for_no_font_and_has_its_boxes_as_paths(tmp_path: Path) -> None:
    drawing().save(tmp_path / "figure.svg")
    content = (tmp_path / "figure.svg").read_text()
    assert "<text" not in content
    assert "font-family" not in content
    assert "<!-- Grad-CAM -->" in content  # the outlines' words, for those who search
    assert "#00e5ff" in content
    assert "stroke-dasharray" in content


def test_dashes_of_a_true_box_lie_over_the_box_drawn_and_every_rim_beneath_both() -> None:
    corners = np.array([5.0, 5.0, 30.0, 30.0])
    coinciding = Panel(np.zeros((40, 60, 3), np.uint8), corners, corners[None], "IoU 1.00")
    axes = draw_panels((), [[coinciding]], 2.0, KEY).axes[0]
    paints = [to_hex(patch.get_edgecolor()) for patch in axes.patches]
    assert paints == ["#000000", "#000000", PREDICTED, GROUND_TRUTH]
    assert [patch.get_linestyle() for patch in axes.patches[:3]] == ["solid"] * 3
    assert axes.patches[3].get_linestyle() != "solid"


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_the_same_figure_twice_is_the_same_file(form: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        drawing().save(tmp_path / f"{name}.{form}")
    assert (tmp_path / f"one.{form}").read_bytes() == (tmp_path / f"two.{form}").read_bytes()


def test_drawing_leaves_no_setting_of_matplotlib_behind(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    drawing().save(tmp_path / "figure.pdf")
    assert dict(matplotlib.rcParams) == before


def test_a_notebook_gets_a_png() -> None:
    assert drawing()._repr_png_().startswith(b"\x89PNG")


def test_a_target_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.png, \.svg, \.pdf"):
        require_target(tmp_path / "figure.jpg")
    with pytest.raises(DataError, match="does not exist"):
        require_target(tmp_path / "none" / "figure.pdf")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(DataError, match=r"folder\.png"):
        drawing().save(tmp_path / "folder.png")


def test_the_key_breaks_into_lines_where_it_must() -> None:
    assert len(key_lines(KEY, 1000, 8)) == 1
    narrow = key_lines(KEY, 120, 8)
    assert len(narrow) > 1
    assert sum(len(line) for line in narrow) == 4
    for line in narrow:
        assert sum(entry.width(8) for entry in line) <= 120


def test_words_break_at_spaces_and_end_in_dots_where_there_is_no_room() -> None:
    room = width_of("great white", 8) + 1
    assert wrapped("great white shark", room, 8, 2) == "great white\nshark"
    assert wrapped("great white shark", room, 8, 1).endswith("…")
    assert wrapped("one\ntwo", 1000, 8, 2) == "one\ntwo"
    long = wrapped("Taumatawhakatangihangakoauauotamatea", room, 8, 2)
    assert long.endswith("…")
    assert width_of(long, 8) <= room
    assert wrapped("", room, 8, 2) == ""
