"""The layout of the Kaggle edition, and of the project's own demo dataset."""

from pathlib import Path

from wsol_bench.datasets.annotation_files import find_annotations
from wsol_bench.datasets.assembly import assemble
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.image_files import images_in
from wsol_bench.datasets.layouts.layout import Layout
from wsol_bench.datasets.scanning import IMAGE_SUFFIXES, classes_in_names, holds_files
from wsol_bench.datasets.selection import Selection

IMAGE_FOLDER = Path("ILSVRC/Data/CLS-LOC/val")


def find(path: Path) -> Path | None:
    """The folder ILSVRC/Data/CLS-LOC/val of the path, where images are directly in it."""
    folder = path / IMAGE_FOLDER
    return folder if holds_files(folder, IMAGE_SUFFIXES) else None


def load(path: Path, folder: Path, selection: Selection) -> ImageDataset:
    """Loads the dataset; raises DataError for what is missing or bad."""
    annotations = find_annotations([path])
    images = images_in(folder)
    return assemble(path, images, annotations, selection, classes_in_names(images.positions))


KAGGLE = Layout(
    description=(
        "ILSVRC/Data/CLS-LOC/val/*.JPEG with ILSVRC/Annotations/CLS-LOC/val/*.xml "
        "or LOC_val_solution.csv"
    ),
    find=find,
    load=load,
)
