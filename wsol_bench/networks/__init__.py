"""Archs, their weights, and the forward pass that methods share."""
