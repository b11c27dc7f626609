"""What all tests share."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from paths import ROOT
from project import Project, copy_project, stop_snakemake

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


@pytest.fixture(scope="session", autouse=True)
def small_run(request, tmp_path_factory) -> Iterator[tuple[Project, Future] | None]:
    """A checkout and the run of the small field in it, beside the tests that come before.

    It begins with the first test if any test looks at the finished run; else there is none.
    """
    if not any("finished" in item.fixturenames for item in request.session.items):
        yield None
        return
    project = copy_project(tmp_path_factory.mktemp("checkout"))
    with ThreadPoolExecutor(1) as pool:
        yield project, pool.submit(project.snakemake, check=False)
        # The run is over, unless the tests were stopped.
        stop_snakemake()
