"""Records only, no network: rescoring, pairs, breakdown, regression, sweeps."""
