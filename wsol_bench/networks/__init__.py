"""Archs, their weights, and the one forward pass that methods ask."""
