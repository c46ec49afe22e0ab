"""The source of tuned thresholds: a second run, on other images, or pseudo-boxes."""

from collections.abc import Sequence
from pathlib import Path

from wsol_bench.analysis.row_data import row_data
from wsol_bench.errors import DataError, UsageError
from wsol_bench.records.command import command_of
from wsol_bench.records.opened_run import NetworkRecords, open_one
from wsol_bench.records.run_folder import MANIFEST, RunFolder
from wsol_bench.scoring.row_data import RowData

_NETWORK = ("arch", "weights_sha256", "preprocessing", "precision")
"""Fields that both runs must share, so that a threshold of one fits the other's maps."""


TuneOn = Sequence[NetworkRecords] | Path
"""The networks of another run, or the file of a table of pseudo-boxes."""


def open_tuning(asked: Path, networks: Sequence[NetworkRecords]) -> TuneOn:
    """The value of `--tune-on`: a table, the folder of a run, or a split of the run's dataset.

    A split stands for the run on it that lies beside the scored run.

    Args:
        asked: the value.
        networks: of the run that is scored.

    Raises:
        UsageError: nothing is there, or several runs of the split are; says how the run on
            another split is made.
        DataError: the folder holds no finished run.
    """
    if asked.is_file():
        return asked
    if asked.exists() or "://" in str(asked):
        return open_one(asked)
    found = _runs_of_split(str(asked), networks[0])
    if len(found) == 1:
        return open_one(found[0])
    if found:
        names = ", ".join(map(str, found))
        raise UsageError(f"--tune-on {asked}: {names} are runs of this split. Name one of them.")
    folder, settings = networks[0].folder.path, networks[0].manifest.settings
    changed = {**settings, "split": str(asked), "keep_maps": True}
    command = command_of(changed, f"{folder}-{asked}")
    raise UsageError(
        f"--tune-on {asked}: there is no such folder or file, and no run of a split of this name "
        f"beside {folder}. Expected the folder of a run on other images, a table of pseudo-boxes "
        "of the scored images, or the name of a split of the dataset, whose run this command "
        f"makes: {command}"
    )


def _runs_of_split(split: str, scored: NetworkRecords) -> list[Path]:
    """The folders beside a run's that hold a run of a split of its dataset, network by name."""
    own, found = scored.manifest, []
    for path in sorted(scored.folder.path.absolute().parent.glob(f"*/{MANIFEST}")):
        try:
            other = RunFolder(path.parent).manifest()
        except DataError:  # a folder of something else, or damaged
            continue
        same = (other.identity.arch, other.data.path) == (own.identity.arch, own.data.path)
        if same and other.data.split == split and other.result is not None:
            found.append(path.parent)
    return found


def tuning_rows(networks: Sequence[NetworkRecords], tune_on: TuneOn) -> dict[str, RowData]:
    """Row -> the row to tune on: of the other run, or the same with pseudo-boxes.

    Empty if there is nothing to tune on.

    Raises:
        UsageError: both runs are of the same images, or the other run lacks a row or has
            another network, layer or view for it.
        DataError: pseudo-boxes are missing or are the ground-truth boxes.
    """
    if isinstance(tune_on, Path):
        # Here, since it imports every layout of datasets.
        from wsol_bench.analysis.pseudo_boxes import read_pseudo_boxes, with_pseudo_boxes

        boxes = read_pseudo_boxes(tune_on)
        return {
            method: with_pseudo_boxes(row_data(network, method), boxes, tune_on)
            for network in networks
            for method in network.methods
        }
    if not tune_on:
        return {}
    _refuse_same_images(networks, tune_on)
    others = {method: other for other in tune_on for method in other.methods}
    found = {}
    for network in networks:
        for method in network.methods:
            if method not in others:
                raise UsageError(
                    f"--tune-on {tune_on[0].folder.path}: has no row {method}. Run it with the "
                    "methods of the run that is scored."
                )
            _refuse_another_row(network, others[method], method)
            found[method] = row_data(others[method], method)
    return found


def _refuse_another_row(network: NetworkRecords, other: NetworkRecords, method: str) -> None:
    pairs: list[tuple[str, object, object]] = [
        *(
            (name, getattr(network.identity, name), getattr(other.identity, name))
            for name in _NETWORK
        ),
        ("view", network.identity.protocol.view, other.identity.protocol.view),
        ("layer", network.row(method).layer, other.row(method).layer),
        ("options", network.row(method).options, other.row(method).options),
        ("source", network.row(method).source, other.row(method).source),
    ]
    for name, scored, tuned in pairs:
        if scored != tuned:
            raise UsageError(
                f"--tune-on {other.folder.path}: its {name} for {method} is {tuned!r}, the scored "
                f"run's is {scored!r}. A threshold fits maps of the same network and options only."
            )


def _refuse_same_images(
    networks: Sequence[NetworkRecords], tune_on: Sequence[NetworkRecords]
) -> None:
    scored, tuned = (set(each[0].table["image_id"].to_pylist()) for each in (networks, tune_on))
    same_data = networks[0].identity.dataset_sha256 == tune_on[0].identity.dataset_sha256
    if same_data or (scored & tuned and networks[0].identity.is_ilsvrc):
        raise UsageError(
            "--tune-on: holds images that are scored. A threshold tuned on them is the oracle's; "
            "choose it on other images."
        )
