"""Write the catalogue as FITS: header first, then the rows part by part, checksums at the end."""

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Column, MaskedColumn, Table

from morphovote import __version__
from morphovote.catalogue.checksums import add_words, encode_sum
from morphovote.catalogue.extra_columns import flag_notes
from morphovote.catalogue.parts import (
    MOST_COLUMNS,
    Known,
    Parts,
    as_parts,
    descriptions,
    encoded,
    marked,
)
from morphovote.catalogue.texts import as_ascii, describe, unit_text
from morphovote.logs import log
from morphovote.storage.files import replacing

# Bytes of a block.
BLOCK = 2880


def write_fits(path: str | Path, catalogue: Table | Parts) -> None:
    """Write the catalogue as a FITS table (extension CATALOGUE), complete or not at all.

    Units are in TUNITn, UCDs in TUCDn, descriptions in TCOMMn, the bits of FLAGS in the header.
    Non-ASCII letters are written as UTF-8. In column names, characters other than letters, digits
    and underscores become underscores; the full name is in TCOMMn. Missing integers are TNULLn (the
    lowest number that does not occur), missing floats NaN, missing texts empty; a logical column
    with missing values becomes an integer (1, 0, TNULLn). FITS holds no more than 999 columns;
    those beyond are left out with a warning. Both HDUs have DATASUM and CHECKSUM.
    """
    parts = as_parts(catalogue) if isinstance(catalogue, Table) else catalogue
    known = dict(list(parts.known.items())[:MOST_COLUMNS])
    if len(known) < len(parts.known):
        log.warning(
            "%s: %d of %d columns are left out, a FITS table holds %d; the Parquet file has all "
            "of them", path, len(parts.known) - MOST_COLUMNS, len(parts.known), MOST_COLUMNS,
        )  # fmt: skip
    names = _fits_names(list(parts.known))[: len(known)]
    with replacing(path) as partial, open(partial, "w+b") as file:
        file.write(_summed(fits.PrimaryHDU().header, 0))
        header, start = _header(known, names, parts.rows), file.tell()
        file.write(_summed(header, 0))
        left, total, size = b"", 0, 0
        for part in parts.read(list(known)):
            body = _body([fits_column(part[name], known[name]) for name in known])
            file.write(body)
            size += len(body)
            # Sums are of whole words, and a part may end within one.
            left += body
            whole = len(left) - len(left) % 4
            total, left = add_words(left[:whole], total), left[whole:]
        file.write(bytes(-size % BLOCK))
        file.seek(start)
        file.write(_summed(header, add_words(left, total)))


def _header(known: dict[str, Known], names: Sequence[str], rows: int) -> fits.Header:
    columns = [fits_column(of.like, of) for of in known.values()]
    hdu = fits.table_to_hdu(Table(columns, names=names))
    hdu.name = "CATALOGUE"
    header = hdu.header
    header["NAXIS2"] = rows
    for number, (name, of) in enumerate(known.items(), start=1):
        column = of.like
        after = f"TTYPE{number}"
        stored = columns[number - 1]
        if isinstance(stored, MaskedColumn) and stored.dtype.kind in "iu":
            # astropy leaves it out for columns of several dimensions.
            header.set(f"TNULL{number}", int(stored.fill_value), after=f"TFORM{number}")
        comment = describe(column, "fits")
        if names[number - 1] != name:
            comment = f"{comment} [name: {name}]".strip()
        for key, text in (
            ("TCOMM", comment),
            ("TUCD", column.meta.get("ucd", "")),
            ("TUNIT", unit_text(column, "fits")),
        ):
            header.remove(f"{key}{number}", ignore_missing=True)
            if text:
                header.set(f"{key}{number}", as_ascii(text), after=after)
    # Long descriptions go on in CONTINUE cards, which this announces.
    header["LONGSTRN"] = "OGIP 1.0"
    header["CREATOR"] = f"morphovote {__version__}"
    for note in flag_notes(descriptions(known)):
        for line in textwrap.wrap(note, 72, break_on_hyphens=False):
            header.add_comment(line)
    return header


def _summed(header: fits.Header, data: int) -> bytes:
    """A header with its checksum and that of its data, whose words have this sum."""
    # Set by hand, since astropy notes the time, and the same run would not give the same file.
    header["DATASUM"] = (str(data), "sum of the data's words")
    header["CHECKSUM"] = ("0" * 16, "makes the sum of the HDU's words 0")
    header["CHECKSUM"] = encode_sum(add_words(header.tostring().encode("ascii"), data))
    return header.tostring().encode("ascii")


def _body(columns: Sequence[Column]) -> bytes:
    """Rows as they stand in a file, without what fills the last block."""
    arrays = [_stored(column) for column in columns]
    fields = [(f"f{n}", array.dtype, array.shape[1:]) for n, array in enumerate(arrays)]
    records = np.empty(len(arrays[0]), fields)
    for (name, *_), array in zip(fields, arrays, strict=True):
        records[name] = array
    return records.tobytes()


def _stored(column: Column) -> np.ndarray:
    """Values as FITS stores them: big-endian, unsigned numbers less 2^(bits - 1), T and F."""
    data = np.asarray(column.filled() if isinstance(column, MaskedColumn) else column)
    if data.dtype.kind == "b":
        return np.where(data, ord("T"), ord("F")).astype(np.uint8)
    if data.dtype.kind == "u" and data.dtype.itemsize > 1:
        bits = 8 * data.dtype.itemsize
        data = (data ^ data.dtype.type(1 << (bits - 1))).view(f"i{data.dtype.itemsize}")
    return data.astype(data.dtype.newbyteorder(">"))


def _fits_names(names: Sequence[str]) -> list[str]:
    taken, safe = {name.lower() for name in names}, []
    for name in names:
        new = re.sub("[^A-Za-z0-9_]", "_", name)[:60]
        while new != name and new.lower() in taken:
            new += "_"
        taken.add(new.lower())
        safe.append(new)
    return safe


def fits_column(column: Column, known: Known) -> Column:
    """A part of a column in the type that holds all of it in FITS."""
    data, mask = np.asarray(np.ma.getdata(column)), np.ma.getmaskarray(column)
    if data.dtype.kind == "U":
        return Column(encoded(data, mask).astype(f"S{max(known.width, 1)}"))
    if not known.missing:
        return Column(data)
    if data.dtype.kind in "fc":
        return Column(np.where(mask, np.array(np.nan, data.dtype), data))
    new = marked(column, known)
    return new if isinstance(new, MaskedColumn) else Column(new.astype(f"S{known.width}"))
