"""Maps and boxes of other programs: `maps:DIR` and `boxes:FILE`."""

import json
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

import wsol_bench
from wsol_bench.cli.main import main
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.devkit_ids import devkit_ids
from wsol_bench.datasets.example import Example
from wsol_bench.errors import DataError, UsageError
from wsol_bench.geometry import Size
from wsol_bench.methods.catalog import find_methods
from wsol_bench.records.run_folder import RunFolder

WNIDS = ("n01440764", "n01443537", "n01484850")
NAMES = [f"ILSVRC2012_val_{number:08d}" for number in range(1, 10)]
LABELS = [number % 3 for number in range(1, 10)]
BOXES = ("x0", "y0", "x1", "y1", "iou", "map_state")

Values = np.ndarray


def maps_of(seed: int = 0) -> dict[str, Values]:
    """A random map per image, each of another size."""
    random = np.random.default_rng(seed)
    return {name: random.random((5 + at, 9), dtype=np.float32) for at, name in enumerate(NAMES)}


def boxes_of(folder: Path, data: Path, **settings: object) -> list[object]:
    result = wsol_bench.run(arch="none", data=data, out=folder, **settings)
    (row,) = result.rows
    return RunFolder(folder).row(row.method, BOXES).to_pylist()


def write_npy(folder: Path, name: str, values: Values) -> None:
    np.save(folder / f"{name}.npy", values)


def write_wsolevaluation(folder: Path, name: str, values: Values) -> None:
    (folder / "val").mkdir(exist_ok=True)
    np.save(folder / f"val/{name}.JPEG.npy", values)


def write_npz(folder: Path, name: str, values: Values) -> None:
    np.savez(folder / f"{name}.npz", cam=values)


def write_class_arrays(folder: Path, name: str, values: Values) -> None:
    label = LABELS[NAMES.index(name)]
    each = {str(at): values if at == label else values[::-1] for at in range(3)}
    np.savez(folder / f"{name}.npz", **each)


def write_stack(folder: Path, name: str, values: Values) -> None:
    stack = np.stack([values[::-1]] * 3)
    stack[LABELS[NAMES.index(name)]] = values
    np.save(folder / f"{name}.JPEG.npy", stack)


@pytest.mark.parametrize(
    "write",
    [write_npy, write_wsolevaluation, write_npz, write_class_arrays, write_stack],
    ids=lambda each: each.__name__,
)
def test_every_form_of_a_maps_folder_gives_the_same_boxes(
    write: Callable[[Path, str, Values], None], small_dataset: Path, tmp_path: Path
) -> None:
    reference, folder = tmp_path / "reference", tmp_path / "maps"
    reference.mkdir()
    folder.mkdir()
    for name, values in maps_of().items():
        write_npy(reference, name, values)
        write(folder, name, values)
    expected = boxes_of(tmp_path / "a", small_dataset, methods=f"maps:{reference}")
    assert boxes_of(tmp_path / "b", small_dataset, methods=f"maps:{folder}") == expected


def test_a_folder_per_image_holds_a_map_per_class(small_dataset: Path, tmp_path: Path) -> None:
    reference, folder = tmp_path / "reference", tmp_path / "maps"
    reference.mkdir()
    for (name, values), label in zip(maps_of().items(), LABELS, strict=True):
        write_npy(reference, name, values)
        (folder / name).mkdir(parents=True)
        for at, wnid in enumerate(WNIDS):
            np.save(folder / name / f"{wnid}.npy", values if at == label else values[::-1])
    expected = boxes_of(tmp_path / "a", small_dataset, methods=f"maps:{reference}")
    found = boxes_of(tmp_path / "b", small_dataset, methods=f"maps:{folder}:per_class=true")
    assert found == expected


