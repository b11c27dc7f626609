"""HDF5 shards: the one file format between the stages.

A shard holds arrays whose first axis is the galaxy, in catalogue order, chunked by galaxy. Every
shard has `row` (int64, the row of the source list) and `id` (text). Attributes record how it was
made.

HDF5's checksums protect the metadata (format 1.10) and each chunk of an array. Text has a fixed
length: HDF5 keeps text of variable length in a heap without a checksum, and never returns from some
damaged heaps, so such text is refused unread.
"""

import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from morphovote import __version__
from morphovote.errors import InputError
from morphovote.storage.files import replacing

# Size of a chunk, which is read and compressed as a unit.
CHUNK_BYTES = 1 << 20
# An array is compressed if that shrinks a sample of its rows to less than this share.
WORTH, SAMPLE_ROWS = 0.6, 8
PACKED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
# The oldest format whose metadata has checksums.
FORMAT = "v110"
# Exceptions that HDF5 raises where it cannot read, and how their messages begin.
DAMAGE = (OSError, RuntimeError, KeyError)
HDF5_READING = ("Can't synchronously read", "Can't read", "Unable to", "\"Unable to", "'Unable to",
                "Can't open", "\"Can't open")  # fmt: skip
# Rule that makes a file, by the file's folder or name.
MADE_BY = {
    "cutouts": "make_cutouts",
    "denoised": "denoise_cutouts",
    "polar": "unwrap_polar",
    "embeddings": "encode_polar",
    "measurements": "measure_morphology",
    "sky.h5": "model_sky",
    "anchors.h5": "make_anchors",
    "components.h5": "project_embeddings",
    "votes.h5": "cast_votes",
    "neighbours.h5": "find_neighbours",
    "classes.h5": "classify_galaxies",
    "stability.h5": "check_stability",
}


def write_shard(
    path: str | Path,
    arrays: dict[str, np.ndarray],
    attributes: dict | None = None,
    units: dict[str, str] | None = None,
) -> None:
    """Write arrays of the same length to a shard, whole or not at all.

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
    with create_hdf5(path, attributes or {}) as file:
        for name, array in arrays.items():
            array = fixed(np.asarray(array))
            dataset = write_array(file, name, array, **(PACKED if _shrinks(array) else {}))
            if units and name in units:
                dataset.attrs["unit"] = fixed(units[name])


@contextmanager
def create_hdf5(path: str | Path, attributes: dict) -> Iterator[h5py.File]:
    """Create an HDF5 file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Written under another name in the same folder, then renamed.
    attributes : dict
        Scalars, strings or small arrays; `made_by` is added.
    """
    with replacing(path) as partial, h5py.File(partial, "w", libver=FORMAT) as file:
        for name, value in ({"made_by": f"morphovote {__version__}"} | attributes).items():
            file.attrs[name] = fixed(value)
        yield file


def create_array(
    file: h5py.File, name: str, shape: tuple, dtype: np.dtype, **options
) -> h5py.Dataset:
    """Create an array in chunks of about `CHUNK_BYTES`, each with a checksum.

    Parameters
    ----------
    file : h5py.File
    name : str
    shape : tuple of int
    dtype : numpy dtype
        For text, from `text_type`.
    **options
        Passed to h5py's create_dataset, such as the compression.
    """
    if 0 in shape or not shape:
        return file.create_dataset(name, shape, dtype)
    row_bytes = dtype.itemsize * math.prod(shape[1:])
    chunks = (min(shape[0], max(1, CHUNK_BYTES // row_bytes)), *shape[1:])
    return file.create_dataset(name, shape, dtype, chunks=chunks, fletcher32=True, **options)


def write_array(file: h5py.File, name: str, array: np.ndarray, **options) -> h5py.Dataset:
    """Write an array into one that `create_array` makes; text may be of dtype str or object."""
    array = fixed(array)
    dataset = create_array(file, name, array.shape, array.dtype, **options)
    dataset[...] = array
    return dataset


def fixed(value):
    """Convert text, or an array of text, to UTF-8 of a fixed length; return anything else as is."""
    array = np.asarray(value)
    if array.dtype.kind not in "UO":
        return value
    texts = [str.encode(text, "utf-8", "replace") for text in array.ravel()]
    width = max((len(text) for text in texts), default=0)
    return np.array(texts, text_type(width)).reshape(array.shape)


def text_type(width: int) -> np.dtype:
    """HDF5 type of UTF-8 text of at most `width` bytes."""
    return h5py.string_dtype("utf-8", max(width, 1))


def _shrinks(array: np.ndarray) -> bool:
    """Whether an array is worth compressing, judged by a few of its rows.

    Noise keeps five sixths of its size, and its compression takes longer than unwrapping the
    galaxy; masks, rms maps and measurements shrink a lot.
    """
    rows = np.ascontiguousarray(array[:: max(1, len(array) // SAMPLE_ROWS)][:SAMPLE_ROWS])
    # Like HDF5's shuffle filter: all first bytes, then all second bytes, and so on.
    shuffled = rows.view(np.uint8).reshape(-1, array.dtype.itemsize).T.tobytes()
    return len(zlib.compress(shuffled, 1)) < WORTH * len(shuffled)


@contextmanager
def open_shard(path: str | Path) -> Iterator[h5py.File]:
    """Open a shard for reading.

    Raises
    ------
    InputError
        If the file is missing, not HDF5, or damaged: each chunk has a checksum.
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
            # Only HDF5's messages about reading: those about a full disk begin otherwise.
            if not str(error).startswith(HDF5_READING):
                raise
            raise InputError(f"{path}: is damaged ({_first(error)}). {remedy(path)}") from error


