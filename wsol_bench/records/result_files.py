"""Results on the disk, read again for comparisons.

A result file holds the object of `Result.to_json`, or several of them under
"results"; a run's folder holds one in its manifest, or a folder per arch. A file
may state under "tolerance" how far each metric may change, in its unit: {"top1_loc": 0.5}.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from wsol_bench.errors import DataError, UsageError, unknown_name
from wsol_bench.protocols.catalog import ERRORS
from wsol_bench.records.manifest import DEFAULT_PRECISION
from wsol_bench.records.opened_run import open_networks, run_folders
from wsol_bench.records.result import RESULT_SCHEMA
from wsol_bench.records.run_folder import MANIFEST, RunFolder
from wsol_bench.records.stated_figures import check_figures
from wsol_bench.records.storage.locate import is_uri
from wsol_bench.runtime.files import writing_file
from wsol_bench.scoring.metric import PERCENT

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class RowName:
    """The key of a row of a result: a method on an arch."""

    arch: str
    method: str

    def __str__(self) -> str:
        return f"{self.arch} {self.method}"


@dataclass(frozen=True, slots=True)
class StoredResults:
    """The results in a file or in a run's folder.

    Attributes:
        path: as the user gave it.
        document: the JSON object, to write it again; null in place of NaN.
        rows: row -> metric -> figure, or None where there is none, as of an error over 0
            images or a metric that does not apply to the row.
        metrics: metric -> its unit.
        conditions: an arch or a row, as text -> what its figures were measured
            under, by name. Figures under other conditions cannot be compared.
        tolerance: metric -> points, for the metrics that the file states one for.
    """

    path: Path
    document: Mapping[str, Any]
    rows: Mapping[RowName, Mapping[str, float | None]]
    metrics: Mapping[str, str]
    conditions: Mapping[str, Mapping[str, str | int]]
    tolerance: Mapping[str, float]


def stored(path: Path, document: object) -> StoredResults:
    """The results of a JSON object, as `read_results` gives them.

    Raises:
        DataError: it is malformed.
    """
    try:
        return _parse(path, document)
    except ValueError as error:
        raise DataError(f"{path}: {error}. {_EXPECTED}") from error


def read_results(path: Path) -> StoredResults:
    """Reads a result file, or the result in a run's folder.

    Raises:
        DataError: it is missing, unreadable, unfinished, not JSON, of another
            schema or malformed; the message names the file and what is wrong.
    """
    text = _result_of_run(path) if _is_folder(path) else _text_of(path)
    try:
        document = json.loads(text, parse_constant=lambda constant: None)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: not JSON ({error}). {_EXPECTED}") from error
    return stored(path, document)


def networks_of(path: Path) -> dict[str, RunFolder]:
    """Arch -> the folder of its records, CAM nets included; nothing where a path is a file.

    Raises:
        DataError: a manifest is missing or bad.
    """
    found: dict[str, RunFolder] = {}
    for run in runs_in(path):
        own = RunFolder(run).manifest().identity.arch
        rows = _get(_require(_finished_result(run), dict, "result"), "rows", list, "result")
        for arch in dict.fromkeys(_name_of(row, str(own)).arch for row in rows):
            found[arch] = RunFolder(run if arch == own else run / arch)
    return {arch: folder for arch, folder in found.items() if folder.has_records()}


def runs_in(path: Path) -> list[Path]:
    """The runs' folders of a path: several where one command had several archs; none of a file."""
    return run_folders(path) if _is_folder(path) else []


def write_results(path: Path, new: StoredResults, tolerance: Mapping[str, float]) -> None:
    """Writes a result file anew, with these tolerances.

    Raises:
        UsageError: the path is a run's folder, whose figures belong to its records.
        DataError: the file cannot be written.
    """
    if _is_folder(path):
        raise UsageError(f"--update: {path} is a folder; only a result file can be rewritten.")
    document = {name: value for name, value in new.document.items() if name != "tolerance"}
    if tolerance:
        document["tolerance"] = dict(tolerance)
    with writing_file(path):
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")


def require_tolerance(metric: str, points: object, known: Collection[str]) -> float:
    """The tolerance of a metric.

    Args:
        metric: its name.
        points: in the metric's unit.
        known: the names of all metrics.

    Raises:
        ValueError: there is no such metric, or this is no number of points.
    """
    if metric not in known:
        raise ValueError(str(unknown_name("metric", metric, known)).removesuffix("."))
    number: float = _require(points, (int, float), f"the tolerance of {metric}")
    if not 0 <= number < float("inf"):
        raise ValueError(f"the tolerance of {metric}: expected 0 or more, got {number}")
    return float(number)


_SCHEMAS = (1, RESULT_SCHEMA)

_EXPECTED = "Expected what `run --json` prints, or a run's folder."


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). {_EXPECTED}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not JSON, not even text. {_EXPECTED}") from error


