"""How datasets lie on a disk, one file per layout."""
