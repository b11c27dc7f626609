"""Model files: what one field fits and another may use, as plain HDF5 without pickled objects."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from morphovote import __version__
from morphovote.errors import InputError
from morphovote.logs import log
from morphovote.shards import decoding, open_shard


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
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with h5py.File(partial, "w") as file:
            file.attrs["made_by"] = f"morphovote {__version__}"
            file.attrs["kind"] = kind
            for name, value in attributes.items():
                file.attrs[name] = value
            for name, array in arrays.items():
                array = np.asarray(array)
                if array.dtype.kind in "UO":
                    text = array.astype(object)
                    file.create_dataset(name, data=text, dtype=h5py.string_dtype())
                else:
                    file.create_dataset(name, data=array)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


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
        found = file.attrs.get("kind", "none")
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
        arrays = {}
        for name in names:
            dataset = file[name]
            is_text = h5py.check_string_dtype(dataset.dtype)
            arrays[name] = dataset.asstr()[()] if is_text else dataset[()]
        attributes = dict(file.attrs)
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
