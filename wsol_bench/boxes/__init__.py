"""Boxes: from maps to predicted boxes."""
