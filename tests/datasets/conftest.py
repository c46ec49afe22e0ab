"""Tiny datasets in every layout, written by the tests themselves."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import layout_writers as writers


@dataclass(frozen=True, slots=True)
class Builder:
    """The functions of `layout_writers`, for tests that take them as a fixture."""

    samples: tuple[writers.Sample, ...]
    layouts: Mapping[str, Callable[..., Path]]
    sample: Callable[..., writers.Sample]
    jpeg: Callable[..., bytes]
    xml: Callable[..., str]
    object: Callable[..., str]
    table: Callable[..., str]
    write: Callable[[Path, str | bytes], Path]
    kaggle: Callable[..., Path]
    tar: Callable[..., Path]
    xml_folder: str = writers.XML_FOLDER
    image_folder: str = writers.IMAGE_FOLDER


@pytest.fixture(scope="session")
def builder() -> Builder:
    """Writes tiny datasets."""
    return Builder(
        samples=writers.SAMPLES,
        layouts=writers.WRITERS,
        sample=writers.Sample,
        jpeg=writers.jpeg_bytes,
        xml=writers.xml_text,
        object=writers.object_text,
        table=writers.table_text,
        write=writers.write,
        kaggle=writers.write_kaggle,
        tar=writers.add_members,
    )


@pytest.fixture(scope="session")
def real_images() -> Path:
    """The first 500 ILSVRC validation images, where this checkout has them beside it."""
    folder = Path(__file__).parents[2].parent / "shared" / "data" / "ilsvrc-val-500"
    if not folder.is_dir():
        pytest.skip("../shared/data/ilsvrc-val-500 is not there")
    return folder
