"""The words of `wsol_bench.runtime.names`, under the name by which layouts know them."""

from wsol_bench.runtime.names import first_names, shown

__all__ = ["first_names", "shown"]
