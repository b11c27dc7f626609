"""The columns of a catalogue that mean something: ids, positions, and numbers, missing ones known.

One reader for the source catalogue and for the catalogue of physical properties, so that both take
the same spellings of units, ids and missing values.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.table import Column, Table

from morphovote.config.roles import CALIBRATED, ROLES
from morphovote.errors import InputError
from morphovote.fields.angles import degrees_in, read_sexagesimal, text_in_hours
from morphovote.fields.catalogues import column_names, missing_column, read_table
from morphovote.fields.guesses import suggest_columns
from morphovote.logs import log

# Text that means that there is none.
NOT_GIVEN = ("", "nan", "null", "none", "n/a", "na", "-", "--", "---", "...", "inf", "<na>", "nat")
# Ids that programs write where a source has none.
NO_ID = re.compile(r"-(1|9+|9+\.9*|32768|2147483648|9223372036854775808)")
WHOLE_NUMBER = re.compile(r"\+?(\d+)(\.0*)?")


class Given(NamedTuple):
    """A catalogue as its field describes it: column of each role, and values that mean missing."""

    path: str | Path
    table: Table
    roles: dict[str, str]
    missing: tuple[float, ...] = ()


def read_roles(
    path: str | Path,
    columns: dict[str, str],
    select: Sequence[str] = (),
    missing: Sequence[float] = (),
    notes: list[str] | None = None,
) -> Given:
    """Read the columns of a catalogue that the config names, or that have a role's name.

    Parameters
    ----------
    path : str or Path
    columns : dict of str
        Column of each role of `ROLES`. A role left out takes the column of its own name, in small
        or capital letters, if the catalogue has it.
    select : sequence of str
        Roles or columns that are needed as well.
    missing : sequence of float
        Values that mean that there is none.
    notes : list of str, optional
        See `read_table`.

    Raises
    ------
    InputError
        If a column is not there, or none has a role.
    """
    available = column_names(path)
    unknown = set(columns) - set(ROLES)
    if unknown:
        raise InputError(f"`columns`: unknown '{min(unknown)}'; it knows {', '.join(ROLES)}.")
    roles = {}
    for role in ROLES:
        if columns.get(role):
            roles[role] = _find(path, role, columns[role], available)
        else:
            same = [n for n in (role, role.upper()) if n in available]
            same = same or [n for n in available if n.lower() == role]
            if same:
                roles[role] = same[0]
    wanted = set(roles.values()) | {roles.get(key, key) for key in select}
    for name in wanted - set(available):
        raise InputError(missing_column(path, name, available))
    if not wanted:
        raise InputError(f"{path}: no column has the name of a role. {suggest_columns(available)}")
    table = read_table(path, [n for n in available if n in wanted], notes)
    return Given(path, table, roles, tuple(missing))


def _find(path: str | Path, role: str, name: str, available: Sequence[str]) -> str:
    """A column, or that coordinate of a sky position (`sky_centroid` for `sky_centroid.ra`)."""
    for found in (name, f"{name}.{role}"):
        if found in available:
            return found
    raise InputError(missing_column(path, name, available))


def read_positions(
    path: str | Path, columns: dict[str, str], missing: Sequence[float] = ()
) -> dict[str, np.ndarray]:
    """Ids (N,) of a catalogue, and its `ra` and `dec` (deg, NaN where missing) if it has them."""
    given = read_roles(path, columns, missing=missing)
    positions = {"id": read_ids(given)}
    if {"ra", "dec"} <= set(given.roles):
        positions["ra"], positions["dec"] = read_sky(given)
    return positions


# --- numbers -----------------------------------------------------------------------------------


def read_numbers(given: Given, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Values of a role or column, and those that stand for a missing one.

    Returns
    -------
    values : ndarray, shape (N,), float64
        NaN where missing, or where the catalogue has no such column.
    lost : ndarray, shape (K,)
        What was there of the values that count as missing: `given.missing`, and what is outside
        the range that the role can have.
    """
    name = given.roles.get(key, key)
    if name not in given.table.colnames:
        return np.full(len(given.table), np.nan), np.zeros(0)
    values = as_numbers(given, name)
    finite = np.isfinite(values)
    lost = finite & _is_any_of(values, given.missing)
    if key in ROLES:
        role = ROLES[key]
        low = role.low
        sensible = values[finite & ~lost & (values >= low) & (values <= role.high)]
        if key == "mag" and len(sensible) and np.median(sensible) > CALIBRATED:
            low = np.nextafter(0, 1)
        with np.errstate(invalid="ignore"):
            lost |= (values < low) | (values > role.high)
    return np.where(lost | ~np.isfinite(values), np.nan, values), values[lost]


