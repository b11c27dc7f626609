"""The catalogue in the format of the CDS: a fixed-width table and a ReadMe that describes it.

Follows the CDS standard for astronomical catalogues (Ochsenbein 2000): a byte-by-byte
description beside a plain file.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.table import Table

from morphovote import __version__
from morphovote.catalogue.columns import COLUMNS, CatalogueColumn
from morphovote.catalogue.extra_columns import extra_columns, flag_notes
from morphovote.catalogue.parts import Parts, as_parts, descriptions
from morphovote.storage.files import replacing

# Decimals of columns that need more or fewer than five.
DECIMALS = {"RA": 7, "DEC": 7, "VOTE_FRACTION": 3, "CLASS_PROB": 3, "SNR": 2}
UNITS = {"": "---", "deg": "deg", "arcsec": "arcsec", "kpc": "kpc"}
WIDTH = 80
# Rows that are made text at once.
LINES = 10_000
# Numbers below this, times a power of ten, are whole numbers that double precision holds.
LARGE = 1e9


class _Shape(NamedTuple):
    """What a column of the fixed-width table looks like."""

    width: int
    # Whether a value is missing, and whether all texts are whole numbers.
    empty: bool
    whole: bool


def write_cds(table_path: str | Path, readme_path: str | Path, catalogue: Table | Parts) -> None:
    """Write the project's own columns as a fixed-width table with its ReadMe.

    Columns of the source catalogue are not repeated: join the two by ID or by row number. The parts
    are read twice: for the widths, and to be written.

    Parameters
    ----------
    table_path, readme_path : str or Path
    catalogue : Table or Parts
        As `join.build_catalogue` makes it, N rows.
    """
    parts = as_parts(catalogue) if isinstance(catalogue, Table) else catalogue
    told = descriptions(parts.known)
    columns = (*COLUMNS, *extra_columns(told))
    names = [column.name for column in columns]
    shapes = None
    for part in parts.read(names):
        found = [_shape(np.ma.getdata(part[name]), name) for name in names]
        shapes = found if shapes is None else list(map(_wider, shapes, found))
    with replacing(table_path) as partial, open(partial, "wb") as file:
        for part in parts.read(names):
            for start in range(0, len(part), LINES):
                file.write(_lines(part[start : start + LINES], columns, shapes))
    record = sum(shape.width for shape in shapes) + len(shapes) - 1
    about = (Path(table_path).name, parts.rows, record)
    text = _readme(*about, columns, shapes, flag_notes(told))
    with replacing(readme_path) as partial:
        partial.write_text(text, encoding="ascii")


def _shape(values: np.ndarray, name: str) -> _Shape:
    """Shape of a part of a column. The widest number is the largest or the smallest."""
    values = np.asarray(values)
    texts, empty = values, False
    if values.dtype.kind == "f":
        known = _known(values)
        # Also the smallest without sign among the negative ones: -0.00000 is wider than 0.00000.
        negative = known[np.signbit(known)]
        texts, empty = np.concatenate([_ends(known), _ends(negative)]), len(known) < len(values)
    elif values.dtype.kind in "iu":
        texts = _ends(values)
    written = _texts(texts, name)
    width = int(np.char.str_len(written).max(initial=1))
    text = values.dtype.kind == "U"
    whole = text and all(one.lstrip("-").isdigit() for one in written[:1000])
    return _Shape(width, empty or bool((written == "").any()), whole)


def _wider(one: _Shape, other: _Shape) -> _Shape:
    # The first thousand rows tell whether a text is a number.
    return _Shape(max(one.width, other.width), one.empty or other.empty, one.whole)


def _ends(values: np.ndarray) -> np.ndarray:
    return np.array([values.min(), values.max()]) if len(values) else values


def _lines(part: Table, columns: Sequence[CatalogueColumn], shapes: Sequence[_Shape]) -> bytes:
    """Rows as lines of the same length."""
    width = sum(shape.width + 1 for shape in shapes)
    lines = np.full((len(part), width), ord(" "), np.uint8)
    lines[:, -1] = ord("\n")
    start = 0
    for column, shape in zip(columns, shapes, strict=True):
        place = lines[:, start : start + shape.width]
        start += shape.width + 1
        values = np.asarray(np.ma.getdata(part[column.name]))
        decimals = DECIMALS.get(column.name, 5)
        if values.dtype == np.float32 and np.abs(_known(values)).max(initial=0) < LARGE:
            _write_decimals(place, values, decimals)
            continue
        texts = _texts(values, column.name)
        if column.dtype != "U":
            texts = np.char.rjust(texts, shape.width)
        letters = texts.astype(f"S{shape.width}").view(np.uint8).reshape(place.shape)
        place[:] = np.where(letters == 0, ord(" "), letters)
    return lines.tobytes()


def _known(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def _write_decimals(place: np.ndarray, values: np.ndarray, decimals: int) -> None:
    """Write float32 into columns of letters (N, width), as `%.<decimals>f` would but faster.

    The product with the power of ten is exact in double precision, and so is its rounding.
    """
    known, minus = np.isfinite(values), np.signbit(values)
    left = np.rint(np.abs(np.where(known, values, 0)).astype(float) * 10**decimals).astype(int)
    column = place.shape[1] - 1
    for digit in range(place.shape[1]):
        if digit == decimals > 0:
            place[:, column] = ord(".")
            column -= 1
        if column < 0:
            break
        there = (left > 0) | (digit <= decimals)
        sign = np.where(minus, ord("-"), ord(" "))
        place[:, column] = np.where(there, ord("0") + left % 10, sign)
        minus &= there
        left //= 10
        column -= 1
    place[~known] = ord(" ")


def _texts(values: np.ndarray, name: str) -> np.ndarray:
    """Values as text; empty where missing."""
    values = np.asarray(values)
    if values.dtype.kind == "f":
        form = f"%.{DECIMALS.get(name, 5)}f"
        written = np.char.mod(form, np.nan_to_num(values.astype(float), posinf=0, neginf=0))
        return np.where(np.isfinite(values), written, "")
    if values.dtype.kind == "b":
        return np.where(values, "1", "0")
    if values.dtype.kind in "US":
        # The standard allows only ASCII; tabs and line ends would break the columns.
        clean = [
            "".join(c if " " <= c <= "~" else "?" for c in text) for text in values.astype(str)
        ]
        return np.array(clean, dtype=str) if clean else np.zeros(0, "U1")
    return values.astype(str)


def _format(column: CatalogueColumn, shape: _Shape) -> str:
    width = shape.width
    if column.dtype.startswith("f"):
        return f"F{width}.{DECIMALS.get(column.name, 5)}"
    if column.dtype.startswith("i"):
        return f"I{width}"
    if column.dtype == "?":
        return f"I{width}"
    whole = column.dtype == "" and shape.whole
    return f"I{width}" if whole and width < 19 else f"A{width}"


def _readme(
    name: str,
    rows: int,
    record: int,
    columns: Sequence[CatalogueColumn],
    shapes: Sequence[_Shape],
    notes: Sequence[str],
) -> str:
    rule, thin = "=" * WIDTH, "-" * WIDTH
    lines = [
        "", "Galaxy morphology by voting clusterings", rule, "", "Description:",
        "    Groups and classes of galaxy shapes, with the parameters measured, made by",
        f"    morphovote {__version__} after the method of Fang et al. (2025A&A...693A.141F).",
        "    One row a source of the input catalogue, in its order. ID is that of the",
        "    input catalogue, whose own columns are in the FITS version of this table.", "",
        "File Summary:", thin,
        " FileName      Lrecl  Records   Explanations", thin,
        "ReadMe            80        .   This file",
        f"{name:<14}{record:>6} {rows:>8}   The catalogue", thin, "",
        f"Byte-by-byte Description of file: {name}", thin,
        "   Bytes Format Units   Label           Explanations", thin,
    ]  # fmt: skip
    start = 1
    for column, shape in zip(columns, shapes, strict=True):
        end = start + shape.width - 1
        place = f"{start:>4}-{end:>4}" if shape.width > 1 else f"     {end:>4}"
        head = f"{place} {_format(column, shape):<6} {UNITS.get(column.unit, column.unit):<7}"
        empty = "? " if shape.empty else ""
        words = f"{empty}{column.description}"
        wrapped = _wrap(words, WIDTH - 42)
        lines.append(f"{head} {column.name:<15} {wrapped[0]}")
        lines += [" " * 42 + part for part in wrapped[1:]]
        start = end + 2
    lines += [thin, "Note (1): bits of the flags"]
    lines += [f"    {part}" for note in notes for part in _wrap(note, WIDTH - 6)]
    return "\n".join([*lines, thin, "", rule, ""]).encode("ascii", "replace").decode()


def _wrap(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
