"""Compressed images, unpacked once a run: a piece of a gzipped file costs the reading of it all."""

import bz2
import gzip
import hashlib
import os
import shutil
import zlib
from pathlib import Path

from morphovote.errors import InputError
from morphovote.storage.files import replacing

# The workflow names here a folder that all its jobs reach, and removes it at the end.
FOLDER = "MORPHOVOTE_UNPACKED"
OPENERS = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open}
# Smaller files (bytes) are read as they are: a ready-made cutout is read whole anyway.
LEAST = 1_000_000
CHUNK = 1 << 20


def unpack_once(path: str | Path) -> Path:
    """The unpacked copy of a file compressed with gzip or bzip2; other files themselves.

    It is made by the first who asks, under a name that says which file it is of, and of when.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Path
        `path` where it is not compressed, is small, or no folder for copies is named.

    Raises
    ------
    InputError
        If the file is cut short or broken.
    """
    path = Path(path)
    folder = os.environ.get(FOLDER)
    if not folder or not path.is_file():
        return path
    about = path.stat()
    with open(path, "rb") as file:
        opener = OPENERS.get(file.read(2))
    if opener is None or about.st_size < LEAST:
        return path
    mark = f"{path.resolve()} {about.st_size} {about.st_mtime_ns}"
    digest = hashlib.blake2b(mark.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()
    copy = Path(folder) / f"{digest}.fits"
    if copy.exists():
        return copy
    try:
        with replacing(copy) as partial, opener(path) as packed, open(partial, "wb") as file:
            shutil.copyfileobj(packed, file, CHUNK)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"{path}: cannot be unpacked ({error}).\nIt is probably cut short: fetch it again."
        ) from error
    return copy
