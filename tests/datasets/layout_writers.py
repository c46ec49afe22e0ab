"""Writes the same few images in every layout; shared by tests and scripts/fuzz.py."""

import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

Corners = tuple[int, int, int, int]

MAPPING = "n01440764 tench, Tinca tinca\nn01443537 goldfish\nn01484850 great white shark\n"
WNIDS = tuple(line.split()[0] for line in MAPPING.splitlines())
XML_FOLDER = "ILSVRC/Annotations/CLS-LOC/val"
IMAGE_FOLDER = "ILSVRC/Data/CLS-LOC/val"
OFFICIAL_XML_FOLDER = "ILSVRC2012_bbox_val_v3/val"


@dataclass(frozen=True, slots=True)
class Sample:
    """One image to write: boxes are inclusive (xmin, ymin, xmax, ymax), as files have them."""

    image_id: str
    wnid: str
    boxes: tuple[Corners, ...]
    width: int
    height: int


SAMPLES = (
    Sample("ILSVRC2012_val_00000002", "n01443537", ((1, 2, 20, 17), (0, 0, 31, 23)), 32, 24),
    Sample("ILSVRC2012_val_00000005", "n01440764", ((3, 3, 9, 9),), 20, 30),
    Sample("ILSVRC2012_val_00000293", "n01484850", ((0, 5, 15, 9),), 16, 16),
)

Samples = Sequence[Sample]
ImageBytes = Callable[[Sample], bytes]


def jpeg_bytes(width: int, height: int, shade: int = 128) -> bytes:
    """A JPEG of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (shade, 60, 200)).save(buffer, "JPEG")
    return buffer.getvalue()


def plain(sample: Sample) -> bytes:
    """The bytes of a sample's image where a test needs no other."""
    return jpeg_bytes(sample.width, sample.height)


def xml_text(sample: Sample, objects: str = "", shift: int = 0) -> str:
    """The annotation of a sample, with more objects if given; VOC counts from 1."""
    boxes = "".join(object_text(sample.wnid, shifted(box, shift)) for box in sample.boxes)
    return (
        f"<annotation><folder>val</folder><filename>{sample.image_id}</filename>"
        f"<size><width>{sample.width}</width><height>{sample.height}</height>"
        f"<depth>3</depth></size>{boxes}{objects}</annotation>"
    )


def shifted(box: Corners, by: int) -> Corners:
    xmin, ymin, xmax, ymax = box
    return xmin + by, ymin + by, xmax + by, ymax + by


def object_text(wnid: str, box: Corners) -> str:
    """One object element."""
    xmin, ymin, xmax, ymax = box
    return (
        f"<object><name>{wnid}</name><bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin>"
        f"<xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox></object>"
    )


def table_text(samples: Samples) -> str:
    """LOC_val_solution.csv, in falling order of ids: the real one is shuffled."""
    rows = ["ImageId,PredictionString"]
    for sample in reversed(samples):
        boxes = " ".join(f"{sample.wnid} {' '.join(map(str, box))}" for box in sample.boxes)
        rows.append(f"{sample.image_id},{boxes} ")
    return "\n".join(rows) + "\n"


def write(path: Path, content: str | bytes) -> Path:
    """Writes a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


def write_lines(path: Path, lines: Sequence[str]) -> Path:
    return write(path, "\n".join(lines) + "\n")


def write_xmls(folder: Path, samples: Samples = SAMPLES, shift: int = 0) -> None:
    """One XML per sample."""
    for sample in samples:
        write(folder / f"{sample.image_id}.xml", xml_text(sample, shift=shift))


def write_kaggle(root: Path, samples: Samples = SAMPLES, image: ImageBytes = plain) -> Path:
    """The Kaggle layout with XML files and without the table."""
    write(root / "LOC_synset_mapping.txt", MAPPING)
    write_xmls(root / XML_FOLDER, samples)
    for sample in samples:
        write(root / IMAGE_FOLDER / f"{sample.image_id}.JPEG", image(sample))
    return root


def write_class_folders(root: Path, samples: Samples = SAMPLES, image: ImageBytes = plain) -> Path:
    """torchvision's layout with the official XML folder."""
    write(root / "LOC_synset_mapping.txt", MAPPING)
    write_xmls(root / OFFICIAL_XML_FOLDER, samples)
    for sample in samples:
        write(root / "val" / sample.wnid / f"{sample.image_id}.JPEG", image(sample))
    return root


def write_unpacked(root: Path, samples: Samples = SAMPLES, image: ImageBytes = plain) -> Path:
    """Hugging Face's edition, unpacked: the WNID ends the name."""
    write(root / "LOC_synset_mapping.txt", MAPPING)
    write_xmls(root / OFFICIAL_XML_FOLDER, samples)
    for sample in samples:
        name = f"{sample.image_id}_{sample.wnid}.JPEG"
        write(root / "val" / sample.wnid / name, image(sample))
    return root


