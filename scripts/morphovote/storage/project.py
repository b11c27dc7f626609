"""Where the project's files beside the library are: in a checkout, or in an installed package."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
INSTALLED = PACKAGE / "_workflow"
# Folder with the Snakefile.
PROJECT = INSTALLED if (INSTALLED / "Snakefile").is_file() else PACKAGE.parents[1]
