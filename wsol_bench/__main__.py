"""`python -m wsol_bench`."""

import sys

from wsol_bench.cli import main

if __name__ == "__main__":
    sys.exit(main())
