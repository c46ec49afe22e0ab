"""Maps become boxes."""
