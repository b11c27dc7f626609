"""What all tests share."""

from pathlib import Path

import pytest
from paths import ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real survey data beside the checkout; the test is skipped where there is none."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real survey data at {folder}")
    return folder
