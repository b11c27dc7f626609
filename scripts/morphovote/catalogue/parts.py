"""A table that is read part by part, and what its columns need as a whole in a file.

Width of a text, the number that marks missing values, the type that holds all values: these depend
on every row, so they are gathered while the parts are written for the first time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from astropy.table import Column, MaskedColumn, Table

# Rows of a part. Not the size of a shard, so that the files do not depend on it.
ROWS = 100_000
# Columns that a FITS table can have.
MOST_COLUMNS = 999
# Numbers from the lowest of a type on that may mark missing values.
MARKS = 1 << 16
# The next wider type.
WIDER = {"i1": "i2", "i2": "i4", "i4": "i8", "b1": "i2", "u1": "i2", "u2": "i4", "u4": "i8",
         "u8": "i8"}  # fmt: skip


class Known(NamedTuple):
    """What is known of a column from all parts of its table."""

    # Without rows: type, shape, unit, description, meta.
    like: Column
    # Whether values are missing, and whether unsigned numbers are too large for signed ones.
    missing: bool
    beyond: bool
    # Bytes of the longest text, in UTF-8; of numbers `beyond`, their digits.
    width: int
    # Which of the lowest `MARKS` integers of the type occur.
    taken: frozenset[int]


class Parts(NamedTuple):
    """A table: its number of rows, its columns in order, and a function that reads its parts.

    `read` takes the names wanted, or None for all; it yields one part at least.
    """

    rows: int
    known: dict[str, Known]
    read: Callable[[Sequence[str] | None], Iterable[Table]]


def as_parts(table: Table) -> Parts:
    """A table in memory as a single part."""

    def read(names: Sequence[str] | None = None) -> Iterator[Table]:
        yield table if names is None else table[list(names)]

    return Parts(len(table), gather({}, table), read)


def descriptions(known: Mapping[str, Known]) -> dict[str, str | None]:
    """Descriptions of the columns, by name."""
    return {name: of.like.description for name, of in known.items()}


def gather(known: dict[str, Known], part: Table) -> dict[str, Known]:
    """Add what a part tells to what is known from the parts before; {} before the first.

    Raises
    ------
    ValueError
        If the part has other columns, or of another type or shape.
    """
    found = {name: _know(part[name]) for name in part.colnames}
    if not known:
        return found
    if list(known) != list(found):
        raise ValueError(f"parts of one table have other columns: {set(known) ^ set(found)}")
    return {name: _both(name, known[name], found[name]) for name in known}


def _know(column: Column) -> Known:
    data, mask = np.asarray(np.ma.getdata(column)), np.ma.getmaskarray(column)
    kind, width, beyond, taken = data.dtype.kind, 0, False, frozenset()
    if kind == "U":
        width = encoded(data, mask).dtype.itemsize if data.size else 1
    if kind == "u" and data.dtype.itemsize == 8:
        largest = int(data[~mask].max(initial=0))
        width, beyond = len(str(largest)), largest > np.iinfo(np.int64).max
    if kind == "i":
        low = data[~mask]
        low = low[low < np.iinfo(data.dtype).min + MARKS]
        taken = frozenset(np.unique(low).tolist())
    like = Column(data[:0], unit=column.unit, description=column.description, meta=column.meta)
    return Known(like, bool(mask.any()), beyond, width, taken)


def _both(name: str, one: Known, other: Known) -> Known:
    first, second = one.like, other.like
    alike = first.dtype == second.dtype or first.dtype.kind == second.dtype.kind == "U"
    if not alike or first.shape != second.shape:
        raise ValueError(
            f"column '{name}' is {second.dtype}{second.shape[1:]} in a part, and "
            f"{first.dtype}{first.shape[1:]} in those before"
        )
    return Known(
        first,
        one.missing or other.missing,
        one.beyond or other.beyond,
        max(one.width, other.width),
        one.taken | other.taken,
    )


def encoded(data: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Text as UTF-8, empty where missing."""
    return np.char.encode(np.where(mask, "", data), "utf-8", "surrogatepass")


def mark_of(known: Known) -> tuple[np.dtype, int]:
    """A signed type for a column of whole numbers, and one that does not occur, for missing ones.

    The type is wider where all numbers occur, or for truth values and unsigned numbers.
    """
    dtype = known.like.dtype
    if dtype.kind in "bu":
        wider = np.dtype(WIDER[f"{dtype.kind}{dtype.itemsize}"])
        return wider, int(np.iinfo(wider).min)
    lowest, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    for mark in range(lowest, min(lowest + MARKS, most + 1)):
        if mark not in known.taken:
            return dtype, mark
    wider = np.dtype(WIDER[f"i{dtype.itemsize}"])
    return wider, int(np.iinfo(wider).min)


def signed(column: Column, known: Known) -> np.ndarray:
    """Unsigned numbers or truth values in a signed type, 0 where missing.

    Numbers that no signed type holds become text, empty where missing.
    """
    data, mask = np.asarray(np.ma.getdata(column)), np.ma.getmaskarray(column)
    if known.beyond:
        return np.where(mask, "", data.astype(str)).astype(f"U{known.width}")
    wider = WIDER[f"{data.dtype.kind}{data.dtype.itemsize}"]
    return np.where(mask, 0, data).astype(wider)


def marked(column: Column, known: Known) -> MaskedColumn | Column:
    """Whole numbers or truth values with missing ones, in a type with a number that marks them."""
    if known.beyond:
        return Column(signed(column, known))
    data, mask = np.asarray(np.ma.getdata(column)), np.ma.getmaskarray(column)
    dtype, mark = mark_of(known)
    return MaskedColumn(np.where(mask, 0, data).astype(dtype), mask=mask, fill_value=mark)
