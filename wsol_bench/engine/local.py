"""Runs the pipeline in this process, shard by shard."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from wsol_bench.pipeline import Made, Pipeline, records_of
from wsol_bench.records import Dataset, Example, Record
from wsol_bench.store import RunFolder

SHARD = 256
"""Images per shard. Cut by the dataset's index alone, so that neither the batch
size nor the number of workers moves a boundary."""


def shards_of(examples: Sequence[Example]) -> list[Sequence[Example]]:
    """The examples cut into shards, in order."""
    return [examples[start : start + SHARD] for start in range(0, len(examples), SHARD)]


def run_here(
    pipeline: Pipeline,
    dataset: Dataset,
    folder: RunFolder,
    batch_size: int,
    threads: int,
    on_records: Callable[[list[Record]], None],
) -> None:
    """Makes the shards that a run's folder lacks.

    Args:
        pipeline: what to run.
        dataset: its examples decide the shards.
        folder: begun.
        batch_size: tensors per forward pass; a batch never spans two shards.
        threads: for decoding and boxes.
        on_records: called with each batch's records before they are stored.
    """
    shards = shards_of(dataset.examples)
    images = max(1, batch_size // pipeline.view.count)
    batches = [
        (number, shards[number][start : start + images])
        for number in range(len(shards))
        if not folder.has_shard(number)
        for start in range(0, len(shards[number]), images)
    ]
    made = records_of(pipeline, dataset, [batch for _, batch in batches], threads)
    for number, parts in _by_shard(batches, made, on_records):
        for method in parts[0].maps:
            folder.write_maps(number, method, np.concatenate([part.maps[method] for part in parts]))
        folder.write_shard(number, [record for part in parts for record in part.records])


def _by_shard(
    batches: Sequence[tuple[int, Sequence[Example]]],
    made: Iterator[Made],
    on_records: Callable[[list[Record]], None],
) -> Iterator[tuple[int, list[Made]]]:
    gathered: list[Made] = []
    for at, ((number, _), part) in enumerate(zip(batches, made, strict=True)):
        on_records(part.records)
        gathered.append(part)
        if at + 1 == len(batches) or batches[at + 1][0] != number:
            yield number, gathered
            gathered = []
