"""Write the catalogue as FITS, Parquet and VOTable, each with units, UCDs and descriptions."""

import io
import json
import re
import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path

import astropy.units as u
import numpy as np
import pyarrow
import pyarrow.parquet
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.io.votable.converters import get_converter
from astropy.io.votable.tree import Info, VOTableFile
from astropy.table import Column, MaskedColumn, Table

from morphovote import __version__
from morphovote.catalogue.columns import flag_notes
from morphovote.logs import log
from morphovote.storage.files import replacing

# Rows of a column that are written to see whether it can be; columns that a FITS table can have.
ROWS_TRIED, MOST_COLUMNS = 100, 999

# Characters not allowed in XML 1.0.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def try_column(column: Column) -> None:
    """Bring a column into every format; whatever error that raises, writing would raise later.

    All its values are converted, and some of them written.
    """
    some = Table([column[:ROWS_TRIED]], names=["column"])
    fits.table_to_hdu(Table([_fits_column(column)[:ROWS_TRIED]], names=["column"]))
    _unit_text(column, "fits"), _description(column, "vounit")
    _arrow(np.ma.getdata(column), np.ma.getmaskarray(column))
    _make_votable(some).to_xml(io.BytesIO(), tabledata_format="binary2")
    _votable_column(column)


def write_fits(path: str | Path, catalogue: Table) -> None:
    """Write the catalogue as a FITS table (extension CATALOGUE), complete or not at all.

    Units are in TUNITn, UCDs in TUCDn, descriptions in TCOMMn, the bits of FLAGS in the header.
    Non-ASCII letters are written as UTF-8. In column names, characters other than letters, digits
    and underscores become underscores; the full name is in TCOMMn. Missing integers are TNULLn,
    missing floats NaN, missing texts empty; a logical column with missing values becomes an integer
    (1, 0, TNULLn). FITS holds no more than 999 columns; those beyond are left out with a warning.
    """
    if len(catalogue.colnames) > MOST_COLUMNS:
        log.warning(
            "%s: %d of %d columns are left out, a FITS table holds %d; the Parquet and VOTable "
            "files have all of them", path, len(catalogue.colnames) - MOST_COLUMNS,
            len(catalogue.colnames), MOST_COLUMNS,
        )  # fmt: skip
        catalogue = catalogue[catalogue.colnames[:MOST_COLUMNS]]
    names = _fits_names(catalogue.colnames)
    columns = [_fits_column(catalogue[name]) for name in catalogue.colnames]
    hdu = fits.table_to_hdu(Table(columns, names=names))
    hdu.name = "CATALOGUE"
    header = hdu.header
    for number, name in enumerate(catalogue.colnames, start=1):
        column = catalogue[name]
        after = f"TTYPE{number}"
        comment = _description(column, "fits")
        if names[number - 1] != name:
            comment = f"{comment} [name: {name}]".strip()
        for key, text in (
            ("TCOMM", comment),
            ("TUCD", column.meta.get("ucd", "")),
            ("TUNIT", _unit_text(column, "fits")),
        ):
            header.remove(f"{key}{number}", ignore_missing=True)
            if text:
                header.set(f"{key}{number}", _ascii(text), after=after)
    header["CREATOR"] = f"morphovote {__version__}"
    for note in flag_notes(catalogue.colnames):
        for line in textwrap.wrap(note, 72, break_on_hyphens=False):
            header.add_comment(line)
    with replacing(path) as partial:
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(partial, overwrite=True)


def _fits_names(names: Sequence[str]) -> list[str]:
    taken, safe = {name.lower() for name in names}, []
    for name in names:
        new = re.sub("[^A-Za-z0-9_]", "_", name)[:60]
        while new != name and new.lower() in taken:
            new += "_"
        taken.add(new.lower())
        safe.append(new)
    return safe


