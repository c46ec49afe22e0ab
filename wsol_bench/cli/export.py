"""The command that exports runs to other tools' formats: parse, call."""

from pathlib import Path
from typing import Annotated, Literal

from wsol_bench.cli.values import Rows, rows_asked
from wsol_bench.runtime.flag_values import PATH


def export(
    run: Annotated[Path, PATH],
    out: Annotated[Path, PATH],
    /,
    *,
    format: Literal[
        "devkit",
        "coco",
        "coco-dataset",
        "wsol-metadata",
        "fiftyone",
        "csv",
        "maps",
        "maps-wsolevaluation",
    ] = "devkit",
    methods: Rows = None,
    class_map: Annotated[Path | None, PATH] = None,
    data: str | None = None,
) -> None:
    """Write a run for an outside scorer, for a browser of images, or as a table.

    For example:
        wsol-bench export RUN records.csv --format csv

    Parameters
    ----------
    run
        The run's folder. For devkit and coco: made with --boxes top5 it has a box for
        each of five classes, else for the label's only; the others are then written as
        empty boxes, which changes no error.
    out
        The file to write; for fiftyone a new folder, for maps a folder.
    format
        devkit: five groups of class and box a line, devkit class ids, 0-based inclusive.
        coco: results JSON. coco-dataset: the ground-truth boxes as a COCO dataset, with the same
        ids. wsol-metadata: the images' paths, classes, sizes and boxes, or masks without boxes, as
        wsolevaluation reads them, in a new folder. fiftyone: a folder with a script that loads it.
        csv: a line per record. maps: kept maps, NAME.npy, float32, at their own resolution.
        maps-wsolevaluation: as its program reads them, val/NAME.JPEG.npy, 224 x 224, scaled to
        0..1.
    methods
        Names of rows: one for devkit, coco and maps; for fiftyone and csv comma-separated.
        Default: all of the run's.
    class_map
        File of "WNID id" lines, for classes that are not ILSVRC's. Without one, COCO's
        ids of such classes count from 1 in the order of the WNIDs.
    data
        The images' folder or tar. Default: the path that the run recorded.
    """
    from wsol_bench.report.exports.export import Export, export_run

    export_run(Export(run, out, rows_asked(methods), class_map, data), format)
