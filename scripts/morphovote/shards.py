"""HDF5 shards: the one file format between the stages.

A shard holds arrays whose first axis is the galaxy, in catalogue order, chunked by galaxy. Every
shard has `row` (int64, the row of the source list) and `id` (text). Attributes say what made it.
"""

import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from morphovote import __version__
from morphovote.errors import InputError

# A chunk of about this many bytes is read and compressed at once.
CHUNK_BYTES = 1 << 20
# An array is packed if that leaves less than this share of so many of its rows.
WORTH, SAMPLE_ROWS = 0.6, 8
# Attribute of an array of texts.
DIGEST = "sha256"
# What HDF5 says, and as what, where it cannot read.
DAMAGE = (OSError, RuntimeError, KeyError)
HDF5_READING = ("Can't synchronously read", "Can't read", "Unable to", "\"Unable to", "'Unable to",
                "Can't open", "\"Can't open")  # fmt: skip
# Rule that makes a file, by its folder or its name.
MADE_BY = {
    "cutouts": "make_cutouts",
    "denoised": "denoise_cutouts",
    "polar": "unwrap_polar",
    "embeddings": "encode_polar",
    "measurements": "measure_morphology",
    "components.h5": "project_embeddings",
    "votes.h5": "cast_votes",
    "classes.h5": "classify_galaxies",
    "stability.h5": "check_stability",
}


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
        texts = array.astype(object)
        dataset = file.create_dataset(name, data=texts, dtype=h5py.string_dtype())
        dataset.attrs[DIGEST] = _digest(texts)
        return dataset
    if array.size == 0 or array.ndim == 0:
        return file.create_dataset(name, data=array)
    row_bytes = max(array[0].nbytes, 1)
    chunk = (min(len(array), max(1, CHUNK_BYTES // row_bytes)), *array.shape[1:])
    packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    options = packed if _shrinks(array) else {}
    return file.create_dataset(name, data=array, chunks=chunk, fletcher32=True, **options)


def _shrinks(array: np.ndarray) -> bool:
    """Whether packing an array is worth its time, judged by a few of its rows.

    Noise keeps five sixths of its size, and packing and unpacking it takes longer than unwrapping
    the galaxy; masks, rms maps and measurements shrink to little.
    """
    rows = np.ascontiguousarray(array[:: max(1, len(array) // SAMPLE_ROWS)][:SAMPLE_ROWS])
    # As HDF5's shuffle does: all first bytes, all second bytes, and so on.
    shuffled = rows.view(np.uint8).reshape(-1, array.dtype.itemsize).T.tobytes()
    return len(zlib.compress(shuffled, 1)) < WORTH * len(shuffled)


@contextmanager
def open_shard(path: str | Path) -> Iterator[h5py.File]:
    """Open a shard for reading.

    Raises
    ------
    InputError
        If the file is missing, no HDF5 file, or damaged: each chunk has a checksum.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file. {remedy(path)}")
    try:
        file = h5py.File(path, "r")
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"{path}: not a readable HDF5 file ({_first(error)}). {remedy(path)}"
        ) from error
    with file:
        try:
            yield file
        except DAMAGE as error:
            # Of HDF5's own words only those on reading: a full disk has others.
            if not str(error).startswith(HDF5_READING):
                raise
            raise InputError(f"{path}: is damaged ({_first(error)}). {remedy(path)}") from error


def remedy(path: str | Path) -> str:
    """What to do about a damaged file, by its place in the results."""
    path = Path(path)
    rule = MADE_BY.get(path.name) or MADE_BY.get(path.parent.name)
    if path.parent.name == "model":
        return "Take the model folder again from where it was made, or fit the model anew."
    return "Delete it and run the workflow again" + (f": {rule} makes it anew." if rule else ".")


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:150]


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
    with open_shard(path) as file, decoding(path):
        return {name: _read(file, name, rows) for name in (names or list(file))}


def _read(file: h5py.File, name: str, rows: slice) -> np.ndarray:
    if name not in file:
        raise InputError(
            f"{file.filename}: has no array '{name}', only {', '.join(file)}. "
            + remedy(file.filename)
        )
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        raise InputError(f"{file.filename}: '{name}' is no array. {remedy(file.filename)}")
    if not h5py.check_string_dtype(dataset.dtype):
        return dataset[rows]
    texts = dataset.asstr()[rows]
    # HDF5's checksums leave texts out.
    if len(texts) == len(dataset) and dataset.attrs.get(DIGEST, _digest(texts)) != _digest(texts):
        raise InputError(f"{file.filename}: array '{name}' is damaged. {remedy(file.filename)}")
    return texts


def _digest(texts: np.ndarray) -> str:
    return hashlib.sha256("\0".join(texts.ravel().tolist()).encode("utf-8", "replace")).hexdigest()


@contextmanager
def decoding(path: str | Path) -> Iterator[None]:
    """Turn whatever a damaged file makes of its reader into a sentence."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: is damaged ({_first(error)}). {remedy(path)}") from error


def read_attributes(path: str | Path) -> dict:
    """Attributes of a shard, as a dict."""
    with open_shard(path) as file, decoding(path):
        return dict(file.attrs)


def count_rows(path: str | Path) -> int:
    """Number of galaxies in a shard."""
    with open_shard(path) as file, decoding(path):
        return len(file["row"])


def iterate_batches(
    path: str | Path, names: Sequence[str], size: int
) -> Iterator[dict[str, np.ndarray]]:
    """Yield a shard's arrays `size` galaxies at a time; the last batch may be shorter."""
    with open_shard(path) as file:
        for start in range(0, len(file["row"]), size):
            rows = slice(start, start + size)
            with decoding(path):
                batch = {name: _read(file, name, rows) for name in names}
            yield batch


def concatenate(paths: Sequence[str | Path], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Read small arrays of many shards, one after the other, into one array each."""
    parts = [read_shard(path, names) for path in paths]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}
