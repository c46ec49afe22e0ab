"""`show`: any single image, no dataset."""

import json
from pathlib import Path

import numpy as np
import pytest
import skimage
import torch
import torchvision
from PIL import Image

from wsol_bench.cli.main import main
from wsol_bench.datasets.images import read_image
from wsol_bench.geometry import Size, Window
from wsol_bench.records.opened_run import open_networks
from wsol_bench.runs.single_image import evaluate_image
from wsol_bench.settings import RunSettings

METHODS = "backprop,c_mwp,grad_cam,cam,center"
DATA = Path(skimage.__file__).parent / "data"


@pytest.fixture(scope="module")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small photograph that scikit-image brings along."""
    path = tmp_path_factory.mktemp("photographs") / "coffee cup.png"
    Image.open(DATA / "coffee.png").resize((90, 60)).save(path)
    return path


@pytest.fixture
def command(photograph: Path, small_weights: Path, tmp_path: Path) -> list[str]:
    return [
        "show",
        str(photograph),
        "--arch=squeezenet1_1",
        f"--weights={small_weights}",
        f"--methods={METHODS}",
        f"--out={tmp_path / 'look.png'}",
    ]


def shown_json(capsys: pytest.CaptureFixture[str], command: list[str]) -> dict:
    capsys.readouterr()
    assert main([*command, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def run_of_three(
    small_dataset: Path, small_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("show") / "run"
    command = ["run", "--arch=squeezenet1_1", f"--weights={small_weights}", "--limit=3", "-q"]
    command += [f"--data={small_dataset}", f"--methods={METHODS},grad_cam_other", f"--out={out}"]
    assert main([*command, "--json"]) == 0
    return out


def test_it_says_of_an_image_what_a_run_records(
    run_of_three: Path,
    small_dataset: Path,
    small_weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (network,) = open_networks(run_of_three)
    for row in network.of("grad_cam").to_pylist():
        path = small_dataset / f"ILSVRC/Data/CLS-LOC/val/{row['image_id']}.JPEG"
        command = ["show", str(path), "--arch=squeezenet1_1", f"--weights={small_weights}"]
        command += [f"--methods={METHODS}", f"--class={row['label']}", f"--out={tmp_path}/x.png"]
        told = shown_json(capsys, command)
        assert (told["width"], told["height"]) == (row["width"], row["height"])
        assert [each["index"] for each in told["best"]] == row["classes"]
        np.testing.assert_allclose(
            [each["score"] for each in told["best"]], row["scores"], rtol=1e-4, atol=1e-4
        )
        for method in told["methods"]:
            records = network.of(method["method"]).to_pylist()
            (record,) = (each for each in records if each["image_id"] == row["image_id"])
            # a box of one image and one of a batch may differ where a value is the threshold
            corners = [record[side] for side in ("x0", "y0", "x1", "y1")]
            np.testing.assert_allclose(method["box"], corners, atol=1)
            assert method["map_state"] == record["map_state"]


def test_a_map_from_a_file_shows_the_whole_image_under_any_view(
    photograph: Path, small_weights: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / f"{photograph.stem}.npy", np.eye(14, dtype=np.float32))
    settings = RunSettings(
        arch="squeezenet1_1",
        weights=str(small_weights),
        methods=("grad_cam", f"maps:{tmp_path}"),
        set=("view=center-crop",),
    )
    own, read = evaluate_image(photograph, settings).boxes
    assert read.window == Window.whole(Size(60, 90))
    assert own.window != read.window


def test_the_best_class_is_asked_about_unless_another_is_named(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    told = shown_json(capsys, command)
    assert told["class"].items() <= told["best"][0].items()
    assert told["class"]["rank"] == 1
    last = told["best"][-1]["index"]
    other = shown_json(capsys, [*command, f"--class={last}"])
    assert other["class"].items() <= told["best"][-1].items()
    assert other["best"] == told["best"]
    boxes = [[method["box"] for method in each["methods"][:-1]] for each in (told, other)]
    assert boxes[0] != boxes[1]
    assert told["methods"][-1] == other["methods"][-1]  # the centred box asks about no class


def test_every_best_class_has_each_methods_box_as_if_it_were_asked_about(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    best = shown_json(capsys, command)["best"]
    assert len(best) == 3
    for each in best:
        asked = shown_json(capsys, [*command, f"--class={each['index']}"])
        assert each["boxes"] == {one["method"]: one["box"] for one in asked["methods"]}
    assert len({str(each["boxes"]["grad_cam"]) for each in best}) > 1
    assert main(command) == 0
    printed = capsys.readouterr().out
    table = printed.partition("the 3 best classes")[2]
    for each in best:
        x0, y0, x1, y1 = (f"{corner:.0f}" for corner in each["boxes"]["grad_cam"])
        assert f"{x0}–{x1}" in table
        assert f"{y0}–{y1}" in table


def test_probabilities_are_the_softmax_of_the_scores(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    best = shown_json(capsys, command)["best"]
    scores = torch.tensor([each["score"] for each in best], dtype=torch.float64)
    found = [each["probability"] for each in best]
    np.testing.assert_allclose(found, scores.softmax(0).numpy(), rtol=1e-6)
    assert sum(found) == pytest.approx(1)


def test_a_method_that_cannot_run_is_named_with_its_reason(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "average pooling" in shown_json(capsys, command)["not_applicable"]["cam"]
    assert main(command) == 0
    assert "cam: n/a: " in capsys.readouterr().out


def test_the_summary_fits_a_terminal_and_names_the_figure(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert "coffee cup.png, 90 x 60 pixels" in printed.out
    assert max(len(line) for line in lines[:-1]) <= 80
    assert lines[-1] == f"figure: {tmp_path / 'look.png'}"
    assert (tmp_path / "look.png").read_bytes().startswith(b"\x89PNG")
    assert "\x1b" not in printed.out
    assert printed.err == ""


def test_the_figure_stands_in_this_folder_where_no_name_is_given(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(command[:-1]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["coffee cup-squeezenet1_1.png"]


def test_ten_crops_have_one_map_and_the_mean_of_the_scores(
    photograph: Path, small_weights: Path
) -> None:
    settings = RunSettings(
        arch="squeezenet1_1",
        weights=str(small_weights),
        methods=("grad_cam",),
        protocol="cam-cvpr16",
    )
    result = evaluate_image(photograph, settings)
    (found,) = result.boxes
    assert found.values is not None
    assert found.values.shape == (256, 256)
    net = torchvision.models.squeezenet1_1(num_classes=3)
    net.load_state_dict(torch.load(small_weights, weights_only=True))
    canvas = np.asarray(read_image(photograph).resize((256, 256), Image.Resampling.BILINEAR))
    tensor = torchvision.transforms.functional.to_tensor(canvas.copy())
    crops = torch.stack(torchvision.transforms.functional.ten_crop(tensor, 224))
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 1, 3, 1, 1)
    with torch.no_grad():
        scores = net.eval()((crops - mean) / std).mean(0)
    found_scores = {each.index: each.score for each in result.best}
    np.testing.assert_allclose(
        [found_scores[i] for i in range(3)], scores.numpy(), rtol=1e-3, atol=1e-4
    )


def test_show_with_demo_weights_adds_the_cam_arch(
    photograph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["show", str(photograph), "--arch=alexnet", "--weights=demo"]
    command.append(f"--out={tmp_path / 'x.svg'}")
    told = shown_json(capsys, [*command, "--methods=grad_cam,cam,center"])
    (tmp_path / "x.svg").read_text().index("CAM (alexnet_cam)")
    assert [each["arch"] for each in told["methods"]] == ["alexnet", "alexnet_cam", "alexnet"]
    assert told["not_applicable"] == {}
    assert len(told["best"]) == 5
    assert told["best"][0]["wnid"].startswith("n9")
    assert " " in told["best"][0]["name"]
    named = shown_json(capsys, [*command, "--methods=center", "--class=striped jug"])
    assert named["class"]["name"] == "striped jug"


def test_show_warns_that_demo_weights_mean_nothing_on_a_photograph(
    photograph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["show", str(photograph), "--arch=alexnet", "--weights=demo", "--methods=center"]
    assert main([*command, f"--out={tmp_path / 'x.png'}"]) == 0
    printed = capsys.readouterr()
    assert "Their prediction for a photograph means nothing" in printed.err
    assert max(len(line) for line in printed.out.splitlines()[:-1]) <= 80


def test_an_image_that_is_to_be_turned_is_taken_as_stored_and_that_is_said(
    command: list[str], photograph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(photograph).convert("RGB").save(turned, exif=exif)
    told = shown_json(capsys, ["show", str(turned), *command[2:]])
    assert (told["width"], told["height"]) == (90, 60)
    assert main(["show", str(turned), *command[2:]]) == 0
    assert "EXIF" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"image": "no/such.png"}, 3, "no/such.png"),
        ({"image": __file__}, 3, "not an image"),
        ({"--class": "3"}, 2, "from 0 to 2"),
        ({"--class": "espresso"}, 2, "no class"),
        ({"--arch": "vgg61"}, 2, "vgg16"),
        ({"--arch": "vgg16"}, 3, "weights"),
        ({"--weights": "no/such.pth"}, 3, "no/such.pth"),
        ({"--weights": "wat"}, 3, "torchvision"),
        ({"--methods": "grad_cma"}, 2, "grad_cam"),
        ({"--protocol": "maxboxacc"}, 2, "--keep-maps"),
        ({"--out": "look.jpg"}, 2, ".svg"),
        ({"--out": "no/folder/look.png"}, 3, "no/folder"),
        ({"--width-in": "-3"}, 2, "--width-in"),
    ],
    ids=str,
)
def test_bad_usage_gets_one_message_and_the_right_code(
    change: dict[str, str],
    code: int,
    said: str,
    command: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    image = change.pop("image", command[1])
    flags = dict(flag.split("=", 1) for flag in command[2:]) | change
    assert main(["show", image, *(f"{name}={value}" for name, value in flags.items())]) == code
    printed = capsys.readouterr()
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""


@pytest.mark.ilsvrc
@pytest.mark.parametrize(
    ("name", "best"), [("chelsea.png", "Egyptian cat"), ("coffee.png", "espresso")]
)
def test_the_real_googlenet_knows_scikit_images_photographs(
    name: str,
    best: str,
    real_googlenet: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["show", str(DATA / name), "--arch=googlenet", f"--weights=caffe:{real_googlenet}"]
    told = shown_json(capsys, [*command, "--methods=center", f"--out={tmp_path}/x.png"])
    assert told["class"]["name"] == best
    assert told["class"]["probability"] > 0.5
