"""A spoilt run folder is refused by every reader, or gives the figures of the whole one."""

import re
import shutil
from pathlib import Path

import pytest
from spoiled import make_run, make_schema1_run, manifest_ways, schema1_ways, ways

from wsol_bench.cli.main import main

READERS = {
    "score": ("score", "RUN", "--json"),
    "ablate": ("ablate", "RUN", "--metrics=gt_known_loc"),
    "pairs": ("pairs", "RUN", "--json"),
    "breakdown": ("breakdown", "RUN", "--methods=cam", "--json"),
    "table": ("table", "RUN", "--json"),
    "compare": ("compare", "RUN", "RUN"),
    "export": ("export", "RUN", "OUT.csv", "--format=csv"),
    "report": ("report", "RUN", "--out", "OUT.html"),
}
KINDS = {
    "schema 2": (make_run, ways),
    "manifest": (make_run, manifest_ways),
    "schema 1": (make_schema1_run, schema1_ways),
}
CASES = [(kind, way) for kind, (_, these) in KINDS.items() for way in these()]
STRAY = ("1.parquet", "note.txt", "r007/00000000.parquet")
"""Names that a run never gives, and no reader looks at."""


def is_harmless(kind: str, way: str) -> bool:
    """Whether it changes nothing that `score` reads."""
    of_maps = ("maps" in way and "keep_maps" not in way) or ".npy" in way
    classes = kind == "schema 1" and way == "edit identity.classes"
    return of_maps or classes or (way.endswith(STRAY) and way.startswith("stray"))


@pytest.fixture(scope="module")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    for kind, (make, _) in KINDS.items():
        make(folder / kind)
    return folder


def read(reader: str, folder: Path, capsys) -> tuple[int, str, str]:
    """Exit code, what was said, and the figures, with the folder's own name taken out."""
    out = folder.parent / "out"
    words = {"RUN": str(folder), "OUT.csv": f"{out}.csv", "OUT.html": f"{out}.html"}
    capsys.readouterr()
    code = main([words.get(word, word) for word in READERS[reader]])
    printed, said = capsys.readouterr()
    path = words.get(READERS[reader][-1], words.get(READERS[reader][2], ""))
    if code == 0 and path.startswith(str(out)):
        printed = Path(path).read_text()
    return code, said, printed.replace(str(folder), "RUN")


@pytest.fixture(scope="module")
def references() -> dict[tuple[str, str], str]:
    """Kind and reader -> what it prints of the whole folder."""
    return {}


@pytest.fixture
def refuses(wholes, references, tmp_path, capsys, monkeypatch):
    """Whether a reader refuses a spoilt folder; all but a refusal or the same figures fails."""
    monkeypatch.setenv("COLUMNS", "400")  # so that no path is wrapped

    def check(kind: str, way: str, reader: str) -> bool:
        if (kind, reader) not in references:
            code, said, references[kind, reader] = read(reader, wholes / kind, capsys)
            assert code == 0, said
        spoilt = tmp_path / kind
        shutil.copytree(wholes / kind, spoilt)
        KINDS[kind][1]()[way](spoilt)
        code, said, printed = read(reader, spoilt, capsys)
        if code == 0:
            assert printed == references[kind, reader], f"{reader} prints other figures"
            return False
        assert code in (2, 3), said
        assert "unexpected" not in said
        (line,) = said.strip().splitlines()
        assert re.search(r"run\.json|\.parquet|\.npy|no records|rows were added", line), line
        assert re.search(r"again|anew|Remove it|original back|Upgrade|[Rr]estore", line), line
        return True

    return check


def test_there_are_more_than_forty_ways():
    assert len(CASES) >= 40


@pytest.mark.parametrize(("kind", "way"), CASES)
def test_a_spoilt_folder_is_refused_or_gives_the_same_figures(kind, way, refuses):
    assert refuses(kind, way, "score") != is_harmless(kind, way)


OTHER_TEXT = {
    ("delete examples", "compare"),  # of a folder without records it compares the figures only
    ("delete the records", "compare"),
    ("edit iou and every digest", "export"),  # forged with every digest: records of another run
    ("blacklist an image and every digest", "export"),
    ("edit identity.classes", "report"),  # states how many classes there are
    ("edit identity.keep_maps and the digest", "ablate"),  # is refused as a run without maps
}
"""Way and reader whose text changes although no figure does; decision 9 says why."""


@pytest.mark.slow
@pytest.mark.parametrize("reader", [name for name in READERS if name != "score"])
@pytest.mark.parametrize(("kind", "way"), CASES)
def test_no_reader_prints_other_figures(kind, way, reader, refuses):
    if (way, reader) not in OTHER_TEXT:
        refuses(kind, way, reader)
