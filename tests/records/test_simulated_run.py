"""The script that writes simulated runs writes what readers of runs accept."""

import json
import subprocess
import sys
from pathlib import Path

from wsol_bench.cli.main import main

SCRIPT = Path(__file__).parents[2] / "scripts/simulated_run.py"


def test_a_simulated_run_is_scored_from_its_records_and_its_maps(tmp_path, capsys):
    out = tmp_path / "run"
    subprocess.run([sys.executable, SCRIPT, out, "--images=30", "--maps"], check=True)
    for command in ("score", "pairs", "breakdown", "table"):
        assert main([command, str(out), "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found
    assert main(["score", str(out), "--protocol=maxboxacc", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["method"] for row in rows] == ["grad_cam", "cam", "c_mwp", "backprop"]
    # Each map is a Gaussian over the true box, of which some threshold finds it.
    assert all(row["max_box_acc"] > 90 for row in rows)
