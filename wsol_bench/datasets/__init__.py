"""Sources of examples: one file per layout, and the table of them in `catalog`."""