def write_flat(root: Path, samples: Samples = SAMPLES, image: ImageBytes = plain) -> Path:
    """The unpacked tar with the official XML folder."""
    write(root / "LOC_synset_mapping.txt", MAPPING)
    write_xmls(root / OFFICIAL_XML_FOLDER, samples)
    for sample in samples:
        write(root / "ILSVRC2012_img_val" / f"{sample.image_id}.JPEG", image(sample))
    return root


def write_tar(root: Path, samples: Samples = SAMPLES, image: ImageBytes = plain) -> Path:
    """The unextracted tar with the official XML folder."""
    write(root / "LOC_synset_mapping.txt", MAPPING)
    write_xmls(root / OFFICIAL_XML_FOLDER, samples)
    members = {f"{sample.image_id}.JPEG": image(sample) for sample in samples}
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


def write_cub(root: Path, samples: Samples = SAMPLES, image: ImageBytes = plain) -> Path:
    """CUB's layout; it has one box per image, so a sample's first box is written."""
    wnids = sorted({sample.wnid for sample in samples})
    places = [f"{sample.wnid}/{sample.image_id}.JPEG" for sample in samples]
    numbered = list(enumerate(zip(samples, places, strict=True), start=1))
    write_lines(root / "classes.txt", [f"{at} {wnid}" for at, wnid in enumerate(wnids, 1)])
    write_lines(root / "images.txt", [f"{at} {place}" for at, (_, place) in numbered])
    labels = [f"{at} {wnids.index(sample.wnid) + 1}" for at, (sample, _) in numbered]
    write_lines(root / "image_class_labels.txt", labels)
    write_lines(root / "train_test_split.txt", [f"{at} 0" for at, _ in numbered])
    boxes = []
    for at, (sample, place) in numbered:
        xmin, ymin, xmax, ymax = sample.boxes[-1]
        boxes.append(f"{at} {xmin}.0 {ymin}.0 {xmax - xmin + 1}.0 {ymax - ymin + 1}.0")
        write(root / "images" / place, image(sample))
    write_lines(root / "bounding_boxes.txt", boxes)
    return root


def write_wsol(root: Path, samples: Samples = SAMPLES, image: ImageBytes = plain) -> Path:
    """wsolevaluation's metadata, with the images in dataset."""
    write(root / "LOC_synset_mapping.txt", MAPPING)
    folder = root / "metadata/test"
    paths = {sample.image_id: f"val/{sample.image_id}.JPEG" for sample in samples}
    rows: dict[str, list[str]] = {"image_ids": [], "class_labels": [], "image_sizes": []}
    boxes = []
    for sample in samples:
        path = paths[sample.image_id]
        rows["image_ids"].append(path)
        rows["class_labels"].append(f"{path},{WNIDS.index(sample.wnid)}")
        rows["image_sizes"].append(f"{path},{sample.width},{sample.height}")
        boxes += [f"{path},{','.join(map(str, box))}" for box in sample.boxes]
        write(root / "dataset" / path, image(sample))
    for name, lines in {**rows, "localization": boxes}.items():
        write_lines(folder / f"{name}.txt", lines)
    return root


def write_voc(root: Path, samples: Samples = SAMPLES, image: ImageBytes = plain) -> Path:
    """VOC's layout, with classes of its own."""
    write(root / "LOC_synset_mapping.txt", MAPPING)
    write_xmls(root / "Annotations", samples, shift=1)
    for sample in samples:
        write(root / "JPEGImages" / f"{sample.image_id}.jpg", image(sample))
    write_lines(root / "ImageSets/Main/test.txt", [sample.image_id for sample in samples])
    return root


def coco_content(samples: Samples = SAMPLES) -> dict[str, object]:
    """What instances_val2017.json holds."""
    images, annotations = [], []
    for number, sample in enumerate(samples, start=1):
        entry = {"id": number, "file_name": f"{sample.image_id}.JPEG"}
        images.append({**entry, "width": sample.width, "height": sample.height})
        for xmin, ymin, xmax, ymax in sample.boxes:
            bbox = [xmin, ymin, xmax - xmin + 1, ymax - ymin + 1]
            category = WNIDS.index(sample.wnid) + 7
            annotations.append({"image_id": number, "category_id": category, "bbox": bbox})
    categories = [{"id": number + 7, "name": wnid} for number, wnid in enumerate(WNIDS)]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_coco(root: Path, samples: Samples = SAMPLES, image: ImageBytes = plain) -> Path:
    """COCO's layout, boxes only."""
    write(root / "annotations/instances_val2017.json", json.dumps(coco_content(samples)))
    for sample in samples:
        write(root / "val2017" / f"{sample.image_id}.JPEG", image(sample))
    return root


