"""Tiny datasets in every layout, written by the tests themselves."""

import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

Corners = tuple[int, int, int, int]

MAPPING = "n01440764 tench, Tinca tinca\nn01443537 goldfish\nn01484850 great white shark\n"
XML_FOLDER = "ILSVRC/Annotations/CLS-LOC/val"
IMAGE_FOLDER = "ILSVRC/Data/CLS-LOC/val"
OFFICIAL_XML_FOLDER = "ILSVRC2012_bbox_val_v3/val"


@dataclass(frozen=True, slots=True)
class Sample:
    """One image to write: boxes are inclusive (xmin, ymin, xmax, ymax), as files have them."""

    image_id: str
    class_id: str
    boxes: tuple[Corners, ...]
    width: int
    height: int


SAMPLES = (
    Sample("ILSVRC2012_val_00000002", "n01443537", ((1, 2, 20, 17), (0, 0, 31, 23)), 32, 24),
    Sample("ILSVRC2012_val_00000005", "n01440764", ((3, 3, 9, 9),), 20, 30),
    Sample("ILSVRC2012_val_00000293", "n01484850", ((0, 5, 15, 9),), 16, 16),
)


def jpeg_bytes(width: int, height: int, shade: int = 128) -> bytes:
    """A JPEG of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (shade, 60, 200)).save(buffer, "JPEG")
    return buffer.getvalue()


def xml_text(sample: Sample, objects: str = "") -> str:
    """The annotation of a sample, with more objects if given."""
    boxes = "".join(object_text(sample.class_id, box) for box in sample.boxes)
    return (
        f"<annotation><folder>val</folder><filename>{sample.image_id}</filename>"
        f"<size><width>{sample.width}</width><height>{sample.height}</height>"
        f"<depth>3</depth></size>{boxes}{objects}</annotation>"
    )


def object_text(class_id: str, box: Corners) -> str:
    """One object element."""
    xmin, ymin, xmax, ymax = box
    return (
        f"<object><name>{class_id}</name><bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin>"
        f"<xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox></object>"
    )


def table_text(samples: tuple[Sample, ...]) -> str:
    """LOC_val_solution.csv, in falling order of ids: the real one is shuffled."""
    rows = ["ImageId,PredictionString"]
    for sample in reversed(samples):
        boxes = " ".join(f"{sample.class_id} {' '.join(map(str, box))}" for box in sample.boxes)
        rows.append(f"{sample.image_id},{boxes} ")
    return "\n".join(rows) + "\n"


def write(path: Path, content: str | bytes) -> Path:
    """Writes a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


def write_xmls(folder: Path, samples: tuple[Sample, ...] = SAMPLES) -> None:
    """One XML per sample."""
    for sample in samples:
        write(folder / f"{sample.image_id}.xml", xml_text(sample))


def write_kaggle(root: Path, samples: tuple[Sample, ...] = SAMPLES) -> Path:
    """The Kaggle layout with XML files and without the table."""
    write(root / "LOC_synset_mapping.txt", MAPPING)
    write_xmls(root / XML_FOLDER, samples)
    for sample in samples:
        data = jpeg_bytes(sample.width, sample.height)
        write(root / IMAGE_FOLDER / f"{sample.image_id}.JPEG", data)
    return root


def write_class_folders(root: Path) -> Path:
    """torchvision's layout with the official XML folder."""
    write(root / "LOC_synset_mapping.txt", MAPPING)
    write_xmls(root / OFFICIAL_XML_FOLDER)
    for sample in SAMPLES:
        data = jpeg_bytes(sample.width, sample.height)
        write(root / "val" / sample.class_id / f"{sample.image_id}.JPEG", data)
    return root


def write_flat(root: Path) -> Path:
    """The unpacked tar with the official XML folder."""
    write(root / "LOC_synset_mapping.txt", MAPPING)
    write_xmls(root / OFFICIAL_XML_FOLDER)
    for sample in SAMPLES:
        data = jpeg_bytes(sample.width, sample.height)
        write(root / "ILSVRC2012_img_val" / f"{sample.image_id}.JPEG", data)
    return root


def write_tar(root: Path) -> Path:
    """The unextracted tar with the official XML folder."""
    write(root / "LOC_synset_mapping.txt", MAPPING)
    write_xmls(root / OFFICIAL_XML_FOLDER)
    members = {
        f"{sample.image_id}.JPEG": jpeg_bytes(sample.width, sample.height) for sample in SAMPLES
    }
    add_members(root / "ILSVRC2012_img_val.tar", members)
    return root


def add_members(path: Path, members: Mapping[str, bytes]) -> Path:
    """Writes plain files into a tar."""
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@dataclass(frozen=True, slots=True)
class Builder:
    """The functions above, for tests that cannot import this file by name."""

    samples: tuple[Sample, ...]
    layouts: Mapping[str, Callable[[Path], Path]]
    sample: Callable[..., Sample]
    jpeg: Callable[..., bytes]
    xml: Callable[..., str]
    object: Callable[..., str]
    table: Callable[..., str]
    write: Callable[[Path, str | bytes], Path]
    kaggle: Callable[..., Path]
    tar: Callable[..., Path]
    xml_folder: str = XML_FOLDER
    image_folder: str = IMAGE_FOLDER


@pytest.fixture(scope="session")
def builder() -> Builder:
    """Writes tiny datasets."""
    return Builder(
        samples=SAMPLES,
        layouts={
            "kaggle": write_kaggle,
            "class-folders": write_class_folders,
            "flat": write_flat,
            "tar": write_tar,
        },
        sample=Sample,
        jpeg=jpeg_bytes,
        xml=xml_text,
        object=object_text,
        table=table_text,
        write=write,
        kaggle=write_kaggle,
        tar=add_members,
    )


@pytest.fixture(scope="session")
def real_images() -> Path:
    """The first 500 ILSVRC validation images, where this checkout has them beside it."""
    folder = Path(__file__).parents[2].parent / "shared" / "data" / "ilsvrc-val-500"
    if not folder.is_dir():
        pytest.skip("../shared/data/ilsvrc-val-500 is not there")
    return folder
