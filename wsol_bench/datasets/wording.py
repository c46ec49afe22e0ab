"""The words of `wsol_bench.wording`, under the name by which layouts know them."""

from wsol_bench.wording import first_names, shown

__all__ = ["first_names", "shown"]
