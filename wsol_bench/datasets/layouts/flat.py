"""All images in one folder: the official tar, unpacked, or Hugging Face's edition.

Files of the latter are named ILSVRC2012_val_00000293_n01440764.JPEG: the label comes last.
"""

from pathlib import Path

from wsol_bench.datasets.annotation_files import find_annotations
from wsol_bench.datasets.assembly import assemble
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.image_files import images_in
from wsol_bench.datasets.layouts.layout import Layout
from wsol_bench.datasets.scanning import IMAGE_SUFFIXES, classes_in_names, holds_files
from wsol_bench.datasets.selection import Selection

IMAGE_FOLDERS = (".", "val", "ILSVRC2012_img_val")


def find(path: Path) -> Path | None:
    """The folder, or a usual one in it, that directly holds images."""
    folders = (path / name for name in IMAGE_FOLDERS)
    return next((each for each in folders if holds_files(each, IMAGE_SUFFIXES)), None)


def load(path: Path, folder: Path, selection: Selection) -> ImageDataset:
    """Loads the dataset; raises DataError for what is missing or bad."""
    bases = [folder, folder.absolute().parent]
    annotations = find_annotations(bases)
    images = images_in(folder)
    return assemble(path, images, annotations, selection, classes_in_names(images.positions))


FLAT = Layout(
    description=(
        "ILSVRC2012_val_*.JPEG in the folder itself, val or ILSVRC2012_img_val, with a folder of "
        "XML files or LOC_val_solution.csv beside them"
    ),
    find=find,
    load=load,
)
