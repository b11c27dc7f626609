"""HDF5 shards: the one file format between the stages.

A shard holds arrays whose first axis is the galaxy, in catalogue order, chunked by galaxy. Every
shard has `row` (int64, the row of the source list) and `id` (text). Attributes say what made it.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from morphovote import __version__
from morphovote.errors import InputError

# A chunk of about this many bytes is read and compressed at once.
CHUNK_BYTES = 1 << 20


def write_shard(
    path: str | Path,
    arrays: dict[str, np.ndarray],
    attributes: dict | None = None,
    units: dict[str, str] | None = None,
) -> None:
    """Write arrays of one length to a shard, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Written under another name in the same folder, then renamed.
    arrays : dict of ndarray
        Shape (N, ...) each. Text may be of dtype str or object.
    attributes : dict, optional
        Scalars, strings or small arrays, such as `pixel_scale`.
    units : dict of str, optional
        Unit of each array that has one.

    Raises
    ------
    ValueError
        If the arrays differ in length.
    """
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"arrays of one shard must have one length, found {lengths}")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with h5py.File(partial, "w") as file:
            file.attrs["made_by"] = f"morphovote {__version__}"
            for name, value in (attributes or {}).items():
                file.attrs[name] = value
            for name, array in arrays.items():
                dataset = _create(file, name, np.asarray(array))
                if units and name in units:
                    dataset.attrs["unit"] = units[name]
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _create(file: h5py.File, name: str, array: np.ndarray) -> h5py.Dataset:
    if array.dtype.kind in "UO":
        # Empty and non-ASCII ids survive as UTF-8.
        return file.create_dataset(name, data=array.astype(object), dtype=h5py.string_dtype())
    if array.size == 0:
        return file.create_dataset(name, data=array)
    row_bytes = max(array[0].nbytes, 1)
    chunk = (min(len(array), max(1, CHUNK_BYTES // row_bytes)), *array.shape[1:])
    # Noise does not compress, but masks, rms maps and missing rows shrink to almost nothing.
    return file.create_dataset(
        name, data=array, chunks=chunk, compression="gzip", compression_opts=1, shuffle=True
    )


def open_shard(path: str | Path) -> h5py.File:
    """Open a shard for reading.

    Raises
    ------
    InputError
        If the file is missing or no HDF5 file.
    """
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(
            f"{path}: not a readable HDF5 shard ({error}). Delete it and run the workflow again."
        ) from error


def read_shard(
    path: str | Path, names: Sequence[str] | None = None, rows: slice = slice(None)
) -> dict[str, np.ndarray]:
    """Read arrays of a shard.

    Parameters
    ----------
    path : str or Path
    names : sequence of str, optional
        All arrays if left out.
    rows : slice

    Returns
    -------
    dict of ndarray
        Text comes back with dtype object (str).
    """
    with open_shard(path) as file:
        return {name: _read(file, name, rows) for name in (names or list(file))}


def _read(file: h5py.File, name: str, rows: slice) -> np.ndarray:
    if name not in file:
        raise InputError(
            f"{file.filename}: has no array '{name}', only {', '.join(file)}. "
            "Delete it and run the workflow again."
        )
    dataset = file[name]
    if h5py.check_string_dtype(dataset.dtype):
        return dataset.asstr()[rows]
    return dataset[rows]


def read_attributes(path: str | Path) -> dict:
    """Attributes of a shard, as a dict."""
    with open_shard(path) as file:
        return dict(file.attrs)


def count_rows(path: str | Path) -> int:
    """Number of galaxies in a shard."""
    with open_shard(path) as file:
        return len(file["row"])


def iterate_batches(
    path: str | Path, names: Sequence[str], size: int
) -> Iterator[dict[str, np.ndarray]]:
    """Yield a shard's arrays `size` galaxies at a time; the last batch may be shorter."""
    with open_shard(path) as file:
        for start in range(0, len(file["row"]), size):
            rows = slice(start, start + size)
            yield {name: _read(file, name, rows) for name in names}


def concatenate(paths: Sequence[str | Path], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Read small arrays of many shards, one after the other, into one array each."""
    parts = [read_shard(path, names) for path in paths]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}
