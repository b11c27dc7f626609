"""A small field, run once from a copy of the project; the tests of the workflow look at it."""

import pytest
from project import SMALL, Project, copy_project


@pytest.fixture(scope="session")
def small_config() -> dict:
    """Config of the small field."""
    return SMALL


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Project:
    """A fresh checkout."""
    return copy_project(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="session")
def finished(project) -> Project:
    """The checkout after a whole run of the small field."""
    project.snakemake()
    return project
