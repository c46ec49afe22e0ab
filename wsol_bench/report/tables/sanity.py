"""Output of `sanity`: each method under the network with more and more random layers."""

from rich.console import Console
from rich.table import Table

from wsol_bench.runs.sanity import Sanity, SanityRow


def print_sanity(found: Sanity) -> None:
    """Prints a table per method on stdout, and which methods ignore the network."""
    console = Console(highlight=False, markup=False)
    console.print(
        f"{found.arch}, {found.weights}; {found.dataset}, n = {found.n:,}; "
        f"{found.layers} layers randomised from the last one down, seed {found.seed}"
    )
    for number, row in enumerate(found.steps[0].rows):
        table = Table(box=None, pad_edge=False, header_style="bold", title=row.title)
        table.title_justify = "left"
        table.add_column("random layers")
        for heading in ("GT-known loc", "rank correlation", "SSIM", "same boxes"):
            table.add_column(heading, justify="right")
        for step in found.steps:
            own = [each for each in step.rows if each.method == row.method]
            if own:
                lowest = f" (from {step.lowest})" if step.layers else ""
                table.add_row(f"{step.layers}{lowest}", *_cells(own[0], found.n))
        console.print(table)
        last = found.steps[-1].rows[number]
        if found.ignores_network(row.method):
            what = "map" if last.rank_correlation is not None else "box"
            console.print(f"{row.title}: its {what} does not change: it ignores the network.")
        elif last.compared < found.n and last.rank_correlation is not None:
            console.print(f"{found.n - last.compared:,} images have a constant map at the end.")
        console.print()
    for name, reason in found.not_applicable.items():
        console.print(f"{name}: n/a on {found.arch}: {reason}.")
    console.print(
        "GT-known loc: error in %. Similarity of maps to the trained network's, means over images."
    )


def _cells(row: SanityRow, n: int) -> tuple[str, ...]:
    return (
        "n/a" if row.gt_known_loc is None else f"{row.gt_known_loc:.2f}",
        "n/a" if row.rank_correlation is None else f"{row.rank_correlation:.3f}",
        "n/a" if row.ssim is None else f"{row.ssim:.3f}",
        f"{row.same_boxes:,} / {n:,}",
    )