@pytest.mark.parametrize(("dtype", "highest"), [(np.uint8, 255), (np.uint16, 65_535)])
def test_a_grey_png_is_a_map_of_0_to_1(dtype, highest, small_dataset, tmp_path) -> None:
    reference, folder = tmp_path / "reference", tmp_path / "maps"
    reference.mkdir()
    folder.mkdir()
    for name, values in maps_of().items():
        whole = (values * highest).astype(dtype)
        Image.fromarray(whole).save(folder / f"{name}.JPEG.png")
        write_npy(reference, name, whole.astype(np.float32) / highest)
    expected = boxes_of(tmp_path / "a", small_dataset, methods=f"maps:{reference}")
    assert boxes_of(tmp_path / "b", small_dataset, methods=f"maps:{folder}") == expected


def test_a_map_of_one_cell_above_the_threshold_gives_its_cell(small_dataset, tmp_path) -> None:
    folder = tmp_path / "maps"
    folder.mkdir()
    for name in NAMES:
        values = np.zeros((2, 5), np.float32)
        values[1, 2] = 1
        write_npy(folder, name, values)
    settings = {"set": ("upsampling=nearest",), "methods": f"maps:{folder}"}
    first = boxes_of(tmp_path / "run", small_dataset, **settings)[0]
    # The first image is 65 wide and 86 high: the third fifth of its width, its lower half.
    assert [first[side] for side in BOXES[:4]] == [26, 43, 39, 86]


def spoil_missing(folder: Path) -> None:
    (folder / f"{NAMES[4]}.npy").rename(folder / "another_image.npy")


def spoil_nan(folder: Path) -> None:
    write_npy(folder, NAMES[4], np.full((3, 3), np.nan))


def spoil_shape(folder: Path) -> None:
    write_npy(folder, NAMES[4], np.zeros((2, 3, 3)))


def spoil_bytes(folder: Path) -> None:
    (folder / f"{NAMES[4]}.npy").write_bytes(b"no array")


