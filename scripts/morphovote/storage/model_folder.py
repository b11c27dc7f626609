"""A model folder: its files and its description."""

import json
from pathlib import Path

import yaml

from morphovote.errors import InputError

DESCRIPTION = "model.json"
# Files that a frozen model must have.
MODEL_FILES = (
    "denoiser.safetensors",
    "pca.h5",
    "strangeness.h5",
    "voters.h5",
    "confidence.h5",
    "anchors.h5",
    "classifier.h5",
    "measurement.h5",
    "names.yaml",
    DESCRIPTION,
)


def read_description(path: str | Path) -> dict:
    """Read a model's description, model.json.

    Raises
    ------
    InputError
        If it cannot be read, or lacks a key.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        complete = {"field", "pixel_scale", "settings", "encoder"} <= set(found)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{path}: not a readable description of a model ({error}). Give the model folder of a "
            "finished run (results/<field>/model)."
        ) from error
    if not complete:
        raise InputError(
            f"{path}: lacks field, pixel_scale, settings or encoder, expected what describe_model "
            "writes. Give the model folder of a finished run (results/<field>/model)."
        )
    return found


def read_names(path: str | Path) -> dict:
    """Read the groups' names: `origin`, and `groups`, a map from number to class and reason.

    Raises
    ------
    InputError
        If the file does not have that form.
    """
    try:
        names = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        entries = list(names["groups"].items())
        groups = (isinstance(number, int) and isinstance(entry, dict) for number, entry in entries)
        if not all(groups) or not all("class" in entry for _, entry in entries):
            raise TypeError("a group has no number or no class")
    except (OSError, yaml.YAMLError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path}: not a file of group names ({error}). Delete it and run the workflow again."
        ) from error
    return names
