"""Model files: fitted on one field, usable on another; plain HDF5 without pickled objects."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from morphovote.errors import InputError
from morphovote.logs import log
from morphovote.storage.files import read_json
from morphovote.storage.shards import (
    attributes_of,
    create_hdf5,
    decoding,
    open_shard,
    read_array,
    remedy,
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
        Kind of model, such as "pca"; checked on reading.
    arrays : dict of ndarray
        Numbers of any shape, or text (dtype str).
    attributes : dict
        Scalars and strings.
    """
    with create_hdf5(path, {"kind": kind} | attributes) as file:
        for name, array in arrays.items():
            # Not compressed, so that a reader can compare the array's stated size with the file's.
            write_array(file, name, np.asarray(array))


def read_model(
    path: str | Path, kind: str, names: tuple[str, ...], more: tuple[str, ...] = ()
) -> tuple[dict, dict]:
    """Read a fitted model.

    Parameters
    ----------
    path : str or Path
    kind : str
        Expected kind of model.
    names : tuple of str
        Arrays that it must have.
    more : tuple of str
        Arrays that are read where it has them.

    Returns
    -------
    arrays, attributes : dict, dict

    Raises
    ------
    InputError
        If it is not an HDF5 file, of another kind, incomplete, or holds a number that is not
        finite.
    """
    with open_shard(path) as file, decoding(path):
        if found := _unsafe(file):
            raise InputError(
                f"{path}: holds {found}, expected numbers and text of a fixed length. It was not "
                f"made by this version. {remedy(path)}"
            )
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
        there = [*names, *(name for name in more if name in file)]
        arrays = {name: read_array(file, name) for name in there}
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(
                f"{path}: array '{name}' holds numbers that are not finite. Fit the model again."
            )
    return arrays, attributes


def unsafe_part(path: str | Path) -> str:
    """What is unsafe in a model file, such as a link or an external array; empty if nothing is.

    Only the structure is inspected: neither numbers nor text are read.
    """
    try:
        with h5py.File(path, "r") as file:
            return _unsafe(file)
    except Exception as error:
        return f"no readable HDF5 ({error})"


def _unsafe(file: h5py.File) -> str:
    for key in file:
        if not isinstance(file.get(key, getlink=True), h5py.HardLink):
            return f"a link, {key!r}"
        data = file[key]
        if not isinstance(data, h5py.Dataset) or data.external or data.is_virtual:
            return f"a part outside it, {key!r}"
        # Text of variable length is kept in a heap; on some damaged heaps HDF5 never returns.
        if data.dtype.hasobject:
            return f"values of variable length, {key!r}"
        if data.nbytes > Path(file.filename).stat().st_size:
            return f"an array {key!r} larger than the file"
    for name in file.attrs:
        if file.attrs.get_id(name).dtype.hasobject:
            return f"values of variable length, attribute {name!r}"
    return ""


def digest(*arrays: np.ndarray) -> str:
    """First 16 hexadecimal digits of the SHA-256 of arrays, which identify a fitted model."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:16]


def read_groups(given: int | str, sources: Sequence[str | Path]) -> int:
    """Number of groups to vote on: the frozen model's, the recommended one, or the config's.

    Parameters
    ----------
    given : int or 'auto'
        From the config.
    sources : sequence of path
        The frozen model's voters, or the file that `group_number.choose_groups_file` wrote, or
        nothing.
    """
    for source in sources:
        if Path(source).suffix == ".h5":
            attributes = read_model(source, "voters", ())[1]
            # `groups` also counts those that splits have added since.
            return int(attributes.get("fitted_groups", attributes["groups"]))
        found = read_json(source)
        log.info("%s", found["sentence"])
        return int(found["used_by_auto"])
    return int(given)
