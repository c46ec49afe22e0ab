"""The official ILSVRC2012_img_val.tar, read in place."""

from pathlib import Path

from wsol_bench.datasets.annotation_files import find_annotations
from wsol_bench.datasets.assembly import assemble
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.layouts.layout import Layout
from wsol_bench.datasets.scanning import is_file
from wsol_bench.datasets.selection import Selection
from wsol_bench.datasets.tar_files import scan_tar

TAR_NAME = "ILSVRC2012_img_val.tar"


def find(path: Path) -> Path | None:
    """The path where it is a .tar file, or the official tar in a folder."""
    if path.suffix.lower() == ".tar" and is_file(path):
        return path
    official = path / TAR_NAME
    return official if is_file(official) else None


def load(path: Path, tar_path: Path, selection: Selection) -> ImageDataset:
    """Loads the dataset; raises DataError for what is missing or bad."""
    bases = [tar_path.absolute().parent]
    annotations = find_annotations(bases)
    return assemble(path, scan_tar(tar_path), annotations, selection)


TAR = Layout(
    description=(
        f"{TAR_NAME} (the path is the tar, or the folder that holds it), with a folder of "
        "XML files or LOC_val_solution.csv beside it"
    ),
    find=find,
    load=load,
)
