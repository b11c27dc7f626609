"""What a wheel holds: the library, and in `morphovote._workflow` the workflow and its files."""

from setuptools import find_packages, setup

WORKFLOW = [
    "Snakefile",
    "config.yaml",
    "envs/*",
    "profiles/*/*",
    "resources/encoder/*",
    "scripts/*.py",
    "workflow/**/*",
]

setup(
    packages=[*find_packages("scripts"), "morphovote._workflow"],
    package_dir={"": "scripts", "morphovote._workflow": "."},
    package_data={"morphovote._workflow": WORKFLOW},
)
