"""WebDataset tars: the files of an example share a key, such as 00012.jpg and 00012.cls.

The boxes come from the XML files or the Kaggle table, joined by the image's name: the
`filename` in its JSON, or else the key. Converters that key by a running index lose the
name; such tars are refused, because joining them by order would attach wrong boxes.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wsol_bench.datasets.annotation_files import find_annotations
from wsol_bench.datasets.assembly import assemble
from wsol_bench.datasets.classes import ClassList
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.image_source import ImageSource
from wsol_bench.datasets.layouts.layout import Layout, splits_by_name
from wsol_bench.datasets.scanning import IMAGE_SUFFIXES, Skipped, has_suffix, image_id_of, is_file
from wsol_bench.datasets.selection import Selection
from wsol_bench.datasets.tar_files import Member, TarImages, tar_headers, unusable_member
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import shown

_RUNNING = re.compile(r"[^0-9]{0,12}[0-9]+", re.ASCII)
"""A key that only counts, such as 0000123 or val_0000123."""
_OFFICIAL = re.compile(r"ILSVRC2012_val_[0-9]{8}")
_MOST_JSON = 100_000
_LOOKED_AT, _TARS = 12, 3
"""Members, and tars of each split, that are read to recognise the layout."""


class ShardedImages(ImageSource[TarImages]):
    """Images in several tars; a position is the tar that holds the image."""

    def read(self, image_id: str) -> bytes:
        """The bytes of one image; raises as `TarImages.read` does."""
        return self.positions[image_id].read(image_id)

    def where(self, image_id: str) -> str:
        """The tar and the member of one image, for messages."""
        return self.positions[image_id].where(image_id)


@dataclass(slots=True)
class _Sample:
    """The members of one key, and their tar."""

    image: Member | None = None
    name: str | None = None
    label: int | None = None


def find(path: Path) -> dict[str, list[Path]]:
    """Split to its tars, where the first members of one are .cls or .json."""
    files = _files(path)
    tars = (file for group in files.values() for file in group[:_TARS])
    return files if any(map(_has_labels, tars)) else {}


def load(path: Path, groups: dict[str, list[Path]], selection: Selection) -> ImageDataset:
    """Loads one split; raises DataError for what is missing or bad."""
    files = groups[selection.split or next(iter(groups))]
    folder = files[0].absolute().parent
    bases = [folder, folder.parent]
    annotations = find_annotations(bases)
    images, labels = scan_shards(files, annotations.classes)
    return assemble(path, images, annotations, selection, labels)


def scan_shards(files: Sequence[Path], classes: ClassList) -> tuple[ShardedImages, dict[str, str]]:
    """Reads the headers, labels and JSON of tars; the images, and the class of each.

    Faults are listed in `faults` of the images.
    """
    tar_of: dict[str, TarImages] = {}
    labels: dict[str, str] = {}
    skipped: list[Skipped] = []
    faults: list[str] = []
    for file in files:
        members: dict[str, Member] = {}
        tar = TarImages(file, members)
        try:
            for key, sample in _samples(file, skipped).items():
                where = f"{shown(str(file))}:{shown(key[:80])}"
                if sample.image is None:
                    continue
                image_id = _name_of(key, sample, where)
                if image_id in tar_of:
                    raise DataError(
                        f"{where}: a second image with the id {shown(image_id[:80])!r}. Expected "
                        "each once. Remove one of the two tars."
                    )
                label = _class_of(sample, classes, where)
                if label:
                    labels[image_id] = label
                members[image_id], tar_of[image_id] = sample.image, tar
        except DataError as error:
            faults.append(str(error))
    root = files[0].parent if len(files) > 1 else files[0]
    return ShardedImages(root, tar_of, tuple(skipped), tuple(faults)), labels


def _files(path: Path) -> dict[str, list[Path]]:
    """Split to its tars: `validation` of imagenet1k-validation-00.tar."""
    if is_file(path):
        return {path.stem: [path]} if has_suffix(path.name, (".tar",)) else {}
    found: dict[str, list[Path]] = {}
    for file in sorted(path.glob("*.tar")):
        words = re.split(r"[-_.]?[0-9]+$", file.stem)[0]
        if is_file(file):
            found.setdefault(re.split(r"[-_]", words)[-1], []).append(file)
    return found


def _has_labels(file: Path) -> bool:
    try:
        headers = tar_headers(file)
        names = [info.name for info, _ in zip(headers, range(_LOOKED_AT), strict=False)]
        headers.close()
    except Exception:  # a damaged tar; the layout `tar` reports it
        return False
    return any(has_suffix(name, (".cls", ".json")) for name in names)


def _samples(file: Path, skipped: list[Skipped]) -> dict[str, _Sample]:
    """The members of a tar by key.

    Raises:
        DataError: the tar cannot be read or is damaged.
    """
    samples: dict[str, _Sample] = {}
    try:
        with file.open("rb") as content:
            for info in tar_headers(file):
                folder, _, name = info.name.rpartition("/")
                stem, _, kind = name.partition(".")
                if kind.lower() not in ("cls", "json") and not has_suffix(name, IMAGE_SUFFIXES):
                    continue
                reason = unusable_member(info)
                if reason:
                    skipped.append(Skipped(shown(info.name), reason))
                    continue
                sample = samples.setdefault(f"{folder}/{stem}" if folder else stem, _Sample())
                member = Member(info.name, info.offset_data, info.size)
                if kind.lower() in ("cls", "json"):
                    content.seek(member.offset)
                    _read_text(sample, kind.lower(), content.read(min(member.size, _MOST_JSON)))
                else:
                    sample.image = member
    except DataError:
        raise
    # tarfile lets damaged numbers through to int, seek, slices and decode.
    except Exception as error:
        raise DataError(
            f"cannot read the tar {shown(str(file))}: {shown(str(error))[:300]}. Expected a whole, "
            "uncompressed tar; fetch it again or check its permissions."
        ) from error
    return samples


def _read_text(sample: _Sample, kind: str, data: bytes) -> None:
    text = data.decode("utf-8", errors="replace")
    if kind == "cls":
        sample.label = int(text) if re.fullmatch(r"\s*[0-9]{1,9}\s*", text, re.ASCII) else -1
        return
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return
    if isinstance(content, dict):
        name, label = content.get("filename"), content.get("label")
        sample.name = name if isinstance(name, str) else None
        if sample.label is None and isinstance(label, int):
            sample.label = label


def _name_of(key: str, sample: _Sample, where: str) -> str:
    stem = PurePosixPath(key).name
    name = image_id_of(sample.name) if sample.name else image_id_of(f"{stem}.jpg")
    if not name or (_RUNNING.fullmatch(name) and not _OFFICIAL.fullmatch(name)):
        raise DataError(
            f"{where}: the key is a running index, and there is no JSON with the image's filename, "
            "so its boxes cannot be found. Expected keys such as ILSVRC2012_val_00000293. Convert "
            "the images again with their names as keys."
        )
    return name


def _class_of(sample: _Sample, classes: ClassList, where: str) -> str | None:
    if sample.label is None:
        return None
    if not 0 <= sample.label < len(classes.class_ids):
        raise DataError(
            f"{where}: the label is no class index from 0 to {len(classes.class_ids) - 1}. Fetch "
            "the tar again."
        )
    return classes.class_ids[sample.label]


WEBDATASET = Layout(
    description=(
        "WebDataset tars with members .jpg, .cls and .json (the path is a tar, or the folder that "
        "holds them), with a folder of XML files or LOC_val_solution.csv beside them"
    ),
    find=find,
    load=load,
    splits=splits_by_name("validation", "val", "test"),
)