def spoil_twice(folder: Path) -> None:
    (folder / "other").mkdir()
    write_npy(folder / "other", NAMES[4], np.zeros((3, 3)))
    (folder / "train").mkdir()
    (folder / f"{NAMES[4]}.npy").rename(folder / f"train/{NAMES[4]}.npy")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (spoil_missing, f"1 of 9 images have no map: {NAMES[4]}.*another_image"),
        (spoil_nan, f"{NAMES[4]}.npy: the map holds NaN"),
        (spoil_shape, rf"{NAMES[4]}.npy: its map is float64 \(2, 3, 3\)"),
        (spoil_bytes, f"{NAMES[4]}.npy: not a readable map"),
        (spoil_twice, f"{NAMES[4]} has several"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_bad_map_is_named(
    spoil: Callable[[Path], None], expected: str, small_dataset: Path, tmp_path: Path
) -> None:
    for name, values in maps_of().items():
        write_npy(tmp_path, name, values)
    spoil(tmp_path)
    with pytest.raises(DataError, match=expected):
        wsol_bench.run(arch="none", data=small_dataset, methods=f"maps:{tmp_path}")


def test_maps_of_several_sizes_cannot_be_kept(small_dataset: Path, tmp_path: Path) -> None:
    for name, values in maps_of().items():
        write_npy(tmp_path, name, values)
    with pytest.raises(UsageError, match="5 x 9 and, of ILSVRC2012_val_00000002, 6 x 9"):
        wsol_bench.run(
            arch="none",
            data=small_dataset,
            methods=f"maps:{tmp_path}",
            keep_maps=True,
            out=tmp_path / "run",
        )


@pytest.fixture(scope="module")
def kept_run(
    small_dataset: Path, small_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("kept") / "run"
    wsol_bench.run(
        arch="squeezenet1_1",
        weights=str(small_weights),
        data=small_dataset,
        methods="grad_cam:layer=features.10,center",
        keep_maps=True,
        out=out,
    )
    return out


@pytest.mark.parametrize("keep_maps", [False, True])
def test_exported_maps_score_as_their_run_to_the_bit(
    keep_maps: bool, kept_run: Path, small_dataset: Path, tmp_path: Path
) -> None:
    maps = tmp_path / "maps"
    assert main(["export", str(kept_run), str(maps), "--format=maps", "--methods=" + ROW]) == 0
    assert {each.suffix for each in maps.iterdir()} == {".npy"}
    found = boxes_of(tmp_path / "again", small_dataset, methods=f"maps:{maps}", keep_maps=keep_maps)
    assert found == RunFolder(kept_run).row(ROW, BOXES).to_pylist()


ROW = "grad_cam:layer=features.10"


def test_maps_for_wsolevaluation_have_the_runs_figures_as_coded(
    kept_run: Path, small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maps, again = tmp_path / "maps", tmp_path / "again"
    form = "--format=maps-wsolevaluation"
    assert main(["export", str(kept_run), str(maps), form, "--methods=" + ROW]) == 0
    first = np.load(maps / f"val/{NAMES[0]}.JPEG.npy")
    assert (first.shape, first.dtype, first.min(), first.max()) == ((224, 224), np.float32, 0, 1)
    boxes_of(again, small_dataset, methods=f"maps:{maps}", keep_maps=True)
    capsys.readouterr()
    metrics = "--metrics=max_box_acc_as_coded,max_box_acc_v2_as_coded"
    figures = []
    for run in (kept_run, again):
        assert main(["score", str(run), metrics, "--json"]) == 0
        row = json.loads(capsys.readouterr().out)["rows"][0]
        figures.append([row["max_box_acc_as_coded"], row["max_box_acc_v2_as_coded"]])
    assert figures[0] == figures[1]


def corners(at: int) -> tuple[int, int, int, int]:
    """A box of each image, half-open."""
    return (at, 2 * at, 20 + at, 30 + at)


def write_boxes_csv(folder: Path) -> Path:
    lines = [
        f"val/{name}.JPEG,{WNIDS[label]},{','.join(map(str, corners(at)))}"
        for at, (name, label) in enumerate(zip(NAMES, LABELS, strict=True))
    ]
    path = folder / "boxes.csv"
    path.write_text("\n".join(["image,class,x0,y0,x1,y1", *lines]))
    return path


def write_sides_csv(folder: Path) -> Path:
    """Without a class, and with a worse box before each."""
    lines = []
    for at, name in enumerate(NAMES):
        x0, y0, x1, y1 = corners(at)
        lines += [f"{name},0,0,1,1,0.1", f"{name},{x0},{y0},{x1 - x0},{y1 - y0},0.9"]
    path = folder / "sides.csv"
    path.write_text("\n".join(["image_id,x,y,w,h,score", *lines]))
    return path


def write_coco(folder: Path) -> Path:
    ids = devkit_ids(WNIDS).ids
    results = []
    for at, label in enumerate(LABELS):
        x0, y0, x1, y1 = corners(at)
        other = {"bbox": [0, 0, 1, 1], "category_id": ids[(label + 1) % 3], "score": 9}
        own = {"bbox": [x0, y0, x1 - x0, y1 - y0], "category_id": ids[label], "score": 1}
        results += [{"image_id": at + 1, **each} for each in (other, own)]
    path = folder / "boxes.json"
    path.write_text(json.dumps(results))
    return path


def write_devkit(folder: Path) -> Path:
    ids = devkit_ids(WNIDS).ids
    lines = []
    for at, label in enumerate(LABELS):
        x0, y0, x1, y1 = corners(at)
        lines.append(f"{ids[(label + 1) % 3]} 0 0 1 1 {ids[label]} {x0} {y0} {x1 - 1} {y1 - 1}")
    path = folder / "boxes.txt"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(
    "write",
    [write_boxes_csv, write_sides_csv, write_coco, write_devkit],
    ids=lambda each: each.__name__,
)
def test_every_form_of_a_boxes_file_gives_its_boxes(
    write: Callable[[Path], Path], small_dataset: Path, tmp_path: Path
) -> None:
    file = write(tmp_path)
    found = boxes_of(tmp_path / "run", small_dataset, methods=f"boxes:{file}")
    expected = [list(corners(at)) for at in range(9)]
    assert [[each[side] for side in BOXES[:4]] for each in found] == expected


def test_an_exported_csv_gives_back_its_boxes(
    kept_run: Path, small_dataset: Path, tmp_path: Path
) -> None:
    file = tmp_path / "boxes.csv"
    assert main(["export", str(kept_run), str(file), "--format=csv", "--methods=" + ROW]) == 0
    found = boxes_of(tmp_path / "run", small_dataset, methods=f"boxes:{file}")
    expected = RunFolder(kept_run).row(ROW, BOXES).to_pylist()
    sides = BOXES[:5]
    assert [[e[side] for side in sides] for e in found] == [
        [e[side] for side in sides] for e in expected
    ]


def test_an_image_with_boxes_of_other_classes_only_has_an_empty_box(
    small_dataset: Path, tmp_path: Path
) -> None:
    file = write_boxes_csv(tmp_path)
    lines = file.read_text().splitlines()
    lines[3] = lines[3].replace(WNIDS[LABELS[2]], WNIDS[(LABELS[2] + 1) % 3])
    file.write_text("\n".join(lines))
    found = boxes_of(tmp_path / "a", small_dataset, methods=f"boxes:{file}")
    assert [found[2][side] for side in BOXES[:5]] == [0, 0, 0, 0, 0]
    found = boxes_of(tmp_path / "b", small_dataset, methods=f"boxes:{file}:any_class=true")
    assert [found[2][side] for side in BOXES[:4]] == list(corners(2))


def test_an_inclusive_corner_is_the_last_pixel(small_dataset: Path, tmp_path: Path) -> None:
    spec = f"boxes:{write_boxes_csv(tmp_path)}:box_ends=inclusive"
    assert find_methods([spec])[0].name == "boxes:boxes.csv:box_ends=inclusive"
    first = boxes_of(tmp_path / "run", small_dataset, methods=spec)[0]
    assert [first[side] for side in BOXES[:4]] == [0, 0, 21, 31]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("boxes.csv", f"image,x0,y0,x1,y1\n{NAMES[0]},1,2,3,4", "8 of 9 images have no box"),
        ("boxes.csv", "image,left,top\na,1,2", "no columns"),
        ("boxes.json", "{}", "no list of results"),
        ("boxes.txt", "1 2 3", "groups of five numbers"),
    ],
)
def test_a_bad_boxes_file_is_named(name, content, expected, small_dataset, tmp_path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=expected):
        wsol_bench.run(arch="none", data=small_dataset, methods=f"boxes:{tmp_path / name}")


@pytest.mark.parametrize("numbers", [(1, 3, 7), (1, 2, 3)])
def test_category_ids_are_the_datasets_own_or_counted_from_1(
    numbers: tuple[int, ...], tmp_path: Path
) -> None:
    """COCO's own ids leave out numbers: 3 is the second class there, the third where counted."""
    boxes = np.array([[0.0, 0.0, 5.0, 5.0]])
    examples = [Example(f"image_{at}", at, at, boxes, Size(9, 9)) for at in range(3)]
    names, images = ("cat", "dog", "owl"), Mock()  # no image is opened
    dataset = ImageDataset("", names, names, examples, images, category_ids=(1, 3, 7))
    path = tmp_path / "boxes.json"
    results = [
        {"image_id": at, "category_id": number, "bbox": [at, 0, 2, 2], "score": 1}
        for at, number in enumerate(numbers)
    ]
    path.write_text(json.dumps(results))
    (row,) = find_methods([f"boxes:{path}"])
    read = row.on(dataset).learned.by_image
    assert [read[f"image_{at}"][0].label for at in range(3)] == [0, 1, 2]
