"""A second run, on other images, on which thresholds are chosen."""

from collections.abc import Sequence

from wsol_bench.analysis.row_data import row_data
from wsol_bench.errors import UsageError
from wsol_bench.records.opened_run import NetworkRecords
from wsol_bench.scoring.row_data import RowData

_NETWORK = ("arch", "weights_sha256", "preprocessing", "precision")
"""Fields that both runs must share, so that a threshold of one fits the other's maps."""


def tuning_rows(
    networks: Sequence[NetworkRecords], tune_on: Sequence[NetworkRecords]
) -> dict[str, RowData]:
    """Row -> the same row of the run to tune on; empty if there is no such run.

    Raises:
        UsageError: both runs are of the same images, or the other run lacks a row or has
            another network, layer or view for it.
    """
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
