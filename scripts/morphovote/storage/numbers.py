"""Tables of numbers as CSV, for people, spreadsheets and later steps."""

import csv
import re
from pathlib import Path

import numpy as np
from astropy.table import Table

from morphovote.errors import InputError
from morphovote.storage.files import write_csv

# Characters that start a formula in a spreadsheet, and numbers, which are safe all the same.
FORMULA = tuple("=+-@")
NUMBER = re.compile(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?")


def save_numbers(table: Table, path: str | Path) -> None:
    """Write numbers as CSV, whole or not at all; NaN becomes an empty cell.

    Text that a spreadsheet would take for a formula gets an apostrophe in front. Identifiers (`id`)
    keep all their digits.
    """
    columns = [
        [_cell(str(value) if name == "id" else value) for value in table[name].tolist()]
        for name in table.colnames
    ]
    write_csv(path, table.colnames, zip(*columns, strict=True))


def _cell(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.6g}" if np.isfinite(value) else ""
    if isinstance(value, str):
        # Most readers take a lone carriage return for the end of the row.
        value = value.replace("\r\n", "\n").replace("\r", "\n")
        if value.lstrip().startswith(FORMULA) and not NUMBER.fullmatch(value):
            return f"'{value}"
    return value


def read_rows(path: str | Path) -> list[dict]:
    """Read a table of numbers as one dictionary per row; an empty cell is None, True/False a bool.

    Raises
    ------
    InputError
        If the file is no CSV table.
    """
    names, lines = _read_lines(path)
    return [dict(zip(names, line, strict=True)) for line in lines]


def read_numbers(path: str | Path) -> Table:
    """Read a table of numbers by columns; an empty cell is NaN, or "" in a column of text.

    Raises
    ------
    InputError
        If the file is no CSV table.
    """
    names, lines = _read_lines(path)
    columns = {}
    for place, name in enumerate(names):
        values = [line[place] for line in lines]
        nothing = "" if any(isinstance(value, str) for value in values) else np.nan
        columns[name] = [nothing if value is None else value for value in values]
    return Table(columns)


def _read_lines(path: str | Path) -> tuple[list[str], list[list]]:
    try:
        with open(path, newline="", encoding="utf-8") as file:
            names, *lines = csv.reader(file, strict=True)
        if any(len(line) != len(names) for line in lines):
            raise ValueError(f"a line does not have the {len(names)} columns of the first")
        return names, [
            [text if name == "id" else _value(text) for name, text in zip(names, line, strict=True)]
            for line in lines
        ]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(
            f"{path}: not a readable CSV table ({error}). Delete it and run the workflow again."
        ) from error


def _value(text: str) -> object:
    text = text.strip()
    if text in ("True", "False"):
        return text == "True"
    # 000712 is a name.
    if re.fullmatch(r"0\d+", text):
        return text
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None
