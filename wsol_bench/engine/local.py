"""Runs the pipeline in this process, shard by shard."""

from collections.abc import Callable, Iterator, Sequence

from wsol_bench.pipeline import Pipeline, records_of
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
        batch_size: images per forward pass; a batch never spans two shards.
        threads: for decoding and boxes.
        on_records: called with each batch's records before they are stored.
    """
    shards = shards_of(dataset.examples)
    missing = [number for number in range(len(shards)) if not folder.has_shard(number)]
    batches = [
        (number, shards[number][start : start + batch_size])
        for number in missing
        for start in range(0, len(shards[number]), batch_size)
    ]
    made = records_of(pipeline, dataset, [batch for _, batch in batches], threads)
    for number, records in _by_shard(batches, made, on_records):
        folder.write_shard(number, records)


def _by_shard(
    batches: Sequence[tuple[int, Sequence[Example]]],
    made: Iterator[list[Record]],
    on_records: Callable[[list[Record]], None],
) -> Iterator[tuple[int, list[Record]]]:
    gathered: list[Record] = []
    for at, ((number, _), records) in enumerate(zip(batches, made, strict=True)):
        on_records(records)
        gathered += records
        if at + 1 == len(batches) or batches[at + 1][0] != number:
            yield number, gathered
            gathered = []