def box_rows(samples: Samples = SAMPLES) -> list[str]:
    """boxes.csv with a column that states how the corners are meant."""
    rows = ["image,class,x0,y0,x1,y1,box_ends,width,height"]
    for sample in samples:
        for box in sample.boxes:
            corners = ",".join(map(str, box))
            size = f"{sample.width},{sample.height}"
            rows.append(f"{sample.image_id}.JPEG,{sample.wnid},{corners},inclusive,{size}")
    return rows


def write_box_table(root: Path, samples: Samples = SAMPLES, image: ImageBytes = plain) -> Path:
    """A CSV of boxes beside a folder of images."""
    write(root / "LOC_synset_mapping.txt", MAPPING)
    write_lines(root / "boxes.csv", box_rows(samples))
    for sample in samples:
        write(root / "images" / f"{sample.image_id}.JPEG", image(sample))
    return root


def write_ts_cam(root: Path, samples: Samples = SAMPLES, image: ImageBytes = plain) -> Path:
    """TS-CAM's list."""
    write(root / "LOC_synset_mapping.txt", MAPPING)
    lines = []
    for sample in samples:
        boxes = " ".join(str(value) for box in sample.boxes for value in box)
        place = f"{sample.wnid}/{sample.image_id}.JPEG"
        lines.append(f"{place} {WNIDS.index(sample.wnid)} {boxes}")
        write(root / "images" / place, image(sample))
    write_lines(root / "val.txt", lines)
    return root


def write_bas(root: Path, samples: Samples = SAMPLES, image: ImageBytes = plain) -> Path:
    """BAS's lists."""
    write(root / "LOC_synset_mapping.txt", MAPPING)
    boxes, labels = [], []
    for sample in samples:
        values = " ".join(str(value) for box in sample.boxes for value in box)
        size = f"{sample.width} {sample.height}"
        boxes.append(f"{sample.wnid}\\{sample.image_id}.JPEG {size} ; {values}")
        place = f"{sample.wnid}/{sample.image_id}.JPEG"
        labels.append(f"{place};{WNIDS.index(sample.wnid)}")
        write(root / "images" / place, image(sample))
    write_lines(root / "val_gt.txt", boxes)
    write_lines(root / "val_list.txt", labels)
    return root


def image_table(samples: Samples = SAMPLES, image: ImageBytes = plain) -> pa.Table:
    """Hugging Face's columns."""
    images = [
        {"bytes": image(sample), "path": f"{sample.image_id}_{sample.wnid}.JPEG"}
        for sample in samples
    ]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    labels = [WNIDS.index(sample.wnid) for sample in samples]
    return pa.table({"image": pa.array(images, kind), "label": pa.array(labels, pa.int64())})


def write_hugging_face(root: Path, samples: Samples = SAMPLES, image: ImageBytes = plain) -> Path:
    """Hugging Face's Parquet files, with the official XML folder."""
    write(root / "LOC_synset_mapping.txt", MAPPING)
    write_xmls(root / OFFICIAL_XML_FOLDER, samples)
    path = root / "validation-00000-of-00001.parquet"
    pq.write_table(image_table(samples, image), path, row_group_size=2)
    return root


def shard_members(samples: Samples = SAMPLES, image: ImageBytes = plain) -> dict[str, bytes]:
    """The files of a WebDataset tar, the names in JSON."""
    members: dict[str, bytes] = {}
    for number, sample in enumerate(samples):
        label = str(WNIDS.index(sample.wnid))
        name = f"{sample.image_id}.JPEG"
        members[f"{number:05d}.jpg"] = image(sample)
        members[f"{number:05d}.cls"] = label.encode()
        members[f"{number:05d}.json"] = json.dumps({"filename": name}).encode()
    return members


def write_webdataset(root: Path, samples: Samples = SAMPLES, image: ImageBytes = plain) -> Path:
    """Two WebDataset tars with the official XML folder."""
    write(root / "LOC_synset_mapping.txt", MAPPING)
    write_xmls(root / OFFICIAL_XML_FOLDER, samples)
    for number, part in enumerate((samples[:2], samples[2:])):
        path = root / f"imagenet1k-validation-{number:02d}.tar"
        add_members(path, shard_members(part, image))
    return root


WRITERS: Mapping[str, Callable[..., Path]] = {
    "cub": write_cub,
    "wsol-metadata": write_wsol,
    "voc": write_voc,
    "coco": write_coco,
    "box-table": write_box_table,
    "ts-cam-list": write_ts_cam,
    "bas-lists": write_bas,
    "hugging-face": write_hugging_face,
    "webdataset": write_webdataset,
    "kaggle": write_kaggle,
    "class-folders": write_class_folders,
    "flat": write_flat,
    "tar": write_tar,
}
"""One for each layout of `catalog.LAYOUTS`."""