def _result_of_run(path: Path) -> str:
    """The JSON text of the run's result; of all results where the run had several archs."""
    folders = run_folders(path)
    if folders == [path]:
        return json.dumps(_checked_result(path))
    results = [_checked_result(folder) for folder in folders]
    return json.dumps({"schema": RESULT_SCHEMA, "results": results})


def _is_folder(path: Path) -> bool:
    return is_uri(path) or path.is_dir()


def _checked_result(path: Path) -> object:
    """The result of a run, whose figures are those of its records; a folder may have none."""
    result = _finished_result(path)
    if RunFolder(path).has_records():
        for network in open_networks(path):
            if network.manifest.schema > 1:  # those of schema 1 are checked when opened
                check_figures(network.folder, network.manifest, network.rows)
    return result


def _finished_result(path: Path) -> object:
    manifest = RunFolder(path).manifest()
    if manifest.result is None:
        raise DataError(
            f"{path / MANIFEST}: the run has not finished, so it has no result. "
            "Run the same command again to finish it."
        )
    return manifest.result


def _parse(path: Path, document: object) -> StoredResults:
    top = _require(document, dict, "the file")
    if top.get("schema") not in _SCHEMAS:
        raise ValueError(f"expected 'schema' 1 or {RESULT_SCHEMA}, got {top.get('schema')!r}")
    results = _get(top, "results", list, "the file") if "results" in top else [top]
    rows: dict[RowName, Mapping[str, float | None]] = {}
    units: dict[str, str] = {}
    conditions: dict[str, Mapping[str, str | int]] = {}
    for number, result in enumerate(results, 1):
        arch = _get(_require(result, dict, f"result {number}"), "arch", str, f"result {number}")
        conditions[arch] = _conditions_of(result, arch)
        metrics = _metrics_of(result, arch)
        units |= metrics
        for row in _get(result, "rows", list, arch):
            name = _name_of(row, arch)
            if name in rows:
                raise ValueError(f"{name} occurs twice")
            rows[name] = {each: _figure(row, each, unit, name) for each, unit in metrics.items()}
            conditions[str(name)] = _row_conditions_of(row, name, result)
    given = _get(top, "tolerance", dict, "the file") if "tolerance" in top else {}
    tolerance = {each: require_tolerance(each, points, units) for each, points in given.items()}
    return StoredResults(path, top, rows, units, conditions, tolerance)


def _metrics_of(result: Mapping[str, Any], arch: str) -> dict[str, str]:
    """Metric -> unit; schema 1 had the five errors and did not list them."""
    if "metrics" not in result:
        return dict.fromkeys(ERRORS, PERCENT)
    found = {}
    for entry in _get(result, "metrics", list, arch):
        metric = _require(entry, dict, f"a metric of {arch}")
        name = _get(metric, "name", str, f"a metric of {arch}")
        found[name] = _get(metric, "unit", str, f"metric {name} of {arch}")
    return found


def _conditions_of(result: Mapping[str, Any], arch: str) -> dict[str, str | int]:
    texts = {name: _get(result, name, str, arch) for name in ("dataset", "protocol", "weights")}
    precision = result.get("precision") or DEFAULT_PRECISION  # older results do not name it
    return {**texts, "precision": str(precision), "n": _get(result, "n", int, arch)}


def _row_conditions_of(
    row: Mapping[str, Any], name: RowName, result: Mapping[str, Any]
) -> dict[str, str | int]:
    """The conditions that a row adds to its result's: a blacklist, the weights of a CAM net."""
    found = {"images without localization": result["n"] - _get(row, "n_loc", int, str(name))}
    if name.arch == result["arch"] or "weights" not in row:
        return found
    return {**found, "weights": _get(row, "weights", str, str(name))}


def _name_of(row: object, arch: str) -> RowName:
    """The key of a row; CAM's row names the CAM net's arch instead of this one."""
    entries = _require(row, dict, f"a row of {arch}")
    method = _get(entries, "method", str, f"a row of {arch}")
    return RowName(_get({"arch": arch, **entries}, "arch", str, f"{arch} {method}"), method)


def _figure(row: Mapping[str, Any], metric: str, unit: str, name: RowName) -> float | None:
    figure = row.get(metric)
    if figure is None:
        return None
    number = _require(figure, (int, float), f"{metric} of {name}")
    if unit == PERCENT and not 0 <= number <= 100:
        raise ValueError(f"{metric} of {name}: expected 0 to 100, got {number}")
    return float(number)


def _get(entries: Mapping[str, Any], name: str, kind: type[Value], where: str) -> Value:
    return _require(entries.get(name), kind, f"{name!r} of {where}")


def _require(value: object, kind: Any, what: str) -> Any:
    # A bool is an int to Python, and never a figure or a count.
    if isinstance(value, bool) or not isinstance(value, kind):
        raise ValueError(f"{what}: expected {_KINDS[kind]}, got {value!r:.40}")
    return value


_KINDS = {dict: "an object", list: "a list", str: "a text", int: "a whole number"} | {
    (int, float): "a number"
}
