"""The columns of a source catalogue that the catalogue carries, read part by part."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Column, Table

from morphovote.catalogue.fits_file import fits_column
from morphovote.catalogue.parquet_file import arrow_array
from morphovote.catalogue.parts import ROWS, gather
from morphovote.catalogue.texts import describe, unit_text
from morphovote.catalogue.votable_file import make_votable
from morphovote.fields.catalogue_parts import iterate_table

# Rows of a column that are written to see whether it can be.
ROWS_TRIED = 100


def try_column(column: Column) -> None:
    """Bring a column into every format; whatever error that raises, writing would raise later.

    All its values are converted, and some of them written.
    """
    whole = Table([column], names=["column"])
    known = gather({}, whole)
    some = fits_column(column, known["column"])[:ROWS_TRIED]
    fits.table_to_hdu(Table([some], names=["column"]))
    unit_text(column, "fits"), describe(column, "vounit")
    arrow_array(np.ma.getdata(column), np.ma.getmaskarray(column))
    make_votable(whole[:ROWS_TRIED], known).to_xml(io.BytesIO(), tabledata_format="binary2")


def source_parts(path: str | Path, size: int, notes: list[str]) -> Iterator[Table]:
    """Read a source catalogue part by part: the columns that all formats can hold.

    Parameters
    ----------
    path : str or Path
    size : int
        Rows of a part.
    notes : list of str
        Gets a sentence on each thing that is left out, before the first part comes.
    """
    kept = None
    for part in iterate_table(path, size, notes):
        kept = _writable(path, part, notes) if kept is None else kept
        yield part[kept]


def _writable(path: str | Path, part: Table, notes: list[str]) -> list[str]:
    kept = []
    for name in part.colnames:
        try:
            try_column(part[name])
        except MemoryError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            notes.append(f"{path}: column '{name}' is left out, it cannot be written ({reason})")
            continue
        kept.append(name)
    return kept


def read_source_columns(path: str | Path, notes: list[str]) -> Table:
    """The first rows of a source catalogue, as `source_parts` reads them.

    The first job calls this, so that what is left out is known before the hours of the others.
    """
    return next(source_parts(path, ROWS, notes))
