"""Starts the program again and again from one process that has it in memory already.

Importing torch takes seconds, in which a kill would tell nothing. Every line on stdin is
a JSON object: {"shard", "arguments", "out", "err", "file_limit"} starts a run and is
answered with its process id; {"reap": PID} waits for one and is answered with its exit
code, or minus the signal that ended it.
"""

import json
import os
import resource
import sys

from wsol_bench.cli.main import main
from wsol_bench.engine import scheduler as scheduler
from wsol_bench.engine import shards
from wsol_bench.report.tables import result as tables  # noqa: F401 - what every run would import


def run(order: dict) -> None:
    for number, path in ((1, order["out"]), (2, order["err"])):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, number)
    if order["file_limit"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_limit"],) * 2)
    shards.SHARD = order["shard"]
    scheduler.CHECKPOINT_INTERVAL = 0.3  # so that kills find beginnings of shards too
    code = main(order["arguments"])
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    for line in sys.stdin:
        order = json.loads(line)
        if "reap" in order:
            _, status = os.waitpid(order["reap"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        pid = os.fork()
        if not pid:
            run(order)
        print(pid, flush=True)
