"""Where a run's files lie: on a disk, or in a store behind a URI."""
