"""A run on a Ray cluster of two machines, which die one after the other while a third joins.

`python ray_cluster.py FOLDER SHARD ARGUMENT...`: prints what it did and saw, as JSON in
the last line. A program of its own, because Ray takes over the process that it is in.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

from ray.cluster_utils import Cluster

PATIENCE = 180.0
LAUNCH = Path(__file__).parent / "launch.py"


def wait_for(what: str, condition) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"gave up waiting for {what}")
        time.sleep(0.05)


def main(folder: Path, shard: str, arguments: list[str]) -> None:
    started = time.monotonic()

    def log(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)

    def shards() -> int:
        return len(list((folder / "examples").glob("*.parquet")))

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    first, second = cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)
    log("cluster of a head and 2 machines with 1 CPU each")
    command = [sys.executable, str(LAUNCH), shard, *arguments, f"--out={folder}"]
    command += ["--engine=ray", "--workers=2", f"--ray-address={cluster.address}"]
    log("$ python -m wsol_bench " + " ".join(command[3:]))
    with (folder.parent / "driver.err").open("w") as errors:
        driver = subprocess.Popen(command, stderr=errors, stdout=subprocess.PIPE, text=True)
    wait_for("the first shards", lambda: shards() >= 2 or driver.poll() is not None)
    log(f"{shards()} shards are there; killing one machine")
    cluster.remove_node(second, allow_graceful=False)
    at_kill = shards()
    wait_for("more shards", lambda: shards() >= at_kill + 2 or driver.poll() is not None)
    log(f"{shards()} shards are there; adding a machine")
    cluster.add_node(num_cpus=1)
    log(f"{shards()} shards are there; killing the other old machine")
    cluster.remove_node(first, allow_graceful=False)
    at_join = shards()
    out, _ = driver.communicate(timeout=PATIENCE)
    log(f"the run ended with exit code {driver.returncode}, {shards()} shards")
    cluster.shutdown()
    print(json.dumps({"code": driver.returncode, "out": out, "at_join": at_join}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
