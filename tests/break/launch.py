"""`python launch.py SHARD ARGUMENT...`: the program with so many images per shard.

The size of a shard is no setting, because it decides where batches end. InProcess it is
small, so that a few images make many shards.
"""

import sys

from wsol_bench.engine import shards

if __name__ == "__main__":
    shards.SHARD = int(sys.argv[1])
    from wsol_bench.cli.main import main

    sys.exit(main(sys.argv[2:]))
