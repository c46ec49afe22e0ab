"""Maps, boxes and scores of other programs that are missing or bad: one message each."""

import json

import numpy as np
import pytest

SECTION = "Refused maps, boxes and scores"
RUN = ("run", "--arch=none")


def missing(folder):
    (folder / "maps/a.npy").rename(folder / "maps/c.npy")


def not_finite(folder):
    np.save(folder / "maps/a.npy", np.full((2, 2), np.nan))


def cut_off(folder):
    content = (folder / "maps/a.npy").read_bytes()
    (folder / "maps/a.npy").write_bytes(content[:100])


def of_colour(folder, making):
    (folder / "maps/a.npy").unlink()
    making.picture().save(folder / "maps/a.png")


def of_another_form(folder):
    np.save(folder / "maps/a.npy", np.zeros((7, 2, 2)))


def twice(folder):
    np.save(folder / "maps/a.JPEG.npy", np.zeros((2, 2)))
    (folder / "maps/a.npy").rename(folder / "maps/a.PNG.npy")


def no_folder(folder):
    (folder / "maps").rename(folder / "other")


MAPS = {
    "a map that is missing": missing,
    "a map with a NaN": not_finite,
    "a map that is cut off": cut_off,
    "a map in colour": of_colour,
    "a map per class of another dataset": of_another_form,
    "two maps of one image": twice,
    "no folder of maps": no_folder,
}
FILES = {
    "boxes of some images only": ("boxes.csv", "image,x0,y0,x1,y1\nb,1,2,3,4\n"),
    "boxes without corners": ("boxes.csv", "image,left,top\na,1,2\n"),
    "scores of another number of classes": (
        "scores.json",
        json.dumps({name: {"pred_scores": [1, 2, 3]} for name in "ab"}),
    ),
    "a score that is not finite": ("scores.csv", "a,1,2\nb,1,nan\n"),
}


@pytest.fixture
def maps(spoiled):
    (spoiled.root / "maps").mkdir()
    for name in "ab":
        np.save(spoiled.root / f"maps/{name}.npy", np.eye(2, dtype=np.float32))
    return spoiled.root / "maps"


@pytest.mark.parametrize("what", MAPS)
def test_a_bad_map_is_named(what, spoiled, maps, making, command, expect_row):
    spoil = MAPS[what]
    spoil(spoiled.root, making) if spoil is of_colour else spoil(spoiled.root)
    told = command(*RUN, f"--data={spoiled.root}", f"--methods=maps:{maps}")
    expect_row(SECTION, what, told.err.splitlines()[-1], told.code)


@pytest.mark.parametrize("what", FILES)
def test_a_bad_file_of_boxes_or_scores_is_named(what, spoiled, command, expect_row):
    name, content = FILES[what]
    file = spoiled.root / name
    file.write_text(content)
    asks = (f"--methods=boxes:{file}",) if name == "boxes.csv" else (f"--scores={file}",)
    told = command(*RUN, f"--data={spoiled.root}", "--methods=whole", *asks)
    expect_row(SECTION, what, told.err.splitlines()[-1], told.code)
