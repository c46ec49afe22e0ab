"""A run scored again under another protocol, without its network.

Records hold the box and the true boxes, so scoring alone can always be varied. A
box drawn by another rule needs the maps, which a run keeps with --keep-maps. What
needs other input tensors, another view, cannot be had from either.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wsol_bench.boxes.extract import extract_box
from wsol_bench.errors import DataError, UsageError
from wsol_bench.geometry import Boxes, Size
from wsol_bench.protocols.catalog import BoxRule, Protocol, Sweep
from wsol_bench.protocols.views import VIEWS
from wsol_bench.records.record import MapState
from wsol_bench.records.result import Result, Row
from wsol_bench.records.run_folder import MANIFEST, RunFolder, as_plain, count_states, outcomes_of
from wsol_bench.records.table import unreadable_in
from wsol_bench.runtime.parallel import in_threads
from wsol_bench.scoring.ilsvrc import label_iou, score


@dataclass(frozen=True, slots=True)
class Part:
    """The records of one network, and what its manifest says of them.

    Attributes:
        folder: where they lie.
        identity: what decided them.
        rows: the rows of the run's own result that are this network's.
        order: the methods of all its networks, in the order of the result.
        table: the records.
    """

    folder: RunFolder
    identity: dict[str, Any]
    rows: tuple[dict[str, Any], ...]
    order: tuple[str, ...]
    table: pa.Table

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that have records here, in the order of the result's rows."""
        return tuple(row["method"] for row in self.rows)

    def has_map(self, method: str) -> bool:
        """Whether a method makes maps, and is no baseline."""
        return method in self.identity["methods"]

    def of(self, method: str) -> pa.Table:
        """One method's records, in the order of the dataset."""
        return self.table.filter(pc.equal(self.table["method"], method))


def open_parts(path: Path) -> tuple[Part, ...]:
    """The networks of a run: its own, and its CAM net's where it has one.

    Raises:
        DataError: no finished run lies there, or its manifest is not of the form that runs write.
    """
    manifest = RunFolder(path).manifest()
    if manifest.get("result") is None:
        raise DataError(f"{path}: the run is not finished. Give the command that began it again.")
    try:
        return _parts(path, manifest)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path / MANIFEST}: its result is not of the form that a run writes "
            f"({type(error).__name__}: {error}). Was it edited? Run again into a new folder."
        ) from error


def _parts(path: Path, manifest: dict[str, Any]) -> tuple[Part, ...]:
    result = manifest["result"]
    order = tuple(row["method"] for row in result["rows"])
    parts = []
    for arch in dict.fromkeys(row["arch"] for row in result["rows"]):
        own = arch == manifest["identity"]["arch"]
        folder = RunFolder(path if own else path / arch)
        identity = folder.manifest()["identity"]
        rows = tuple(row for row in result["rows"] if row["arch"] == arch)
        parts.append(Part(folder, identity, rows, order, folder.read()))
    return tuple(parts)


def rescore(parts: Sequence[Part], protocol: Protocol) -> Result:
    """The result of a run's records and maps under a protocol.

    Args:
        parts: from `open_parts`.
        protocol: its view must be the one that the run had.

    Raises:
        DataError: the protocol needs maps that were not kept.
        UsageError: the protocol has another view.
    """
    rows: dict[str, Row] = {}
    states: dict[str, dict[str, int]] = {}
    for part in parts:
        require_view(part, protocol)
        for row in part.rows:
            method = row["method"]
            table = redrawn(part, method, protocol)
            errors = score(outcomes_of(table, method), protocol)
            rows[method] = Row(row["arch"], row["weights"], method, row["title"], errors)
            states |= count_states(table, [method])
    first = parts[0]
    return Result(
        arch=first.identity["arch"],
        weights=first.identity["weights"],
        dataset=first.identity["dataset"],
        protocol=protocol.name,
        summary=protocol.summary,
        n=first.identity["images"],
        rows=tuple(rows[method] for method in first.order),
        not_applicable={},
        map_states=states,
        seconds=0.0,
        is_ilsvrc=first.identity["is_ilsvrc"],
        unreadable=unreadable_in(first.table),
    )


