"""The catalogue in the format of the CDS: a fixed-width table and a ReadMe that describes it.

Follows the CDS standard for astronomical catalogues (Ochsenbein 2000): a byte-by-byte
description beside a plain file.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table

from morphovote import __version__
from morphovote.catalogue.bulge_disc_columns import BULGE_DISC_COLUMNS
from morphovote.catalogue.columns import COLUMNS, CatalogueColumn, flag_notes
from morphovote.storage.files import replacing

# Decimals of columns that need more or fewer than five.
DECIMALS = {"RA": 7, "DEC": 7, "VOTE_FRACTION": 3, "CLASS_PROB": 3, "SNR": 2}
UNITS = {"": "---", "deg": "deg", "arcsec": "arcsec", "kpc": "kpc"}
WIDTH = 80


def write_cds(table_path: str | Path, readme_path: str | Path, catalogue: Table) -> None:
    """Write the project's own columns as a fixed-width table with its ReadMe.

    Columns of the source catalogue are not repeated: join the two by ID or by row number.

    Parameters
    ----------
    table_path, readme_path : str or Path
    catalogue : Table
        From `join.build_catalogue`, N rows.
    """
    # A source catalogue may have columns of these names itself.
    more = [column for column in BULGE_DISC_COLUMNS if _is_own(catalogue, column)]
    columns = (*COLUMNS, *more)
    texts = [_texts(np.ma.getdata(catalogue[column.name]), column.name) for column in columns]
    widths = [max(1, int(np.char.str_len(text).max(initial=1))) for text in texts]
    lines = np.char.rjust(texts[0], widths[0])
    for text, width, column in zip(texts[1:], widths[1:], columns[1:], strict=True):
        pad = np.char.ljust if column.dtype == "U" else np.char.rjust
        lines = np.char.add(np.char.add(lines, " "), pad(text, width))
    with replacing(table_path) as partial, open(partial, "w", encoding="ascii") as file:
        file.writelines(f"{line}\n" for line in lines)
    record = sum(widths) + len(widths) - 1
    text = _readme(Path(table_path).name, len(catalogue), record, texts, widths, columns)
    with replacing(readme_path) as partial:
        partial.write_text(text, encoding="ascii")


def _is_own(catalogue: Table, column: CatalogueColumn) -> bool:
    names = catalogue.colnames
    return column.name in names and catalogue[column.name].description == column.description


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


def _format(column: CatalogueColumn, texts: np.ndarray, width: int) -> str:
    if column.dtype.startswith("f"):
        return f"F{width}.{DECIMALS.get(column.name, 5)}"
    if column.dtype.startswith("i"):
        return f"I{width}"
    if column.dtype == "?":
        return f"I{width}"
    whole = column.dtype == "" and all(text.lstrip("-").isdigit() for text in texts[:1000])
    return f"I{width}" if whole and width < 19 else f"A{width}"


def _readme(
    name: str,
    rows: int,
    record: int,
    texts: Sequence[np.ndarray],
    widths: Sequence[int],
    columns: Sequence[CatalogueColumn],
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
    for column, text, width in zip(columns, texts, widths, strict=True):
        end = start + width - 1
        place = f"{start:>4}-{end:>4}" if width > 1 else f"     {end:>4}"
        head = f"{place} {_format(column, text, width):<6} {UNITS.get(column.unit, column.unit):<7}"
        empty = "? " if (text == "").any() else ""
        words = f"{empty}{column.description}"
        wrapped = _wrap(words, WIDTH - 42)
        lines.append(f"{head} {column.name:<15} {wrapped[0]}")
        lines += [" " * 42 + part for part in wrapped[1:]]
        start = end + 2
    notes = flag_notes([column.name for column in columns])
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
