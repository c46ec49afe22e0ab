"""The page holds what the records say, needs nothing but itself, and trusts no name."""

import base64
import io
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from wsol_bench.cli.main import main
from wsol_bench.scoring.intervals import Rate

METRICS = ("top1_cls", "top5_cls", "top1_loc", "top5_loc", "gt_known_loc")


class Tables(HTMLParser):
    """The rows of every table as texts of their cells, by the table's class."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[list[str]]]] = []
        self.open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.found.append((dict(attrs).get("class") or "", []))
        elif tag == "tr":
            self.found[-1][1].append([])
        elif tag in ("td", "th"):
            self.found[-1][1][-1].append("")
            self.open = True
        elif tag == "span" and self.open:
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.open = False

    def handle_data(self, data: str) -> None:
        if self.open:
            self.found[-1][1][-1][-1] += data

    def of(self, kind: str) -> list[dict[str, list[list[str]]]]:
        """The tables of a class: first cell of a row -> the others' words."""
        return [
            {row[0].strip(): [cell.split() for cell in row[1:]] for row in rows if row}
            for name, rows in self.found
            if kind in name.split()
        ]


def write(out: Path, *arguments: str) -> str:
    assert main(["report", *arguments, "--out", str(out), "--quiet"]) == 0
    return out.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def html(run_files: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("page") / "report.html", str(run_files.path))


@pytest.fixture(scope="module")
def tables(html: str) -> Tables:
    return Tables(html)


