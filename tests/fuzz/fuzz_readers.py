"""The readers of what users give, and what each must keep to whatever the bytes are.

A reader gives something that holds together or raises one of the project's own errors.
`read` raises `Broken` where what it gave does not hold together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite, prod
from pathlib import Path
from tempfile import TemporaryDirectory

import fuzz_runs
from fuzz_caffe import CAFFE
from fuzz_images import IMAGE
from fuzz_layouts import LAYOUTS, content_of, files_of, reader_of
from fuzz_tar import TAR
from fuzz_text import BLACKLIST, MAPPING, TABLE, XML
from fuzz_weights import SAFETENSORS, TORCH
from hypothesis import strategies as st

from wsol_bench.datasets.annotations import MAX_COORDINATE, Annotation, read_xml
from wsol_bench.datasets.blacklist import read_blacklist
from wsol_bench.datasets.classes import find_classes, official_classes
from wsol_bench.datasets.images import read_image
from wsol_bench.datasets.solution import read_solution
from wsol_bench.datasets.tar_files import scan_tar
from wsol_bench.geometry import MOST_PIXELS
from wsol_bench.networks.weights.files import (
    WeightsFile,
    read_caffe,
    read_safetensors,
)
from wsol_bench.networks.weights.reading import read_state_dict

LONGEST_MESSAGE = 1_500


class Broken(AssertionError):  # noqa: N818 - the reader is, not the test
    """What a reader gave, or said, is not what it promises."""


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader under test.

    Attributes:
        file: the name under which the bytes are put on the disk.
        content: makes the bytes.
        read: reads the file; whether some of it was refused.
        share: of a campaign's inputs, against the other readers'.
    """

    file: str
    content: st.SearchStrategy[bytes]
    read: Callable[[Path], bool]
    share: float = 1.0


def expect(holds: object, what: str) -> None:
    if not holds:
        raise Broken(what)


def check_message(message: str, path: Path) -> None:
    """One line that can be printed, of bounded length, and that names the file."""
    expect(message.isprintable(), f"not printable: {message!r}")
    expect(len(message) < LONGEST_MESSAGE, f"{len(message)} characters: {message[:200]}")
    expect(path.name in message, f"does not name {path.name}: {message}")


def _check_annotation(annotation: Annotation) -> None:
    expect(annotation.objects, "an annotation without objects")
    for item in annotation.objects:
        x0, y0, x1, y1 = item.box
        expect(all(map(isfinite, item.box)), f"box {item.box}")
        expect(x0 < x1 and y0 < y1, f"box {item.box}")
        expect(max(map(abs, item.box)) <= MAX_COORDINATE + 1, f"box {item.box}")
    expect(annotation.size is None or min(annotation.size) >= 1, f"size {annotation.size}")


def _xml(path: Path) -> bool:
    _check_annotation(read_xml(path))
    return False


def _table(path: Path) -> bool:
    solution = read_solution(path, official_classes())
    for image_id, annotation in solution.rows.items():
        _check_annotation(annotation)
        expect(image_id and len(annotation.class_ids) == 1, f"row {image_id!r}")
        image_id.encode("utf-8")
    for fault in solution.faults:
        check_message(fault, path)
    return bool(solution.faults)


def _mapping(path: Path) -> bool:
    classes = find_classes([path.parent])
    expect(list(classes.class_ids) == sorted(set(classes.class_ids)), "classes out of order")
    expect(len(classes.names) == len(classes.class_ids) > 0, "names do not fit")
    return False


def _blacklist(path: Path) -> bool:
    expect(all(index >= 1 for index in read_blacklist(path)), "an index below 1")
    return False


def _tar(path: Path) -> bool:
    images = scan_tar(path)
    for image_id, member in images.positions.items():
        expect(image_id and ".." not in member.name.split("/"), f"member {member}")
        expect(len(images.read(image_id)) == member.size, f"member {member}")
        image_id.encode("utf-8")
    for fault in images.faults:
        check_message(fault, path)
    for skipped in images.skipped:
        expect(skipped.name.isprintable() and skipped.reason.isprintable(), f"{skipped}")
    return bool(images.faults)


def _check_weights(file: WeightsFile, path: Path) -> None:
    room = path.stat().st_size
    for name, tensor in file.entries.items():
        own = tensor.untyped_storage().nbytes()
        expect(isinstance(name, str) and own <= room, f"{name!r}: {own} bytes of {room}")


def _caffe(path: Path) -> bool:
    room = path.stat().st_size
    for name, tensor in read_caffe(path).entries.items():
        expect(prod(tensor.shape) * 4 <= room, f"{name!r}: {tuple(tensor.shape)} of {room} bytes")
        expect(tensor.numel() == prod(tensor.shape) > 0, f"{name!r}: {tuple(tensor.shape)}")
    return False


def _safetensors(path: Path) -> bool:
    _check_weights(read_safetensors(path), path)
    return False


def _torch(path: Path) -> bool:
    _check_weights(read_state_dict(path), path)
    return False


def _image(path: Path) -> bool:
    image = read_image(path)
    expect(image.mode == "RGB", image.mode)
    expect(0 < image.width * image.height <= MOST_PIXELS, f"{image.size}")
    expect(len(image.getpixel((image.width - 1, image.height - 1))) == 3, "no pixels")
    return False


def _layout(name: str) -> Reader:
    with TemporaryDirectory() as folder:
        files = files_of(name, Path(folder))
    read = reader_of(name, files, expect, check_message)
    return Reader(f"layout-{name}", content_of(files), read, 0.2)


def _run(name: str) -> Reader:
    file = Path(fuzz_runs.FILES[name][1]).name
    return Reader(
        file, fuzz_runs.content_of(name), fuzz_runs.reader_of(name, expect, check_message), 0.15
    )


READERS: Mapping[str, Reader] = {
    "xml": Reader("a.xml", XML, _xml),
    "table": Reader("LOC_val_solution.csv", TABLE, _table),
    "mapping": Reader("LOC_synset_mapping.txt", MAPPING, _mapping, 0.25),
    "blacklist": Reader("blacklist.txt", BLACKLIST, _blacklist, 0.25),
    "tar": Reader("a.tar", TAR, _tar),
    "caffemodel": Reader("a.caffemodel", CAFFE, _caffe),
    "safetensors": Reader("a.safetensors", SAFETENSORS, _safetensors, 0.5),
    "torch": Reader("a.pth", TORCH, _torch, 0.25),
    "image": Reader("a.JPEG", IMAGE, _image, 0.5),
    **{f"layout-{name}": _layout(name) for name in LAYOUTS},
    **{name: _run(name) for name in fuzz_runs.FILES},
}
"""By name."""