def _is_any_of(values: np.ndarray, codes: Sequence[float]) -> np.ndarray:
    """Whether a value is one of some, which a column of float32 holds inexactly."""
    found = np.zeros(len(values), dtype=bool)
    for code in codes:
        found |= np.abs(values - code) <= 1e-6 * abs(code)
    return found


def describe_lost(given: Given, keys: Sequence[str]) -> list[str]:
    """A sentence on each role or column of which values count as missing."""
    sentences = []
    for key in keys:
        _, lost = read_numbers(given, key)
        if not len(lost):
            continue
        name, codes = given.roles.get(key, key), np.unique(lost)
        shown = ", ".join(f"{code:.6g}" for code in codes[:4]) + ", ..." * (len(codes) > 4)
        role = f" ({key})" if key in ROLES else ""
        sentences.append(
            f"{given.path}: {len(lost):,} of {len(given.table):,} values of column '{name}'{role} "
            f"mean that there is none ({shown}), and count as missing"
        )
        if len(lost) > len(given.table) / 2 and len(codes) > 10 and key in ROLES:
            sentences[-1] += (
                f"; is it another quantity? Expected: {ROLES[key].meaning} Between "
                f"{ROLES[key].low:g} and {ROLES[key].high:g}"
            )
    return sentences


def as_numbers(given: Given, name: str, text=None) -> np.ndarray:
    """A column as floats (N,), NaN where masked or not given; numbers written as text are read.

    Parameters
    ----------
    given : Given
    name : str
    text : callable, optional
        Reads text that is no numbers.

    Raises
    ------
    InputError
        If it holds other text, or arrays.
    """
    column = _one_a_row(given, name)
    masked = np.ma.getmaskarray(column)
    plain = np.asarray(np.ma.getdata(column))
    if plain.dtype.kind in "biuf":
        return np.where(masked, np.nan, plain.astype(float))
    texts = ["" if lost else _text_of(value) for value, lost in zip(plain, masked, strict=True)]
    texts = ["" if value.lower() in NOT_GIVEN else value for value in texts]
    try:
        return np.array([float(value) if value else np.nan for value in texts])
    except ValueError as error:
        wrong = next(value for value in texts if value and not _is_number(value))
        if text is not None:
            try:
                return text(texts)
            except ValueError as other:
                wrong = str(other).split("'")[1] if "'" in str(other) else wrong
        raise InputError(
            f"{given.path}: column '{name}' holds text ({wrong!r}), expected numbers.\n"
            "Correct `columns` or `select`."
        ) from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _one_a_row(given: Given, name: str) -> Column:
    """A column with one value a row; some programs write arrays of one."""
    column = given.table[name]
    if column.ndim == 2 and column.shape[1] == 1:
        return column[:, 0]
    if column.ndim != 1:
        raise InputError(
            f"{given.path}: column '{name}' holds arrays, expected one number a row. Correct "
            "`columns` or `select`."
        )
    return column


# --- positions ---------------------------------------------------------------------------------


def read_sky(given: Given) -> tuple[np.ndarray, np.ndarray]:
    """Right ascension (0 to 360) and declination, degrees; both NaN where there is no position.

    Positions may be in degrees, hours, radians and so on, if the file says so, or text such as
    10:00:30.5. What cannot be on the sky is missing: Dec of -99, both -1, both 999.
    """
    ra, dec = (_degrees(given, role) for role in ("ra", "dec"))
    with np.errstate(invalid="ignore"):
        there = (np.abs(dec) <= 90) & (ra >= -360) & (ra <= 720)
        # One negative number in both columns is a word for nothing, not a place.
        there &= ~((ra == dec) & (ra < 0))
        ra = np.where((ra < 0) | (ra >= 360), np.mod(ra, 360), ra)
    return np.where(there, ra, np.nan), np.where(there, dec, np.nan)