def remedy(path: str | Path) -> str:
    """Advice on a damaged file, by its place in the results."""
    path = Path(path)
    rule = MADE_BY.get(path.name) or MADE_BY.get(path.parent.name)
    if path.parent.name == "model":
        return "Copy the model folder again from its source, or fit the model again."
    return "Delete it and run the workflow again" + (f": {rule} makes it again." if rule else ".")


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
        Default: all arrays.
    rows : slice

    Returns
    -------
    dict of ndarray
        Text comes back with dtype object (str).
    """
    with open_shard(path) as file, decoding(path):
        return {name: read_array(file, name, rows) for name in (names or list(file))}


def read_array(file: h5py.File, name: str, rows: slice | tuple = ()) -> np.ndarray:
    """Read an array of an open file, or some of its rows; text as dtype object (str)."""
    if name not in file:
        raise InputError(
            f"{file.filename}: has no array '{name}', only {', '.join(file)}. "
            + remedy(file.filename)
        )
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        raise InputError(f"{file.filename}: '{name}' is not an array. {remedy(file.filename)}")
    refuse_variable(dataset.dtype, name, file.filename)
    return dataset.asstr()[rows] if h5py.check_string_dtype(dataset.dtype) else dataset[rows]


def refuse_variable(dtype: np.dtype, name: str, path: str | Path) -> None:
    """Raise InputError if reading an array or attribute would use HDF5's heap."""
    if dtype.hasobject:
        raise InputError(
            f"{path}: '{name}' has values of variable length, expected a fixed one: it was made by "
            f"another version. {remedy(path)}"
        )


@contextmanager
def decoding(path: str | Path) -> Iterator[None]:
    """Turn any exception that a damaged file causes into an `InputError`."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: is damaged ({_first(error)}). {remedy(path)}") from error


def read_attributes(path: str | Path) -> dict:
    """Attributes of a shard, as a dict."""
    with open_shard(path) as file, decoding(path):
        return attributes_of(file)


def attributes_of(item: h5py.File | h5py.Dataset) -> dict:
    """Attributes of an open file or one of its arrays, as a dict; text as str."""
    found = {}
    for name in item.attrs:
        refuse_variable(item.attrs.get_id(name).dtype, name, item.file.filename)
        value = item.attrs[name]
        if np.asarray(value).dtype.kind == "S":
            value = np.char.decode(value, "utf-8")
            value = str(value) if value.ndim == 0 else value.astype(object)
        found[name] = value
    return found


def array_names(path: str | Path) -> list[str]:
    """Names of a shard's arrays."""
    with open_shard(path) as file, decoding(path):
        return list(file)


def count_rows(path: str | Path) -> int:
    """Number of galaxies in a shard."""
    with open_shard(path) as file, decoding(path):
        return len(file["row"])


def text_width(path: str | Path, name: str) -> int:
    """Length (bytes of UTF-8) of the longest text that an array of a shard can hold."""
    with open_shard(path) as file, decoding(path):
        return file[name].dtype.itemsize


def iterate_batches(
    path: str | Path, names: Sequence[str], size: int
) -> Iterator[dict[str, np.ndarray]]:
    """Yield a shard's arrays `size` galaxies at a time; the last batch may be shorter."""
    with open_shard(path) as file:
        for start in range(0, len(file["row"]), size):
            rows = slice(start, start + size)
            with decoding(path):
                batch = {name: read_array(file, name, rows) for name in names}
            yield batch


def concatenate(paths: Sequence[str | Path], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Read small arrays of many shards and join each of them, in the order of the shards."""
    parts = [read_shard(path, names) for path in paths]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}
