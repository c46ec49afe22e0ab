"""Analyses of records, without a network: rescoring, pairs, breakdown, regression, sweeps."""
