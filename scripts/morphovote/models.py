"""Model files: what one field fits and another may use, as plain HDF5 without pickled objects."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from morphovote.errors import InputError
from morphovote.logs import log
from morphovote.shards import (
    attributes_of,
    create_hdf5,
    decoding,
    open_shard,
    read_array,
    write_array,
)


def write_model(
    path: str | Path, kind: str, arrays: dict[str, np.ndarray], attributes: dict
) -> None:
    """Write a fitted model, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Written under another name in the same folder, then renamed.
    kind : str
        What it is, such as "pca"; checked again on reading.
    arrays : dict of ndarray
        Numbers of any shape, or text (dtype str).
    attributes : dict
        Scalars and strings.
    """
    with create_hdf5(path, {"kind": kind} | attributes) as file:
        for name, array in arrays.items():
            # Not compressed: what a stranger's archive says to hold is held against its size.
            write_array(file, name, np.asarray(array))


def read_model(path: str | Path, kind: str, names: tuple[str, ...]) -> tuple[dict, dict]:
    """Read a fitted model.

    Parameters
    ----------
    path : str or Path
    kind : str
        What it has to be.
    names : tuple of str
        Arrays that it has to have.

    Returns
    -------
    arrays, attributes : dict, dict

    Raises
    ------
    InputError
        If it is no HDF5 file, of another kind, incomplete, or holds a number that is not finite.
    """
    with open_shard(path) as file, decoding(path):
        attributes = attributes_of(file)
        found = attributes.get("kind", "none")
        if found != kind:
            raise InputError(
                f"{path}: attribute 'kind' is '{found}', expected '{kind}'. "
                "Give the file that the model folder holds under this name."
            )
        missing = [name for name in names if name not in file]
        if missing:
            raise InputError(
                f"{path}: has no array {', '.join(missing)}, only {', '.join(file)}. "
                "It was made by another version: fit the model again."
            )
        arrays = {name: read_array(file, name) for name in names}
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(
                f"{path}: array '{name}' holds numbers that are not finite. Fit the model again."
            )
    return arrays, attributes


def digest(*arrays: np.ndarray) -> str:
    """First 16 hexadecimal digits of the SHA-256 of some arrays: names what was fitted."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:16]


def read_groups(given: int | str, sources: Sequence[str | Path]) -> int:
    """Number of groups to vote on: that of a frozen model, the recommended one, or the config's.

    Parameters
    ----------
    given : int or 'auto'
        Of the config.
    sources : sequence of path
        The frozen model's voters, or what `group_scan.choose_groups_file` wrote, or nothing.
    """
    for source in sources:
        if Path(source).suffix == ".h5":
            attributes = read_model(source, "voters", ())[1]
            # Splits have added to the groups since.
            return int(attributes.get("fitted_groups", attributes["groups"]))
        found = json.loads(Path(source).read_text(encoding="utf-8"))
        log.info("%s", found["sentence"])
        return int(found["used_by_auto"])
    return int(given)
