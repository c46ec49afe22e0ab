"""Puts this folder on the path, for the ways to spoil a run's folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
