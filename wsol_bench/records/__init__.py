"""The records, manifest and result of a run, and their storage."""
