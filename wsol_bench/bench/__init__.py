"""The cost of localization, in forward passes of the same network."""
