"""Puts this folder on the path: its modules are shared with scripts/fuzz.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
