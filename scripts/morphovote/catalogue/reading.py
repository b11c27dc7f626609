"""Read a finished catalogue and the source list: the columns that figures and checks use."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from morphovote.catalogue.extra_columns import BAND_COLUMNS
from morphovote.config.roles import PROPERTIES
from morphovote.errors import InputError
from morphovote.measure.quality import MEASURED, trusted

CATALOGUE_COLUMNS = (
    "ID",
    "GROUP",
    "VOTE_FRACTION",
    "VOTE_CONFIDENCE",
    "KEPT",
    "CLASS",
    "CLASS_ORIGIN",
    "CLASS_REASON",
    "FLAGS",
    "SNR",
    "GINI",
    "M20",
    "CONCENTRATION",
    "ASYMMETRY",
    "SMOOTHNESS",
    "SERSIC_N",
    "R_E",
    "AXIS_RATIO",
    "MEASURE_FLAG",
)

# Of a field with several bands.
BAND_NAMES = tuple(column.name for column in BAND_COLUMNS)

# What the source catalogue may give; NaN where it does not.
SOURCE_COLUMNS = tuple(role.upper() for role in PROPERTIES)


def read_columns(path: str | Path, names: Sequence[str], extension: str | None = None) -> Table:
    """Read columns of a FITS table, with text as str and missing numbers as NaN.

    Parameters
    ----------
    path : str or Path
    names : sequence of str
        Exact names. If a name occurs twice, the first column counts: the project's own come before
        those of the source catalogue.
    extension : str, optional
        Name of the extension; the first table if left out.

    Returns
    -------
    Table
        The columns asked for, in that order.

    Raises
    ------
    InputError
        If the file holds no such table or column.
    """
    try:
        with fits.open(path) as file:
            tables = [hdu for hdu in file[1:] if isinstance(hdu, fits.BinTableHDU)]
            if extension is not None:
                tables = [hdu for hdu in tables if hdu.name == extension]
            if not tables:
                raise InputError(
                    f"{path}: holds no table {extension or ''}. Delete it and run the workflow "
                    "again."
                )
            hdu = tables[0]
            found = list(hdu.columns.names)
            missing = [name for name in names if name not in found]
            if missing:
                raise InputError(
                    f"{path}: has no column {', '.join(missing)}, only {', '.join(found)}. "
                    "Delete it and run the workflow again."
                )
            # By number, since FITS looks up names regardless of case.
            return Table({name: _native(hdu.data.field(found.index(name))) for name in names})
    except OSError as error:
        raise InputError(
            f"{path}: not a readable FITS file ({error}). Delete it and run the workflow again."
        ) from error


def _native(column: np.ndarray) -> np.ndarray:
    column = np.asarray(column)
    if column.dtype.kind == "S":
        # The catalogue stores non-ASCII letters as UTF-8.
        return np.char.strip(np.char.decode(column, "utf-8", "replace"))
    if column.dtype.kind == "U":
        return np.char.strip(column.astype(str))
    if column.dtype.kind in "iu" and column.dtype.itemsize > 1:
        # Ids above 2^63 would turn negative.
        large = column.dtype.kind == "u" and (column > np.iinfo(np.int64).max).any()
        return column.astype(np.uint64 if large else np.int64)
    if column.dtype.kind == "f":
        return column.astype(np.float64)
    return column.astype(column.dtype.newbyteorder("="))


def read_catalogue(path: str | Path) -> Table:
    """Read the columns of a morphovote catalogue that the diagnostics use, one row per source.

    Values that MEASURE_FLAG marks as bad are NaN (`leave_out_bad`), so that no figure and no median
    uses them.
    """
    return leave_out_bad(read_columns(path, CATALOGUE_COLUMNS))


def leave_out_bad(catalogue: Table) -> Table:
    """A copy of the catalogue with NaN wherever MEASURE_FLAG says that a value is bad."""
    catalogue = catalogue.copy()
    names = (*MEASURED, "measure_flag")
    shape = {name: np.asarray(catalogue[name.upper()]) for name in names}
    for name, values in trusted(shape).items():
        catalogue[name.upper()] = values
    return catalogue


def read_bands(path: str | Path) -> Table | None:
    """Read `BAND_COLUMNS` of the source list; None where the field has no bands."""
    with fits.open(path) as file:
        there = "BAND" in file["SOURCES"].columns.names
    return read_columns(path, BAND_NAMES, "SOURCES") if there else None


def read_properties(path: str | Path) -> Table:
    """Read `SOURCE_COLUMNS` of the source list, one row per source, in the catalogue's order."""
    return read_columns(path, SOURCE_COLUMNS, "SOURCES")
