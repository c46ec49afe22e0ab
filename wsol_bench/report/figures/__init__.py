"""Figures of maps and boxes."""
