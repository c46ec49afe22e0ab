"""A small dataset to spoil, and the rows of docs/bad-input.md to hold the outcome against."""

import io
import re
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from wsol_bench.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "bad-input.md"
HEADING = re.compile(r"^## (.+)$", re.M)
BOX = ("1", "2", "20", "17")
WNID = "n01440764"


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A dataset of the images a and b in the Kaggle layout, to be spoiled at a."""

    root: Path

    @property
    def images(self) -> Path:
        return self.root / "ILSVRC/Data/CLS-LOC/val"

    @property
    def annotations(self) -> Path:
        return self.root / "ILSVRC/Annotations/CLS-LOC/val"

    @property
    def image(self) -> Path:
        return self.images / "a.JPEG"

    @property
    def xml(self) -> Path:
        return self.annotations / "a.xml"

    @property
    def table(self) -> Path:
        return self.root / "LOC_val_solution.csv"

    @property
    def mapping(self) -> Path:
        return self.root / "LOC_synset_mapping.txt"

    def with_table(self, rows: str | bytes) -> None:
        """Puts a table in the place of the XML files."""
        for xml in self.annotations.iterdir():
            xml.unlink()
        content = rows if isinstance(rows, bytes) else rows.encode()
        self.table.write_bytes(b"ImageId,PredictionString\n" + content)

    def with_tar(self, members: Sequence[tarfile.TarInfo]) -> Path:
        """Puts a tar in the place of the folder of images, with a and b and more members."""
        path = self.root / "ILSVRC2012_img_val.tar"
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            for image in sorted(self.images.iterdir()):
                tar.add(image, image.name)
            for member in members:
                tar.addfile(member, io.BytesIO(bytes(member.size)))
        for image in self.images.iterdir():
            image.unlink()
        self.images.rmdir()
        return path


def picture(width: int = 32, height: int = 24, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (width, height))


def annotation(objects: str, size: tuple[int, int] = (32, 24)) -> str:
    width, height = size
    return (
        f"<annotation><size><width>{width}</width><height>{height}</height></size>"
        f"{objects}</annotation>"
    )


def an_object(corners: Sequence[str] = BOX, wnid: str = WNID) -> str:
    names = ("xmin", "ymin", "xmax", "ymax")
    box = "".join(f"<{name}>{text}</{name}>" for name, text in zip(names, corners, strict=True))
    return f"<object><name>{wnid}</name><bndbox>{box}</bndbox></object>"


@dataclass(frozen=True, slots=True)
class Making:
    """What the tests of this folder write with; they cannot import one another by name."""

    picture: Callable[..., Image.Image]
    annotation: Callable[..., str]
    an_object: Callable[..., str]


@pytest.fixture(scope="session")
def making() -> Making:
    return Making(picture, annotation, an_object)


@pytest.fixture
def spoiled(tmp_path: Path) -> Spoiled:
    dataset = Spoiled(tmp_path / "DIR")
    for folder in (dataset.images, dataset.annotations):
        folder.mkdir(parents=True)
    dataset.mapping.write_text(f"{WNID} tench\nn01443537 goldfish\n")
    for name in ("a", "b"):
        picture().save(dataset.images / f"{name}.JPEG")
        (dataset.annotations / f"{name}.xml").write_text(annotation(an_object()))
    return dataset


@dataclass(frozen=True, slots=True)
class Told:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    def under(self, heading: str) -> list[str]:
        """The lines beneath a heading of `data check`."""
        lines = self.out.splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith(f"{heading}: "))
        found = []
        for line in lines[start + 1 :]:
            if not line.startswith("  "):
                break
            found.append(line.strip())
        return found


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Told]:
    """Runs a command; paths below the test's own folder are told from DIR on."""

    def run(*arguments: str | Path) -> Told:
        code = main([str(each) for each in arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        out, err = (text.replace(f"{tmp_path}/", "") for text in (printed.out, printed.err))
        return Told(code, out, err.replace("wsol-bench: ", ""))

    return run


@pytest.fixture(scope="session")
def page() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Heading -> first cell -> the other cells of each row of the page's tables."""
    text = PAGE.read_text(encoding="utf-8")
    _, *parts = HEADING.split(text)
    return {
        heading: {
            cells[0]: tuple(cells[1:])
            for line in part.splitlines()
            if line.startswith("| ") and not line.startswith(("| case", "|--"))
            for cells in [[cell.strip() for cell in line.strip("|").split(" | ")]]
        }
        for heading, part in zip(parts[::2], parts[1::2], strict=True)
    }


@pytest.fixture(scope="session")
def expect_row(
    page: Mapping[str, Mapping[str, tuple[str, ...]]],
) -> Callable[[str, str, str, int], None]:
    """Sees that the page has this row; … in its message stands for anything."""

    def expect(heading: str, what: str, message: str, code: int) -> None:
        line = f"| {what} | `{message}` | {code} |"
        assert what in page.get(heading, {}), f"add to {heading!r} of {PAGE.name}:\n{line}"
        shown, exits = page[heading][what]
        pattern = ".*".join(re.escape(part) for part in shown.strip("`").split("…"))
        assert re.fullmatch(pattern, message), f"{PAGE.name} has another row than\n{line}"
        assert exits == str(code), f"{PAGE.name} has another row than\n{line}"

    return expect
