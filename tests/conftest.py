"""What all tests share."""

from pathlib import Path

import pytest
from paths import ROOT

# Fixtures of tests that are slow: real survey data, a browser, processes that each load PyTorch.
SLOW = {"shared_data", "browser", "hub"}


def pytest_collection_modifyitems(items):
    """All tests of the workflow but those of one small field from end to end are slow as well."""
    for item in items:
        folder = item.path.parent.name
        elsewhere = folder == "workflow" and item.path.name != "test_run.py"
        if elsewhere or folder == "slurm" or SLOW & set(item.fixturenames):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real survey data beside the checkout; the test is skipped where there is none."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real survey data at {folder}")
    return folder
