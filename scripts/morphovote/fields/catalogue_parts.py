"""Read a source catalogue part by part, so that a large one is never in memory as a whole."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow
import pyarrow.parquet
from astropy.io import fits
from astropy.table import Table
from astropy.utils.exceptions import AstropyWarning

from morphovote.fields.catalogues import (
    choose_tables,
    correct_shapes,
    from_arrow,
    read_table,
    readable,
    stack,
)
from morphovote.fields.plain_columns import plain_columns

# Kinds of Parquet columns of which a part is read as the whole would be.
SIMPLE = (
    pyarrow.types.is_integer,
    pyarrow.types.is_floating,
    pyarrow.types.is_boolean,
    pyarrow.types.is_string,
    pyarrow.types.is_large_string,
)


def iterate_table(path: str | Path, size: int, notes: list[str]) -> Iterator[Table]:
    """Read a source catalogue `size` rows at a time: all its columns, as `read_table` does.

    FITS and Parquet are read in parts, unless compressed as a whole or with columns of varying
    length; other formats are read at once. A text is as wide as the longest of its part, and a
    column is masked only in parts where values are missing. A table without rows is one part.

    Parameters
    ----------
    path : str or Path
    size : int
    notes : list of str
        Gets a sentence on each thing that is not read, before the first part comes.

    Raises
    ------
    InputError
        See `read_table`.
    """
    path = Path(path)
    suffix, there = path.suffix.lower(), path.is_file() and path.stat().st_size > 0
    if there and suffix in (".fits", ".fit", ".ldac") and (rows := _rows_of_fits(path)):
        for start in range(0, rows, size):
            with readable(path):
                part = _part_of_fits(path, start, start + size, notes if start == 0 else [])
                plain = plain_columns(part, path, notes if start == 0 else None)
            yield Table(plain, copy=False)
    elif there and suffix == ".parquet" and _is_simple(path):
        yield from _parts_of_parquet(path, size, notes)
    else:
        whole = read_table(path, notes=notes)
        for start in range(0, max(len(whole), 1), size):
            yield whole[start : start + size]


def _rows_of_fits(path: Path) -> int:
    """Rows of a catalogue that can be read in parts, else 0."""
    with open(path, "rb") as file:
        if file.read(6) != b"SIMPLE":
            return 0
    with readable(path), _open(path) as hdus:
        tables = [hdu for hdu in hdus if not hdu.is_image]
        loose = any(form in hdu.columns.formats[n] for hdu in tables
                    for n in range(len(hdu.columns)) for form in "PQ")  # fmt: skip
        if not tables or loose or not all(type(hdu) is fits.BinTableHDU for hdu in tables):
            return 0
        chosen = _chosen(path, tables, [])
        # Where the tables of a file differ in type, only the whole tells what holds all values.
        kinds = {tuple(f for f in hdu.columns.formats if "A" not in f) for hdu in chosen}
        return sum(hdu.header["NAXIS2"] for hdu in chosen) if len(kinds) == 1 else 0


@contextmanager
def _open(path: Path) -> Iterator[fits.HDUList]:
    with warnings.catch_warnings(), fits.open(path, memmap=True, character_as_bytes=True) as hdus:
        warnings.simplefilter("ignore", AstropyWarning)
        yield hdus


def _chosen(path: Path, tables: list, notes: list[str]) -> list:
    for hdu in tables:
        correct_shapes(hdu.header)
    about = [(hdu.name, int(hdu.header["NAXIS2"]), list(hdu.columns.names)) for hdu in tables]
    return [tables[n] for n in choose_tables(path, about, notes)]


def _part_of_fits(path: Path, start: int, stop: int, notes: list[str]) -> Table:
    """Rows of the file's tables; opened for each part, so that what was read leaves the memory."""
    parts = []
    with _open(path) as hdus:
        for hdu in _chosen(path, [hdu for hdu in hdus if not hdu.is_image], notes):
            rows = hdu.header["NAXIS2"]
            if start < rows and stop > 0:
                data = hdu.data[max(start, 0) : stop]
                # astropy forgets this when it cuts, and would then not see that a text is empty.
                data._character_as_bytes = True
                some = fits.BinTableHDU(data, header=hdu.header, character_as_bytes=True)
                parts.append(Table.read(some, format="fits", character_as_bytes=False))
            start, stop = start - rows, stop - rows
    return stack(parts)


def _is_simple(path: Path) -> bool:
    with readable(path):
        return all(
            any(test(field.type) for test in SIMPLE) for field in pyarrow.parquet.read_schema(path)
        )


def _parts_of_parquet(path: Path, size: int, notes: list[str]) -> Iterator[Table]:
    with readable(path), pyarrow.parquet.ParquetFile(path) as file:
        names, schema = file.schema_arrow.names, file.schema_arrow
        batches = file.iter_batches(size)
        held, told = schema.empty_table(), False
        while True:
            batch = next(batches, None)
            if batch is not None:
                held = pyarrow.concat_tables([held, pyarrow.Table.from_batches([batch])])
            while len(held) >= size or (batch is None and (len(held) or not told)):
                part, held = held[:size], held[size:]
                columns = {name: from_arrow(part[name], part.field(name)) for name in names}
                plain = plain_columns(Table(columns, copy=False), path, None if told else notes)
                told = True
                yield Table(plain, copy=False)
            if batch is None:
                return
