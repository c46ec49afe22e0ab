"""Settings become results."""
