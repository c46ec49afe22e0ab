"""`--arch none`: boxes from elsewhere, with the classes of a file of scores or without classes."""

import json
from pathlib import Path

import numpy as np
import pytest

import wsol_bench
from wsol_bench.cli.main import main
from wsol_bench.errors import DataError
from wsol_bench.records.run_folder import RunFolder

BASELINES = "center:share=0.6,whole,random_box,prior"
BOXES = ("image_id", "method", "x0", "y0", "x1", "y1", "iou")
NAMES = [f"ILSVRC2012_val_{number:08d}" for number in range(1, 10)]
LABELS = [number % 3 for number in range(1, 10)]


@pytest.fixture
def without_images(tmp_path: Path) -> Path:
    """The annotations of the small dataset as wsolevaluation's metadata, without its images."""
    folder = tmp_path / "metadata"
    folder.mkdir()
    files: dict[str, list[str]] = {}
    for number, (name, label) in enumerate(zip(NAMES, LABELS, strict=True), start=1):
        path = f"val/{name}.JPEG"
        files.setdefault("image_ids.txt", []).append(path)
        files.setdefault("class_labels.txt", []).append(f"{path},{label}")
        files.setdefault("image_sizes.txt", []).append(
            f"{path},{60 + 5 * number},{90 - 4 * number}"
        )
        files.setdefault("localization.txt", []).append(f"{path},5,6,40,44")
    for name, lines in files.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def test_baselines_without_images_have_the_records_of_a_run_with_a_network(
    small_dataset: Path, small_weights: Path, without_images: Path, tmp_path: Path
) -> None:
    wsol_bench.run(
        arch="squeezenet1_1",
        weights=str(small_weights),
        data=small_dataset,
        methods=BASELINES,
        out=tmp_path / "with",
    )
    wsol_bench.run(arch="none", data=without_images, methods=BASELINES, out=tmp_path / "without")
    found = [RunFolder(tmp_path / name).read(BOXES) for name in ("with", "without")]
    assert found[0].equals(found[1])


def test_a_run_without_classes_has_only_the_figures_that_need_none(small_dataset: Path) -> None:
    result = wsol_bench.run(arch="none", data=small_dataset, methods="whole,grad_cam")
    assert [metric.name for metric in result.columns] == ["gt_known_loc"]
    assert "forward pass" in result.not_applicable["grad_cam"]


@pytest.mark.parametrize("command", ["score", "pairs", "compare", "table", "csv", "breakdown"])
def test_a_run_without_classes_is_read_by_every_command(
    command: str, small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(tmp_path / "run")
    wsol_bench.run(arch="none", data=small_dataset, methods="whole,center", out=run)
    arguments = {
        "score": ["score", run],
        "pairs": ["pairs", run],
        "compare": ["compare", run, run],
        "table": ["table", run],
        "csv": ["export", run, str(tmp_path / "out.csv"), "--format=csv"],
        "breakdown": ["breakdown", run, "--methods=whole"],
    }[command]
    assert main(arguments) == 0


def test_absent_images_without_a_size_are_named(without_images: Path) -> None:
    (without_images / "image_sizes.txt").unlink()
    with pytest.raises(DataError, match=r"9 images are absent.*ILSVRC2012_val_00000001"):
        wsol_bench.run(arch="none", data=without_images, methods="whole")


def write_csv(path: Path, scores: dict[str, list[float]]) -> Path:
    rows = [f"val/{name}.JPEG,{','.join(map(str, each))}" for name, each in scores.items()]
    path = path.with_suffix(".csv")
    path.write_text("\n".join(rows))
    return path


def write_long_csv(path: Path, scores: dict[str, list[float]]) -> Path:
    rows = [
        f"{name},{label},{score}"
        for name, each in scores.items()
        for label, score in enumerate(each)
    ]
    path = path.with_suffix(".csv")
    path.write_text("\n".join(["image,class,score", *rows]))
    return path


def write_npz(path: Path, scores: dict[str, list[float]]) -> Path:
    path = path.with_suffix(".npz")
    np.savez(path, names=np.array(list(scores)), scores=np.array(list(scores.values())))
    return path


def write_arrays(path: Path, scores: dict[str, list[float]]) -> Path:
    path = path.with_suffix(".npz")
    np.savez(path, **{name: np.array(each) for name, each in scores.items()})
    return path


def write_json(path: Path, scores: dict[str, list[float]]) -> Path:
    path = path.with_suffix(".json")
    path.write_text(json.dumps({name: {"pred_scores": each} for name, each in scores.items()}))
    return path


@pytest.mark.parametrize(
    "write",
    [write_csv, write_long_csv, write_npz, write_arrays, write_json],
    ids=lambda f: f.__name__,
)
def test_scores_of_a_file_rank_the_classes(write, small_dataset: Path, tmp_path: Path) -> None:
    # The label of each image leads but for the first two, whose label is second and last.
    scores = {}
    for at, (name, label) in enumerate(zip(NAMES, LABELS, strict=True)):
        each = [1.0, 1.0, 1.0]
        each[label] = 2.0
        if at < 2:
            each[label] = 0.5
            each[(label + 1) % 3] = 0.25 if at == 0 else 0.75
        scores[name] = each
    file = write(tmp_path / "scores", scores)
    result = wsol_bench.run(
        arch="none", scores=str(file), data=small_dataset, methods="whole", set=("topk=2",)
    )
    (row,) = result.rows
    assert row.figures["top1_cls"].value == pytest.approx(200 / 9)
    assert row.figures["top5_cls"].value == pytest.approx(100 / 9)
    assert row.weights == f"scores:{file.name}"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({NAMES[0]: [1.0, 2.0, 3.0]}, "8 of 9 images have no scores"),
        ({name: [1.0, float("nan"), 3.0] for name in NAMES}, "not all finite"),
        ({name: [1.0, 2.0] for name in NAMES}, "2 scores per image"),
        (dict.fromkeys(NAMES, "high"), "has no known form"),
    ],
)
def test_bad_scores_are_named(
    content: dict[str, object], expected: str, small_dataset: Path, tmp_path: Path
) -> None:
    file = tmp_path / "scores.json"
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=expected):
        wsol_bench.run(arch="none", scores=str(file), data=small_dataset, methods="whole")
