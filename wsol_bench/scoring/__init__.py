"""Figures from records: one file per metric, intervals, published figures."""
