"""Two runs of the same images, record by record: which images differ, and why."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wsol_bench.records.manifest import Manifest
from wsol_bench.records.table import boxes_of


@dataclass(frozen=True, slots=True)
class Differences:
    """One method's records in both runs, compared.

    Attributes:
        method: its name.
        images: that both runs have.
        only_one: images that only one of the runs has.
        classes: images whose best classes differ.
        boxes: images whose box differs.
        pixels: the maximum distance by which a corner moved.
        flipped: images whose box is right in one run and wrong in the other.
        furthest: images by how far their box moved, descending, without those that did not.
    """

    method: str
    images: int
    only_one: int
    classes: tuple[str, ...]
    boxes: int
    pixels: float
    flipped: tuple[str, ...]
    furthest: tuple[str, ...]

    @property
    def none(self) -> bool:
        """Whether all records are the same."""
        return not (self.only_one or self.classes or self.boxes)


def differences_of(old: pa.Table, new: pa.Table, iou: float) -> Iterator[Differences]:
    """Compares the records of two runs, method by method.

    Args:
        old, new: records of `record_table.SCHEMA`.
        iou: the minimum IoU of a right box.

    Yields:
        One for each method that both have, in the old run's order.
    """
    theirs = set(new["method"].to_pylist())
    for method in dict.fromkeys(old["method"].to_pylist()):
        if method in theirs:
            yield _of_method(method, _part(old, method), _part(new, method), iou)


def circumstances(manifest: Manifest) -> dict[str, str]:
    """Facts of a run's manifest that may explain its records: name -> value as text.

    Args:
        manifest: that of an interrupted or older run may lack some of them.
    """
    values = {name: str(value) for name, value in asdict(manifest.identity).items()}
    values |= {row.name: str(row.definition) for row in manifest.rows} | dict(manifest.versions)
    values["batch_size"] = str(manifest.settings.get("batch_size"))
    for machine in manifest.machines:
        for name, value in machine.items():
            text = str(value)
            if text not in values.setdefault(name, text).split(" and "):
                values[name] += f" and {text}"
    return values


def explanations(old: Manifest, new: Manifest) -> list[str]:
    """Each of these facts in which two runs differ: its name and both values.

    Args:
        old, new: manifests.
    """
    before, now = circumstances(old), circumstances(new)
    return [
        f"{name}: {before.get(name, 'not recorded')}; {now.get(name, 'not recorded')}"
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    ]


def _part(table: pa.Table, method: str) -> pa.Table:
    return table.filter(pc.equal(table["method"], method))


def _of_method(method: str, old: pa.Table, new: pa.Table, iou: float) -> Differences:
    places = {name: at for at, name in enumerate(new["image_id"].to_pylist())}
    names = old["image_id"].to_pylist()
    both = [at for at, name in enumerate(names) if name in places]
    a, b = old.take(both), new.take([places[names[at]] for at in both])
    ids = np.array(a["image_id"].to_pylist(), dtype=object)
    moved = np.abs(boxes_of(a) - boxes_of(b)).max(axis=1, initial=0)
    right = [table["iou"].to_numpy() >= iou for table in (a, b)]
    pairs = zip(a["classes"].to_pylist(), b["classes"].to_pylist(), strict=True)
    classes = np.array([one != other for one, other in pairs], dtype=bool)
    descending = np.argsort(-moved, kind="stable")
    return Differences(
        method,
        images=len(both),
        only_one=len(names) + len(places) - 2 * len(both),
        classes=tuple(ids[classes]),
        boxes=int((moved > 0).sum()),
        pixels=float(moved.max(initial=0)),
        flipped=tuple(ids[right[0] != right[1]]),
        furthest=tuple(ids[at] for at in descending if moved[at] > 0),
    )
