"""Columns of any kind as plain ones: numbers, text, and arrays of one shape."""

import json

import numpy as np
from astropy.table import Column, MaskedColumn, Table
from astropy.table.serialize import represent_mixins_as_columns
from astropy.time import Time
from astropy.units import UnitBase

# Longest text (characters) that an array of varying length may become.
LONGEST = 2000
# Kinds of numbers that FITS or VOTable does not have (FITS would read int8 as logical), and theirs.
SIMILAR = {np.int8: "i2", np.float16: "f4", np.longdouble: "f8", np.clongdouble: "c16"}


def plain_columns(table: Table, path: object = "", notes: list[str] | None = None) -> dict:
    """Columns of a table by name, each a Column or MaskedColumn of numbers or text.

    A sky position becomes its coordinates (`sky_centroid.ra`, `sky_centroid.dec`), a time becomes
    text, arrays of varying length become JSON lists. What cannot be carried is left out.

    Parameters
    ----------
    table : Table
    path : object
        Of the file, for the notes.
    notes : list of str, optional
        Gets a sentence on each column that is left out.
    """
    found = {}
    for name in table.colnames:
        try:
            for new, column in _parts(table, name).items():
                found[new] = _plain(column)
        except Exception as error:
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            if notes is not None:
                notes.append(
                    f"{path}: column '{name}' is left out, it cannot be carried ({reason})"
                )
    return found


def _parts(table: Table, name: str) -> dict:
    column = table[name]
    if isinstance(column, Column):
        return {name: column}
    if isinstance(column, Time):
        return {name: _text_of_times(column)}
    plain = represent_mixins_as_columns(table[[name]])
    return {new: plain[new] for new in plain.colnames}


def _text_of_times(times: Time) -> Column:
    lost = np.ma.getmaskarray(np.ma.asarray(times.mask)) | np.asarray(times.mask)
    values = times.copy(format="isot").to_value("isot", subfmt="date_hms")
    texts = np.asarray(np.ma.filled(np.ma.asarray(values), "")).astype(str)
    about = {"description": f"{times.info.description or 'Time'} ({times.scale})"}
    if lost.any():
        return MaskedColumn(np.where(lost, "", texts), mask=lost, **about)
    return Column(texts, **about)


def _plain(column: Column) -> Column:
    """A column that every format of the catalogue can hold, masked only where values are missing.

    Bytes, times and objects become text; numbers of a width that FITS or VOTable lacks the next
    that they have. Of what is said of the column its unit, description and UCD stay.
    """
    data = np.asarray(np.ma.getdata(column))
    lost = np.broadcast_to(np.ma.getmaskarray(column), data.shape)
    kind = data.dtype.kind
    if kind == "V":
        raise ValueError("its rows are records")
    if kind == "O":
        data, lost = _of_objects(data, lost)
    elif kind == "S":
        data = np.char.decode(data, "utf-8", "replace")
    elif kind in "mM":
        lost = lost | np.isnat(data)
        data = np.where(lost, "", data.astype(str))
    elif data.dtype.type in SIMILAR:
        data = data.astype(SIMILAR[data.dtype.type])
    if data.dtype.kind == "U" and data.dtype.itemsize == 0:
        data = data.astype("U1")
    data = data.astype(data.dtype.newbyteorder("="), copy=False)
    about = {
        "unit": column.unit if isinstance(column.unit, UnitBase) else None,
        "description": column.description,
        "meta": {key: column.meta[key] for key in ("ucd",) if column.meta.get(key)},
    }
    return MaskedColumn(data, mask=lost, **about) if lost.any() else Column(data, **about)


def _of_objects(data: np.ndarray, lost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Text of varying length as text, arrays of varying length as JSON, and what is missing."""
    values = data.ravel()
    lost = lost.ravel() | np.array([value is None for value in values], bool)
    texts = ["" if gone else _text(value) for value, gone in zip(values, lost, strict=True)]
    longest = max(map(len, texts), default=0)
    arrays = any(isinstance(value, list | tuple | np.ndarray) for value in values)
    if arrays and longest > LONGEST:
        raise ValueError(f"its arrays of varying length take up to {longest:,} characters")
    return np.array(texts, dtype=str).reshape(data.shape), lost.reshape(data.shape)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ma.MaskedArray):
        value = value.tolist()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