def gallery_of(html: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="gallery-data">(.*?)</script>', html)
    return json.loads(text)


def test_errors_and_intervals_are_those_counted_from_the_records(
    tables: Tables, run_files: Any
) -> None:
    (errors,) = tables.of("errors")
    for method, title in (("grad_cam", "Grad-CAM"), ("mwp", "MWP"), ("center", "Centred box")):
        for metric, cell in zip(METRICS, errors[title], strict=True):
            wrong = run_files.wrong(method, metric)
            rate = Rate(sum(wrong), len(wrong))
            ends = rate.interval()
            assert cell[:2] == [f"{rate.percent:.2f}", f"{ends.low:.1f}–{ends.high:.1f}"], metric


def test_pairs_count_the_images_that_tell_two_rows_apart(tables: Tables, run_files: Any) -> None:
    shown = tables.of("pairs")
    assert len(shown) == 3
    for table, metric in zip(shown, METRICS[2:], strict=True):
        first, second = (run_files.wrong(method, metric) for method in ("grad_cam", "mwp"))
        cells = table["Grad-CAM − MWP"]
        only_first = sum(a and not b for a, b in zip(first, second, strict=True))
        only_second = sum(b and not a for a, b in zip(first, second, strict=True))
        assert cells[1] == [str(only_first), "/", str(only_second)]
        if not only_first and not only_second:
            assert cells[0] == ["same"]
            assert " ".join(cells[4]) == "agree on all 40 images"
            continue
        points = 100 * (only_first - only_second) / len(first)
        assert float(cells[0][0].replace("−", "-")) == pytest.approx(points, abs=0.005)


def test_failures_add_up_to_all_images_and_the_right_ones_to_the_rest(
    tables: Tables, run_files: Any
) -> None:
    for table, metric in zip(tables.of("failures"), METRICS[2:], strict=True):
        for method, title in (("grad_cam", "Grad-CAM"), ("center", "Centred box")):
            counts = [int(cell[1]) for cell in table[title]]
            wrong = run_files.wrong(method, metric)
            assert sum(counts) == len(wrong)
            assert counts[0] == len(wrong) - sum(wrong)


def test_groups_add_up_to_all_images(tables: Tables, run_files: Any) -> None:
    by_size, by_count = tables.of("groups")[:2]
    for table in (by_size, by_count):
        assert sum(int(cell[-1]) for cell in table["method"]) == len(run_files.records["mwp"])
    counts = [len(record.true_boxes) for record in run_files.records["mwp"]]
    assert [int(cell[-1]) for cell in by_count["method"]] == [counts.count(k) for k in (1, 2, 3)]


def test_classes_hold_the_errors_of_each_class_under_every_metric(
    html: str, run_files: Any
) -> None:
    rows = re.findall(r"<tr><th scope=\"row\">shark</th>(.*?)</tr>", html)
    cells = re.findall(r'data-all="([^"]*)"', rows[0])
    for method, cell in zip(("grad_cam", "mwp", "center"), cells, strict=True):
        for metric, shown in zip(METRICS[2:], cell.split(), strict=True):
            wrong = run_files.wrong(method, metric)
            own = [
                flag
                for flag, record in zip(wrong, run_files.records[method], strict=True)
                if record.label == 2
            ]
            assert shown == f"{100 * sum(own) / len(own):.1f}"


def test_the_gallery_holds_the_boxes_ious_and_classes_of_the_records(
    html: str, run_files: Any
) -> None:
    (run,) = gallery_of(html)["runs"]
    assert len(run["cards"]) == 40
    for place, card in enumerate(run["cards"]):
        for number, method in enumerate(("grad_cam", "mwp", "center")):
            record, drawn = run_files.records[method][place], card["methods"][number]
            assert card["id"] == record.image_id
            assert drawn["box"] == pytest.approx(record.box.tolist(), abs=0.051)
            assert drawn["iou"] == pytest.approx(record.iou, abs=5e-5)
            assert card["truth"] == record.true_boxes.ravel().tolist()
            for metric, kind in zip(METRICS[2:], drawn["kinds"], strict=True):
                assert (kind == 0) == (not run_files.wrong(method, metric)[place])
            assert drawn["rank"] == (
                record.classes.tolist().index(record.label) + 1
                if record.label in record.classes
                else 0
            )


def test_sets_are_the_best_the_worst_and_the_degenerate(html: str, run_files: Any) -> None:
    (run,) = gallery_of(html)["runs"]
    ious = [record.iou for record in run_files.records["mwp"]]
    assert [ious[place] for place in run["by_method"]["best"][1]] == sorted(ious)[::-1][:6]
    assert [ious[place] for place in run["by_method"]["worst"][1]] == sorted(ious)[:6]
    assert run["across"]["degenerate"] == [7]
    assert run["cards"][7]["methods"][0]["state"] == "zero"
    assert "map" not in run["cards"][7]["methods"][0]
    assert "map" in run["cards"][7]["methods"][1]


def test_nothing_is_loaded_from_anywhere(html: str) -> None:
    assert not re.search(r"https?://", html)
    assert not re.search(r"url\(|@import|<link|<iframe|<base", html)
    sources = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert all(source.startswith("#") for source in sources)
    assert "default-src 'none'" in html
    uris = gallery_of(html)["images"].values()
    assert all(uri.startswith("data:image/webp;base64,") for uri in uris)


def test_hostile_names_stay_text(html: str) -> None:
    assert "window.hacked" in html  # the names are shown
    assert "<script>window" not in html
    assert "<img" not in html
    assert html.count("</script>") == html.count("<script")
    names = {card["label"] for card in gallery_of(html)["runs"][0]["cards"]}
    assert any(name.startswith("</script>") for name in names)


def test_no_folder_of_the_machine_is_told(html: str, run_files: Any) -> None:
    assert str(run_files.path.parent) not in html
    assert str(run_files.data.parent) not in html
    assert "/secret" not in html
    assert "caffe:net.caffemodel" in html


def test_the_page_says_what_is_not_applicable_and_which_maps_say_nothing(html: str) -> None:
    assert "CAM needs &lt;one&gt; linear layer" in html
    assert "Grad-CAM: 1 zero of 40 maps is degenerate; its box is the whole image" in html


def test_the_same_runs_give_the_same_page(html: str, run_files: Any, tmp_path: Path) -> None:
    assert write(tmp_path / "again.html", str(run_files.path)) == html


def test_the_size_limit_leaves_out_pictures_and_nothing_else(
    html: str, run_files: Any, tmp_path: Path
) -> None:
    full = len(html.encode())
    for share in (0.8, 0.6):
        limit = share * full / 1e6
        small = write(tmp_path / "small.html", str(run_files.path), f"--max-mb={limit}")
        assert len(small.encode()) <= share * full
        (run,) = gallery_of(small)["runs"]
        assert 0 < len(run["cards"]) < 40
        assert f"{len(run['cards'])} of 40 images are in the gallery" in small
        assert f"left out {40 - len(run['cards'])} more" in small
        assert set(gallery_of(small)["images"]) == {card["image"] for card in run["cards"]}
        places = [place for set_ in run["by_method"]["best"] for place in set_]
        assert places
        assert max(places) < len(run["cards"])
    bare = write(tmp_path / "bare.html", str(run_files.path), "--max-mb=0.01")
    assert gallery_of(bare) == {"images": {}, "runs": []}
    assert "There are no pictures: the size limit" in bare


@pytest.fixture(scope="module")
def large(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images enlarged sevenfold, past the largest side that a page takes."""
    folder = tmp_path_factory.mktemp("large") / "val-40"
    shutil.copytree(images, folder)
    for path in (folder / "ILSVRC/Data/CLS-LOC/val").iterdir():
        with Image.open(path) as image:
            image.resize((7 * image.width, 7 * image.height)).save(path)
    for path in (folder / "ILSVRC/Annotations/CLS-LOC/val").iterdir():
        text = path.read_text()
        path.write_text(re.sub(r">(\d+)</", lambda found: f">{7 * int(found[1])}</", text))
    return folder


def test_pictures_are_as_large_as_the_limit_leaves_room_for(
    make_run: Any, large: Path, tmp_path: Path
) -> None:
    path = str(make_run(data=large).path)
    sides = {}
    for limit in (3.0, 0.5, 0.45, 0.4, 0.35, 0.3):
        page = write(tmp_path / "sides.html", path, f"--max-mb={limit}")
        assert len(page.encode()) <= limit * 1e6
        found = gallery_of(page)
        heads = (uri.split(",")[1] for uri in found["images"].values())
        opened = [Image.open(io.BytesIO(base64.b64decode(head))).size for head in heads]
        (sides[limit],) = {max(size) for size in opened}
        if sides[limit] > 256:
            assert len(found["runs"][0]["cards"]) == 40
    assert sides[3.0] == 512
    assert sides[0.3] == 256
    assert sorted(sides.values(), reverse=True) == list(sides.values())
    assert len(set(sides.values())) > 2


def test_fewer_pictures_when_asked(run_files: Any, tmp_path: Path) -> None:
    page = write(tmp_path / "few.html", str(run_files.path), "--pictures=5")
    assert len(gallery_of(page)["runs"][0]["cards"]) == 5
    none = write(tmp_path / "none.html", str(run_files.path), "--pictures=0")
    assert "There are no pictures: none were requested" in none
    assert gallery_of(none)["runs"] == []


def test_two_runs_share_their_images(make_run: Any, tmp_path: Path, html: str) -> None:
    runs = [make_run("a"), make_run("b", seed=1, weights="other", methods=("mwp", "center"))]
    page = write(tmp_path / "two.html", *(str(run.path) for run in runs))
    found = gallery_of(page)
    assert [run["label"] for run in found["runs"]] == ["a", "b"]
    assert len(found["images"]) == 40
    assert "one method, two runs" in page
    first, second = (run.wrong("mwp", "top1_loc") for run in runs)
    (across,) = (table for table in Tables(page).of("pairs")[:3] if "MWP in a − MWP in b" in table)
    only = sum(a and not b for a, b in zip(first, second, strict=True))
    assert across["MWP in a − MWP in b"][1][0] == str(only)


def test_a_folder_of_several_archs_is_several_runs(make_run: Any, tmp_path: Path) -> None:
    runs = [make_run("x"), make_run("y", arch="alexnet")]
    for run in runs:
        (tmp_path / "all").mkdir(exist_ok=True)
        (tmp_path / "all" / run.path.name).symlink_to(run.path)
    page = write(tmp_path / "all.html", str(tmp_path / "all"), "--pictures=1")
    assert [run["label"] for run in gallery_of(page)["runs"]] == ["vgg16", "alexnet"]


def test_without_maps_the_page_says_how_to_get_them(make_run: Any, tmp_path: Path) -> None:
    bare = make_run(keep_maps=False)
    page = write(tmp_path / "bare.html", str(bare.path))
    assert "The run kept no maps" in page
    assert re.search(r"wsol-bench run --arch vgg16[^<]* --keep-maps</code>", page)
    assert not any(
        "map" in m for card in gallery_of(page)["runs"][0]["cards"] for m in card["methods"]
    )


def test_without_images_the_page_is_made_and_says_so(
    make_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    manifest = json.loads((run.path / "run.json").read_text())
    manifest["settings"]["data"] = "/not/here/val-40"
    (run.path / "run.json").write_text(json.dumps(manifest))
    page = write(tmp_path / "blind.html", str(run.path))
    assert "There are no pictures: the images of val-40 are no longer there" in page
    assert "/not/here" not in page
    assert Tables(page).of("errors")[0]["MWP"]
    with_data = write(tmp_path / "found.html", str(run.path), f"--data={run.data}")
    assert len(gallery_of(with_data)["runs"][0]["cards"]) == 40


def test_data_of_other_images_is_refused(
    run_files: Any, small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "no.html"
    command = ["report", str(run_files.path), "--out", str(out), "-q", "--data"]
    assert main([*command, str(small_dataset)]) == 3
    assert "other images or boxes" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "absent")]) == 3
    assert not out.exists()


def test_an_image_of_another_size_is_named_and_left_out(make_run: Any, tmp_path: Path) -> None:
    run = make_run()
    data = tmp_path / "val-40"
    shutil.copytree(run.data, data)
    Image.new("RGB", (50, 50)).save(data / "ILSVRC/Data/CLS-LOC/val/img_000.JPEG")
    (data / "ILSVRC/Data/CLS-LOC/val/img_001.JPEG").write_bytes(b"\xff\xd8 no picture")
    page = write(tmp_path / "odd.html", str(run.path), f"--data={data}")
    assert "2 images could not be shown: img_000, img_001." in page
    assert str(tmp_path) not in page
    assert "img_000" not in {card["id"] for card in gallery_of(page)["runs"][0]["cards"]}
    assert len(gallery_of(page)["runs"][0]["cards"]) == 38


@pytest.mark.filterwarnings("error")
def test_an_image_that_could_not_be_read_is_said_once_and_has_a_group_of_its_own(
    make_run: Any, tmp_path: Path
) -> None:
    page = write(tmp_path / "damaged.html", str(make_run(unreadable=1, seed=4).path))
    assert page.count("1 image could not be read and counts as wrong: img_000.") == 1
    assert "unreadable of 40 maps" not in page
    assert "1 image could not be shown: img_000." in page
    (sizes, *_) = Tables(page).of("groups")
    assert sizes["method"][4][0].startswith("unreadable")
    assert sizes["MWP"][-1][0] == "100.00"
    assert sizes["MWP"][3][0] != "100.00"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--max-mb=0"], 2, "--max-mb 0"),
        (["--max-mb=nan"], 2, "--max-mb nan"),
        (["--pictures=-1"], 2, "--pictures -1"),
        (["--out=."], 2, "is a folder"),
        (["--out=/dev/null/x.html"], 3, "cannot be written"),
    ],
)
def test_a_number_or_file_that_makes_no_sense_is_refused(
    arguments: list[str],
    code: int,
    message: str,
    run_files: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["report", str(run_files.path), "-q", *arguments]) == code
    assert message in capsys.readouterr().err


def test_a_folder_that_is_no_run_and_one_named_twice_are_refused(
    run_files: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"--out={tmp_path / 'x.html'}"
    assert main(["report", str(tmp_path), out]) == 3
    assert "run.json" in capsys.readouterr().err
    assert main(["report", str(run_files.path), str(run_files.path), out]) == 2
    assert "named twice" in capsys.readouterr().err


def test_a_report_needs_no_torch(run_files: Any, tmp_path: Path) -> None:
    out = tmp_path / "light.html"
    code = (
        "import sys\nfrom wsol_bench.cli.main import main\n"
        f"assert main(['report', {str(run_files.path)!r}, '--out', {str(out)!r}]) == 0\n"
        "sys.exit('torch' in sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert "pictures" in finished.stdout


@pytest.mark.parametrize("keep_maps", [True, False])
@pytest.mark.parametrize("methods", [("center",), ("mwp",), ("grad_cam", "center")])
def test_a_page_is_made_of_few_methods_and_of_none_that_counts(
    methods: tuple[str, ...], keep_maps: bool, make_run: Any, tmp_path: Path
) -> None:
    for blacklisted in (False, True):
        run = make_run(methods=methods, keep_maps=keep_maps, blacklisted=blacklisted)
        page = write(tmp_path / "few.html", str(run.path))
        assert "nan" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL).lower()
        (errors,) = Tables(page).of("errors")
        assert ("no images" in " ".join(errors[TITLES[methods[0]]][2])) == blacklisted


TITLES = {"grad_cam": "Grad-CAM", "mwp": "MWP", "center": "Centred box"}
