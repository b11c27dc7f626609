"""A small field, run once from a copy of the project; the tests of the workflow look at it."""

import pytest
from project import SMALL, Project, copy_project


@pytest.fixture(scope="session")
def small_config() -> dict:
    """Config of the small field."""
    return SMALL


@pytest.fixture(scope="session", autouse=True)
def alone(small_run) -> None:
    """No test of the workflow runs beside the small field."""
    if small_run is not None:
        small_run[1].result()


@pytest.fixture(scope="session")
def project(small_run, tmp_path_factory) -> Project:
    """A checkout, in which the small field has run if any test looks at that."""
    if small_run is None:
        return copy_project(tmp_path_factory.mktemp("checkout"))
    return small_run[0]


@pytest.fixture(scope="session")
def finished(small_run) -> Project:
    """The checkout after a whole run of the small field."""
    project, run = small_run
    process = run.result()
    assert process.returncode == 0, process.stdout[-6000:]
    return project