def _degrees(given: Given, role: str) -> np.ndarray:
    name = given.roles.get(role, role)
    if name not in given.table.colnames:
        return np.full(len(given.table), np.nan)
    unit = given.table[name].unit
    read = []

    def sexagesimal(texts: Sequence[str]) -> np.ndarray:
        read.append(True)
        return read_sexagesimal(texts, text_in_hours(unit, role))

    values = as_numbers(given, name, sexagesimal)
    values = np.where(_is_any_of(values, given.missing), np.nan, values)
    factor = degrees_in(unit)
    if read or factor == 1:
        return values
    if factor is None:
        if unit is not None and str(unit).strip():
            log.warning("%s: column '%s' has the unit '%s', which is no angle that is known: it is "
                        "taken for degrees", given.path, name, unit)  # fmt: skip
        return values
    return values * factor


# --- ids ---------------------------------------------------------------------------------------


def read_ids(given: Given) -> np.ndarray:
    """Identifiers (N,) of the sources: whole numbers, or text without spaces around it.

    Raises
    ------
    InputError
        If a row has none.
    """
    name = given.roles.get("id")
    if name is None:
        log.info("%s: no id column, so sources are numbered from 0", given.path)
        return np.arange(len(given.table), dtype=np.int64)
    ids = _one_a_row(given, name)
    lost = np.ma.getmaskarray(ids)
    ids = np.asarray(np.ma.getdata(ids))
    if ids.dtype.kind in "iuf":
        lost = lost | ~np.isfinite(ids) | _is_any_of(ids.astype(float), given.missing)
    if lost.any():
        raise InputError(
            f"{given.path}: column '{name}' has rows without an id, expected one in each.\n"
            "Give another id column in `columns`."
        )
    if ids.dtype.kind in "iu":
        return ids if ids.dtype == np.uint64 and (ids > 2**63 - 1).any() else ids.astype(np.int64)
    if ids.dtype.kind == "f" and np.all(ids == np.round(ids)) and (np.abs(ids) < 2.0**63).all():
        if (np.abs(ids) > 2.0**53).any():
            log.warning("%s: the ids in column '%s' are floats above 2^53, which have lost their "
                        "last digits", given.path, name)  # fmt: skip
        return ids.astype(np.int64)
    if ids.dtype.kind == "f":
        return ids
    # No format of the results holds a NUL.
    texts = [_text_of(value).replace("\0", "\N{REPLACEMENT CHARACTER}") for value in ids]
    return np.array(texts, dtype=str)


def id_texts(values: np.ndarray) -> np.ndarray:
    """Ids (N,) as the text by which they are compared; '' where there is none.

    712, 712.0, '712' and ' 712 ' are one id; so are not '000712' and 712. There is none where the
    value is masked, NaN, empty, or a number by which programs say so (-1, -99, -999).
    """
    masked = np.ma.getmaskarray(values)
    plain = np.asarray(np.ma.getdata(values))
    if plain.dtype.kind == "f":
        whole = np.isfinite(plain) & (plain == np.round(plain))
        texts = [
            (str(int(value)) if one else repr(float(value))) if np.isfinite(value) else ""
            for value, one in zip(plain.tolist(), whole.tolist(), strict=True)
        ]
    elif plain.dtype.kind in "iu":
        texts = [str(value) for value in plain.tolist()]
    else:
        texts = [_text_of(value) for value in plain]
        texts = [_whole(text) for text in texts]
    texts = [
        "" if lost or text.lower() in NOT_GIVEN or NO_ID.fullmatch(text) else text
        for text, lost in zip(texts, masked, strict=True)
    ]
    return np.array(texts, dtype=str)


def _whole(text: str) -> str:
    """'712.0' as '712'; all other text as it is."""
    match = WHOLE_NUMBER.fullmatch(text)
    return match[1] if match else text


def _text_of(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    # Not the spaces of other alphabets: an identifier may have them.
    return "" if value is None else str(value).strip(" \t\r\n")
