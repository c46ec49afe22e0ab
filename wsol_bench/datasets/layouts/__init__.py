"""Layouts of datasets on a disk, one file per layout."""