UNREAD = Size(0, 0)
"""Of an image that could not be read."""


def redrawn(part: Part, method: str, protocol: Protocol) -> pa.Table:
    """One method's records under a protocol: its boxes, IoUs and map states anew."""
    table = part.of(method)
    boxes, states = boxes_of(table), table["map_state"].to_pylist()
    if part.has_map(method) and not _same_boxes(part, protocol):
        drawn = list(_draw_all(part, method, table, protocol))
        boxes = np.array([box for box, _ in drawn]).reshape(-1, 4)
        states = [str(state) for _, state in drawn]
    truths = true_boxes_of(table)
    ious = [label_iou(box, true, protocol) for box, true in zip(boxes, truths, strict=True)]
    columns = dict(zip(("x0", "y0", "x1", "y1"), boxes.T, strict=True))
    columns |= {"iou": np.array(ious, dtype=np.float64), "map_state": states}
    for name, values in columns.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.array(values))
    return table


def boxes_of(table: pa.Table) -> Boxes:
    """The drawn boxes of some records, (n, 4)."""
    return np.stack([table[name].to_numpy() for name in ("x0", "y0", "x1", "y1")], axis=1)


def true_boxes_of(table: pa.Table) -> Iterator[Boxes]:
    """The true boxes of each record, (m, 4)."""
    for flat in table["true_boxes"].to_pylist():
        yield np.array(flat, dtype=np.float64).reshape(-1, 4)


def joined_maps(part: Part, method: str) -> Iterator[NDArray[np.float32]]:
    """The kept maps of one method, joined by the run's view, in the records' order."""
    view = VIEWS[part.identity["protocol"]["view"]]
    side = part.identity["preprocessing"]["size"]
    for maps in part.folder.read_maps(method):
        yield view.join(maps.astype(np.float32), side)


def _draw_all(
    part: Part, method: str, table: pa.Table, protocol: Protocol
) -> Iterator[tuple[Boxes, MapState]]:
    view, side = VIEWS[protocol.view], part.identity["preprocessing"]["size"]
    if not part.identity["keep_maps"]:
        raise DataError(
            f"{part.folder.path}: {protocol.name} draws other boxes, which needs the maps, and "
            "none are kept. Run again with --keep-maps."
        )

    def draw(job: tuple[NDArray[np.float32], Size]) -> tuple[Boxes, MapState]:
        values, size = job
        if size == UNREAD:
            return np.zeros(4), MapState.UNREADABLE
        return extract_box(values, size, protocol.box_rule, view.window(size, side))

    heights, widths = table["height"].to_pylist(), table["width"].to_pylist()
    sizes = [Size(height, width) for height, width in zip(heights, widths, strict=True)]
    return in_threads(draw, zip(joined_maps(part, method), sizes, strict=True))


def require_view(part: Part, protocol: Protocol) -> None:
    """Sees that a run has the view that a protocol needs.

    Raises:
        UsageError: it has another.
    """
    view = part.identity["protocol"]["view"]
    if view != protocol.view:
        raise UsageError(
            f"{part.folder.path}: was run with the view {view!r}; {protocol.name} needs "
            f"{protocol.view!r}, which is other inputs for the network. Run it again with "
            f"--protocol {protocol.name}."
        )


def _same_boxes(part: Part, protocol: Protocol) -> bool:
    return bool(part.identity["protocol"]["box_rule"] == as_plain(asdict(protocol.box_rule)))


def own_protocol(part: Part) -> Protocol:
    """The protocol that a run was made under."""
    stored = dict(part.identity["protocol"])
    sweep = stored.pop("sweep")
    if sweep:
        sweep = Sweep(**{**sweep, "ious": tuple(sweep["ious"])})
    rule = BoxRule(**stored.pop("box_rule"))
    return Protocol(**stored, box_rule=rule, sweep=sweep)


def with_rule(protocol: Protocol, **changes: Any) -> Protocol:
    """The protocol with fields of its box rule replaced."""
    return replace(protocol, box_rule=replace(protocol.box_rule, **changes))