def _fits_column(column: Column) -> Column:
    data, mask = np.asarray(np.ma.getdata(column)), np.ma.getmaskarray(column)
    if data.dtype.kind == "U":
        return Column(np.char.encode(np.where(mask, "", data), "utf-8", "surrogatepass"))
    if not mask.any():
        return Column(data)
    if data.dtype.kind in "fc":
        return Column(np.where(mask, np.array(np.nan, data.dtype), data))
    if data.dtype.kind in "bu":
        # FITS has no null value for these.
        data = _signed(data, mask)
        if data.dtype.kind == "U":
            return Column(np.char.encode(data, "ascii"))
    return MaskedColumn(data, mask=mask, fill_value=_free_number(data, mask))


def _free_number(data: np.ndarray, mask: np.ndarray) -> int:
    """An integer that does not occur in a column, to mark missing values."""
    present = set(np.unique(data[~mask]).tolist())
    lowest = int(np.iinfo(data.dtype).min)
    return next(lowest + n for n in range(len(present) + 1) if lowest + n not in present)


def _signed(data: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Booleans and unsigned integers as wider signed ones, or as text if none is wide enough."""
    if data.dtype.itemsize == 8 and (data[~mask] > np.iinfo(np.int64).max).any():
        return np.where(mask, "", data.astype(str))
    wider = {1: np.int16, 2: np.int32, 4: np.int64, 8: np.int64}[data.dtype.itemsize]
    return np.where(mask, 0, data).astype(wider)


def write_parquet(path: str | Path, catalogue: Table) -> None:
    """Write the catalogue as Parquet, complete or not at all.

    The metadata of each field have `unit`, `ucd` and `description`; those of the file have
    `creator` and `flags`. Missing values are null; a column of several dimensions is a list of
    fixed size, and a complex number a list of two.
    """
    fields, arrays = [], []
    for name in catalogue.colnames:
        column = catalogue[name]
        array = _arrow(np.ma.getdata(column), np.ma.getmaskarray(column))
        notes = {
            "unit": _unit_text(column, "vounit"),
            "ucd": column.meta.get("ucd", ""),
            "description": _description(column, "vounit"),
        }
        notes = {key: _utf8(text) for key, text in notes.items() if text}
        fields.append(pyarrow.field(_utf8(name).decode(), array.type, metadata=notes))
        arrays.append(array)
    metadata = {
        "creator": f"morphovote {__version__}",
        "flags": "\n".join(flag_notes(catalogue.colnames)),
    }
    table = pyarrow.table(arrays, schema=pyarrow.schema(fields, metadata=metadata))
    with replacing(path) as partial:
        pyarrow.parquet.write_table(table, partial)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _arrow(data: np.ndarray, mask: np.ndarray) -> pyarrow.Array:
    if data.dtype.kind == "c":
        part = np.float32 if data.dtype.itemsize == 8 else np.float64
        data = np.stack([data.real, data.imag], axis=-1).astype(part)
        mask = np.stack([mask, mask], axis=-1)
    if data.dtype.kind == "U":
        texts = [_utf8(str(text)).decode() for text in data.ravel()]
        flat = pyarrow.array(texts, type=pyarrow.string(), mask=mask.ravel())
    else:
        flat = pyarrow.array(np.ascontiguousarray(data).ravel(), mask=mask.ravel())
    for size in reversed(data.shape[1:]):
        flat = pyarrow.FixedSizeListArray.from_arrays(flat, size)
    return flat


def write_votable(path: str | Path, catalogue: Table) -> None:
    """Write the catalogue as a VOTable (1.4, BINARY2), complete or not at all.

    Units are VOUnits. Characters not allowed in XML become U+FFFD in the header. A text column of
    several dimensions becomes JSON lists; unsigned integers become wider signed ones.
    """
    votable = _make_votable(catalogue)
    with replacing(path) as partial:
        votable.to_xml(str(partial), tabledata_format="binary2")


def _make_votable(catalogue: Table) -> VOTableFile:
    table, nulls = Table(), []
    for number, name in enumerate(catalogue.colnames):
        column, null = _votable_column(catalogue[name])
        # Set the names later: from_table turns them into XML identifiers.
        table[f"col{number}"] = column
        nulls.append(null)
    votable = from_table(table)
    votable.version = "1.4"
    resource = votable.resources[0]
    creator = Info(name="creator", value=f"morphovote {__version__}")
    # astropy makes an ID from the name, and a column may have the same ID.
    creator.ID = None
    resource.infos.append(creator)
    resource.description = ";\n".join(flag_notes(catalogue.colnames))
    fields, taken = resource.tables[0].fields, set()
    for field, name, null in zip(fields, catalogue.colnames, nulls, strict=True):
        column = catalogue[name]
        field.name = _xml(name)
        # For readers that name columns by ID, as astropy does.
        identifier = re.sub(r"[^A-Za-z0-9_.-]|^(?=[0-9.-]|$)", "_", name)
        while identifier in taken:
            identifier += "_"
        taken.add(identifier)
        field.ID = identifier
        field.ucd = column.meta.get("ucd") or None
        field.unit = _unit_text(column, "vounit") or None
        field.description = _xml(_description(column, "vounit")) or None
        if column.ndim > 2 and field.datatype not in ("char", "unicodeChar"):
            # VOTable lists the fastest dimension first; astropy writes NumPy's order.
            field.arraysize = "x".join(map(str, reversed(column.shape[1:])))
        if null is not None:
            field.values.null = null
        if field.datatype == "bit":
            # TOPCAT does not read single bits as booleans.
            field.datatype = "boolean"
            field.converter = get_converter(field)
    return votable


def _votable_column(column: Column) -> tuple[Column, int | None]:
    """A column in a type that VOTable has, and the number that marks missing values."""
    data, mask = np.asarray(np.ma.getdata(column)), np.ma.getmaskarray(column)
    if data.dtype.kind == "u" and data.dtype.itemsize > 1:
        # VOTable's only unsigned integer is the byte.
        data = _signed(data, mask)
    if data.dtype.kind == "U":
        data = np.where(mask, "", data)
        if data.ndim > 1:
            texts = [json.dumps(row.tolist(), ensure_ascii=False) for row in data]
            data = np.array(texts, dtype=str)
        # VOTable counts UTF-16 units; rare characters take two.
        width = max(
            (len(text.encode("utf-16-be", "replace")) // 2 for text in data.tolist()), default=1
        )
        return Column(data.astype(f"U{max(width, 1)}")), None
    if not mask.any():
        return Column(data), None
    if data.dtype.kind in "fc":
        return Column(np.where(mask, np.array(np.nan, data.dtype), data)), None
    if data.ndim == 1:
        return MaskedColumn(data, mask=mask), None
    # In arrays, missing numbers can only be marked by a value.
    if data.dtype.kind in "bu":
        data = _signed(data, mask)
    null = _free_number(data, mask)
    return MaskedColumn(np.where(mask, null, data), mask=mask), null


def _xml(text: str) -> str:
    return NOT_XML.sub("\ufffd", text)


def _unit_text(column: Column, form: str) -> str:
    """A column's unit in the notation of a standard, empty if the standard lacks it."""
    if column.unit is None:
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            text = column.unit.to_string(form)
            u.Unit(text, format=form)
    except (ValueError, TypeError, u.UnitsWarning, UserWarning):
        return ""
    return text


def _description(column: Column, form: str) -> str:
    text = column.description or ""
    if column.unit is not None and not _unit_text(column, form):
        # Not in the standard: readers would refuse it as a unit, so put it into the description.
        text = f"{text} [{column.unit}]".strip()
    return " ".join(text.split())


def _ascii(text: str) -> str:
    text = text.encode("ascii", "backslashreplace").decode()
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
