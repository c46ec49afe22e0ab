"""Records become figures: one file per metric, intervals, published figures."""
