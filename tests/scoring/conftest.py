"""The real metadata and masks of wsolevaluation, where there are any."""

from pathlib import Path

import pytest

WSOLEVALUATION = Path(__file__).parents[3] / "shared" / "data" / "wsolevaluation"
"""Beside the project; never part of it."""


@pytest.fixture(scope="session")
def wsol_metadata() -> Path:
    """The folder of boxes and sizes, by dataset and split; skips where there is none."""
    path = WSOLEVALUATION / "metadata"
    if not path.is_dir():
        pytest.skip("wsolevaluation's metadata is not here")
    return path


@pytest.fixture(scope="session")
def openimages_masks() -> Path:
    """The folder of some OpenImages masks with ignore masks; skips where there is none."""
    path = WSOLEVALUATION / "test_data" / "test_masks" / "val"
    if not path.is_dir():
        pytest.skip("the OpenImages masks are not here")
    return path
