"""Runs: settings become results."""
