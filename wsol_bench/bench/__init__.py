"""What localization costs, in forward passes of the same network."""
