"""The command `figure`: a run's images under its methods."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wsol_bench.cli.main import main
from wsol_bench.datasets.demo import DEFAULT_SEED, write
from wsol_bench.records.opened_run import open_networks
from wsol_bench.report.figures import figure
from wsol_bench.report.figures.figure import FigureOptions, draw_run
from wsol_bench.report.figures.panels import Panel


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[list[list[Panel]]]:
    """What `draw_run` has drawn: the rows of panels of each figure."""
    seen: list[list[list[Panel]]] = []
    draw = figure.draw_panels

    def remember(headings, rows, width_in, key):  # type: ignore[no-untyped-def]
        seen.append(rows)
        return draw(headings, rows, width_in, key)

    monkeypatch.setattr(figure, "draw_panels", remember)
    return seen


def test_every_panel_holds_what_the_records_say(
    mapped_run: Path, small_dataset: Path, drawn: list[list[list[Panel]]]
) -> None:
    (network,) = open_networks(mapped_run)
    image_id = "ILSVRC2012_val_00000004"
    draw_run(mapped_run, FigureOptions(images=image_id))
    ((image, *panels),) = drawn[0]
    stored = Image.open(small_dataset / f"ILSVRC/Data/CLS-LOC/val/{image_id}.JPEG").convert("RGB")
    assert np.array_equal(image.picture, np.asarray(stored))
    assert len(panels) == 3
    for panel, method in zip(panels, network.methods, strict=True):
        (row,) = (row for row in network.of(method).to_pylist() if row["image_id"] == image_id)
        assert panel.predicted.tolist() == [row[side] for side in ("x0", "y0", "x1", "y1")]
        assert panel.ground_truth.ravel().tolist() == row["true_boxes"] == [5, 6, 41, 45]
        assert panel.caption == f"IoU {row['iou']:.2f}"
        assert panel.strong == (row["iou"] >= 0.5)
        assert np.array_equal(panel.picture, image.picture) == (method == "center")
    label, best = row["label"], row["classes"][0]
    assert image.caption.startswith("class n0")
    assert ("→" in image.caption) == (label != best)


def test_a_network_of_its_own_says_its_own_prediction(
    tmp_path: Path, drawn: list[list[list[Panel]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    write(data, 24, DEFAULT_SEED, workers=1)
    command = ["run", "--arch=alexnet", "--weights=demo", f"--data={data}", f"--out={run}", "-q"]
    assert main([*command, "--methods=center,cam"]) == 0
    own, cam_arch = open_networks(run)
    names = own.folder.manifest().class_names
    notes = []
    key = figure.Key
    monkeypatch.setattr(figure, "Key", lambda **kw: notes.append(kw["notes"]) or key(**kw))
    draw_run(run, FigureOptions(images="worst:24"), quiet=True)
    ious = cam_arch.of("cam")["iou"].to_numpy()
    differing = 0
    for at, (image, centre, cam) in zip(np.argsort(ious, kind="stable"), drawn[0], strict=True):
        label = own.of("center")["label"][at].as_py()
        first, other = (
            network.of(name)["classes"][at].as_py()[0]
            for network, name in ((own, "center"), (cam_arch, "cam"))
        )
        assert image.caption == names[label] + (f"\n→ {names[first]}" if first != label else "")
        assert "→" not in centre.caption
        assert cam.caption.partition("\n→ ")[2] == (names[other] if other != first else "")
        differing += other != first
    assert 24 > differing > 0
    assert "by alexnet or by the network above" in notes[0][1]


def test_images_are_ranked_by_the_mean_iou_of_methods_with_maps(
    mapped_run: Path, drawn: list[list[list[Panel]]]
) -> None:
    (network,) = open_networks(mapped_run)
    ious = np.mean(
        [network.of(method)["iou"].to_numpy() for method in ("grad_cam", "c_mwp")], axis=0
    )
    draw_run(mapped_run, FigureOptions(images="worst:9"))
    shown = [[panel.caption for panel in row[1:3]] for row in drawn[0]]
    assert shown == [
        [f"IoU {network.of(m)['iou'][place].as_py():.2f}" for m in ("grad_cam", "c_mwp")]
        for place in np.argsort(ious, kind="stable").tolist()
    ]


def test_a_right_box_is_in_bold(
    mapped_run: Path,
    drawn: list[list[list[Panel]]],
) -> None:
    draw_run(mapped_run, FigureOptions(images="best:9"))
    panels = [panel for row in drawn[0] for panel in row[1:]]
    ious = [float(panel.caption.removeprefix("IoU ")) for panel in panels]
    assert min(ious) < 0.5 < max(ious) < 1
    assert [panel.strong for panel in panels] == [iou >= 0.5 for iou in ious]


@pytest.mark.parametrize("form", ["pdf", "svg", "png"])
def test_a_file_of_each_format_is_written_and_named(
    form: str, mapped_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"figure.{form}"
    flags = ["--images=worst:2", "--methods=grad_cam,center", "--width-in=3.25"]
    assert main(["figure", str(mapped_run), *flags, f"--out={out}"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert out.stat().st_size > 1000


def test_columns_are_the_methods_asked_for_in_their_order(mapped_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "figure.svg"
    flags = ["--images=best:1", "--methods=center,grad_cam"]
    assert main(["figure", str(mapped_run), *flags, f"--out={out}"]) == 0
    words = re.findall(r"<!-- (.+?) -->", out.read_text())
    assert words[:3] == ["Image", "Centred box", "Grad-CAM"]
    assert "c-MWP" not in words


def test_a_run_without_maps_gives_plain_images_and_says_so(
    bare_run: Path, drawn: list[list[list[Panel]]], capsys: pytest.CaptureFixture[str]
) -> None:
    draw_run(bare_run, FigureOptions(images="best:1"))
    assert "--keep-maps" in capsys.readouterr().err
    ((image, *panels),) = drawn[0]
    assert all(np.array_equal(panel.picture, image.picture) for panel in panels)
    assert all(panel.predicted is not None for panel in panels)


def test_the_images_are_read_from_the_folder_given_as_data(
    mapped_run: Path, drawn: list[list[list[Panel]]], small_dataset: Path, tmp_path: Path
) -> None:
    image_id = "ILSVRC2012_val_00000004"
    moved = Path(shutil.copytree(small_dataset, tmp_path / "moved"))
    path = moved / f"ILSVRC/Data/CLS-LOC/val/{image_id}.JPEG"
    with Image.open(path) as image:
        size = image.size
    Image.new("RGB", size, "red").save(path)  # another picture of the same size
    draw_run(mapped_run, FigureOptions(images=image_id))
    draw_run(mapped_run, FigureOptions(images=image_id, data=str(moved)))
    own, elsewhere = (rows[0][0].picture for rows in drawn)
    assert not np.array_equal(own, elsewhere)
    assert np.array_equal(elsewhere, np.asarray(Image.open(path).convert("RGB")))


def test_another_image_of_the_same_name_is_refused(
    mapped_run: Path,
    small_dataset: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = Path(shutil.copytree(small_dataset, tmp_path / "other"))
    path = other / "ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000004.JPEG"
    Image.new("RGB", (7, 7)).save(path)
    command = ["figure", str(mapped_run), "--images=ILSVRC2012_val_00000004", f"--data={other}"]
    assert main([*command, f"--out={tmp_path / 'x.png'}"]) == 3
    assert "is 7x7" in capsys.readouterr().err
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--out=figure.jpg"], 2, ".pdf"),
        (["--out=no/folder/figure.pdf"], 3, "no/folder"),
        (["--images=best:many"], 2, "best:many"),
        (["--images=wurst"], 3, "several objects in one box"),
        (["--images=ILSVRC2012_val_00000099"], 3, "ILSVRC2012_val_0000000"),
        (["--methods=grad_cma"], 2, "grad_cam"),
        (["--width-in=0"], 2, "--width-in 0"),
        (["--width-in=nan"], 2, "--width-in nan"),
        (["--data=no/such/folder"], 3, "no/such/folder"),
    ],
)
def test_bad_usage_gets_one_message_and_the_right_code(
    flags: list[str],
    code: int,
    said: str,
    mapped_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["figure", str(mapped_run), *flags]) == code
    printed = capsys.readouterr()
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert list(tmp_path.iterdir()) == []


def test_it_needs_no_torch(mapped_run: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom wsol_bench.cli.main import main\n"
        f"code = main(['figure', {str(mapped_run)!r}, '--images=best:1', '--out=figure.pdf'])\n"
        "sys.exit(code or 'torch' in sys.modules or 'matplotlib.pyplot' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert finished.returncode == 0, finished.stdout + finished.stderr
