"""Weight files: found, read, checked and fitted to an arch."""
