"""The outputs of a network that stand for the classes of a dataset.

A network may have more outputs than the dataset has classes: ImageNet's 1,000 on ImageNet-100, a
bird network on CUB. The scores that a run ranks are put into the dataset's order: first one column
per class of the dataset, then, where scores are ranked over all outputs, the other outputs.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from wsol_bench.errors import DataError, WeightsError
from wsol_bench.runtime.names import first_names, shown

NONE = -1
"""Stands for the output of a class that has none."""

TARGETS = "targets"
"""Value of `among` for outputs that select maps and are no classes."""

LOWEST = -1e30
"""The score of a class that has no output: ranked behind every other, and finite in any mean."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of a network in a dataset's order.

    Attributes:
        of_class: class -> output, or `NONE`.
        count: number of outputs of the network.
        among: "all" ranks all outputs, "dataset" those of the dataset's classes alone; `TARGETS`
            ranks none, for its outputs are no classes of the dataset.
    """

    of_class: tuple[int, ...]
    count: int
    among: str = "all"

    @property
    def order(self) -> tuple[int, ...]:
        """The output of each column of the scores."""
        if self.among in ("dataset", TARGETS):
            return self.of_class
        used = frozenset(self.of_class)
        return (*self.of_class, *(each for each in range(self.count) if each not in used))

    @property
    def title(self) -> str:
        """The text in tables."""
        digest = sha256(repr(self.of_class).encode()).hexdigest()[:8]
        mapped = sum(each != NONE for each in self.of_class)
        if self.among == TARGETS:
            return f"maps of outputs named for {mapped:,} classes, {digest}"
        over = f"all {self.count:,}" if self.among == "all" else f"{mapped:,} of {self.count:,}"
        return f"scores over {over} outputs, classes {digest}"

    def scores(self, scores: Tensor) -> Tensor:
        """(n, outputs) -> (n, columns) in the dataset's order."""
        order = torch.tensor(self.order, device=scores.device)
        return torch.where(order == NONE, LOWEST, scores[:, order.clamp(min=0)])

    def outputs(self, classes: Tensor) -> Tensor:
        """Columns of the scores -> outputs of the network, `NONE` where there is none."""
        return torch.tensor(self.order)[classes]


def map_classes(
    table: Mapping[str, int], class_ids: Sequence[str], count: int, among: str = "all"
) -> Outputs:
    """The outputs of a dataset's classes by a table of class ids.

    Raises:
        DataError: an output is out of range or stands for two classes, or no class is known.
    """
    known = _known(table, class_ids, count, "--classes")
    if len(set(known.values())) < len(known):
        raise DataError("--classes: one output stands for several classes of the dataset.")
    return Outputs(tuple(known.get(each, NONE) for each in class_ids), count, among)


def map_targets(table: Mapping[str, int], class_ids: Sequence[str], count: int) -> Outputs:
    """The outputs whose maps are made for a dataset's classes; classes may share one.

    Raises:
        DataError: an output is out of range, or no class is known.
    """
    known = _known(table, class_ids, count, "--target")
    return Outputs(tuple(known.get(each, NONE) for each in class_ids), count, TARGETS)


def _known(
    table: Mapping[str, int], class_ids: Sequence[str], count: int, flag: str
) -> dict[str, int]:
    known = {each: table[each] for each in class_ids if each in table}
    if not known:
        raise DataError(
            f"{flag}: none of the dataset's classes is in the file: the dataset has "
            f"{first_names(list(class_ids))}, the file {first_names(list(table))}."
        )
    for class_id, output in known.items():
        if not 0 <= output < count:
            raise DataError(
                f"{flag}: {shown(class_id)}: output {output}; the network has {count:,} "
                f"outputs, 0 to {count - 1:,}."
            )
    return known


def check_output_count(count: int, classes: int, weights: str) -> None:
    """Checks that a network without a table has one output per class.

    Raises:
        WeightsError: it has another number; states what to do.
    """
    if count == classes:
        return
    remedy = "--classes FILE names the output of each class: class id, output"
    if count > classes + 1:
        remedy += "; --target FILE the outputs whose maps are wanted, where none is such a class"
    if count == classes + 1:
        remedy = (
            "the first is the background, as in TensorFlow's files. Give --classes FILE with a "
            f"line per class, its class id and its output, its place plus 1 (1 to {classes})"
        )
    raise WeightsError(
        f"{weights}: the network has {count:,} outputs, the dataset {classes:,} classes; {remedy}."
    )


def read_table(path: Path, flag: str = "--classes") -> dict[str, int]:
    """A table of class id and output: a JSON object, or lines of `class_id,output`.

    Args:
        path: of the file.
        flag: that names it, for messages.

    Raises:
        DataError: the file cannot be read, or a line is no such pair.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{flag} {shown(str(path))}: cannot be read ({error}).") from error
    try:
        pairs = json.loads(text).items() if text.lstrip().startswith("{") else _lines(text)
        table = {str(class_id): int(output) for class_id, output in pairs}
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{flag} {shown(str(path))}: expected a JSON object of class id and output, or "
            f"lines of class id, comma, output ({error})."
        ) from error
    if not table:
        raise DataError(f"{flag} {shown(str(path))}: is empty.")
    return table


def _lines(text: str) -> list[tuple[str, str]]:
    rows = [row for row in csv.reader(text.splitlines()) if row]
    if rows and len(rows[0]) == 2 and not rows[0][1].strip().lstrip("-").isdigit():
        rows = rows[1:]  # a heading
    return [(class_id.strip(), output.strip()) for class_id, output in rows]
