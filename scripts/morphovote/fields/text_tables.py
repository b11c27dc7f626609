"""Tables in text: CSV as programs and spreadsheets write it, ECSV, and the formats of programs."""

import csv
import gzip
import io
import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import numpy as np
import pyarrow.compute
import pyarrow.csv
from astropy.io import ascii as text_formats
from astropy.table import Column, MaskedColumn, Table

from morphovote.errors import InputError

# Between the columns of a file that is called CSV; the comma is tried first.
SEPARATORS = (",", ";", "\t", "|")
# Marks at the start of a file that say how its letters are stored.
MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
HASH = re.compile(r"^\s*#+\s*")
LEADING_ZERO = r"^\s*[+-]?0\d+\s*$"
# How the header of a catalogue of SExtractor begins: '#   1 NUMBER   Running object number'.
SEXTRACTOR = re.compile(r"^#\s*1\s+[A-Za-z_]\w*(\s|$)", re.MULTILINE)
# Names in lines of their own: '# Column 1: id', '# 1. id', '#1 = id'.
NUMBERED = re.compile(r"^\s*#\s*(?:[Cc]ol(?:umn)?s?\.?\s*)?(\d+)\s*[:.)=-]*\s*([A-Za-z_][^\s,;]*)")
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")


def read_csv(path: Path) -> Table:
    """Read a CSV file; numbers with leading zeros, such as 000712, stay text.

    The separator may also be a semicolon, a tab, | or blanks; the names may follow a # or a byte
    order mark; lines that begin with # before them are left out; with another separator, numbers
    may have a decimal comma.
    """
    return _read_separated(_read_text(path))


def _read_separated(text: str) -> Table:
    separator, text = _clean(text)
    spaced = _from_blanks(text) if separator == "," else None
    if spaced:
        separator, text = "\t", spaced
    table = text_formats.read(text, format="csv", delimiter=separator, guess=False)
    for name, column in _with_zeros(text, separator, table).items():
        table.replace_column(name, column)
    if separator != ",":
        for name in table.colnames:
            values = _decimal_commas(table[name])
            if values is not None:
                table.replace_column(name, values)
    return table


def read_text_table(path: Path) -> Table:
    """Read a catalogue in text of a format that its suffix does not tell.

    SExtractor's (a line with a number for each column), IPAC's (| between the names), those of the
    journals of the AAS and of the CDS (a byte-by-byte description above or in a ReadMe beside),
    ECSV, and else what `read_csv` reads.
    """
    text = _read_text(path)
    if text.startswith("# %ECSV"):
        return read_ecsv(path)
    if SEXTRACTOR.match(text.lstrip()):
        return text_formats.read(text, format="sextractor", guess=False)
    if _is_ipac(text):
        return text_formats.read(text, format="ipac", guess=False)
    about = path.with_name("ReadMe")
    if about.is_file() and path.name in about.read_text(encoding="utf-8", errors="replace"):
        return text_formats.read(str(path), format="cds", readme=str(about), guess=False)
    if re.search(r"^Byte-by-byte Description", text, re.MULTILINE | re.IGNORECASE):
        return text_formats.read(text.rstrip("\n"), format="cds", guess=False)
    named = _names_in_lines(text)
    table = _read_separated(named or text)
    _check_names(path, table, text)
    return table


def _is_ipac(text: str) -> bool:
    r"""Whether names and units stand between | and the rows below do not; \ marks comments."""
    lines = [line for line in text.split("\n") if line.strip() and not line.startswith("\\")]
    head = list(takewhile(lambda line: line.startswith("|"), lines))
    return bool(head) and len(head) < len(lines) and "|" not in lines[len(head)]


def read_ecsv(path: Path) -> Table:
    """Read an ECSV file."""
    return text_formats.read(_read_text(path), format="ecsv", guess=False)


def _read_text(path: Path) -> str:
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    encoding = next((name for mark, name in MARKS.items() if content.startswith(mark)), "utf-8")
    return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n") + "\n"


def _clean(text: str) -> tuple[str, str]:
    """The separator, and the text from the line with the names on, without a # before them."""
    lines = text.splitlines()[:1000]
    start = next((n for n, line in enumerate(lines) if line.strip()), 0)
    end = start
    while end < len(lines) and lines[end].lstrip().startswith("#"):
        end += 1
    if end > start:
        # The names follow a #, the last but for units and the like, or stand in the line below.
        below = lines[end : end + 20]
        named = [n for n in range(start, end) if _names_follow_hash([lines[n], *below])]
        plain = [n for n in named if _are_names(HASH.sub("", lines[n]))]
        numbers = any(map(_is_number, _words(lines[end]))) if end < len(lines) else False
        last = end - 1 in named or (numbers and _are_names(HASH.sub("", lines[end - 1])))
        start = plain[-1] if plain else end - 1 if last else end
    table = [HASH.sub("", lines[start]), *lines[start + 1 : start + 20]] if lines[start:] else []
    rest = text.split("\n", start)[start]
    if start < end:
        first, *others = rest.split("\n")
        rest = "\n".join([HASH.sub("", first), *others[end - start - 1 :]])
    return find_separator(table), rest


def _from_blanks(text: str) -> str | None:
    """A table whose columns are set apart by blanks, with tabs instead; None if it is none."""
    lines = [line for line in text.split("\n") if line.strip() and not line.startswith("#")]
    if any("," in line for line in lines[:20]):
        return None
    rows = [_words(line) for line in lines]
    if len({len(row) for row in rows[:20]}) != 1 or len(rows[0]) < 2 or len(rows) < 2:
        return None
    return "\n".join(map("\t".join, rows)) + "\n"


def _words(line: str) -> list[str]:
    """Parts of a line between blanks; a text in quotes may have blanks of its own."""
    if '"' not in line:
        return line.split()
    return next(csv.reader([" ".join(line.split())], delimiter=" ", skipinitialspace=True))


def _names_in_lines(text: str) -> str | None:
    """A table whose names stand in numbered lines ('# Column 1: id'), in one line; else None."""
    head = []
    for line in text.split("\n"):
        if line.strip() and not line.lstrip().startswith("#"):
            break
        head.append(line)
    found = [match for line in head if (match := NUMBERED.match(line))]
    numbers = [int(match[1]) for match in found]
    if len(found) < 2 or numbers != list(range(1, len(found) + 1)):
        return None
    rest = text.split("\n", len(head))[-1]
    return "\t".join(match[2] for match in found) + "\n" + "\n".join(
        "\t".join(line.split()) for line in rest.split("\n") if line.strip()
    )  # fmt: skip


def _are_names(line: str) -> bool:
    """Whether a line's words can be names of columns, which units and types are not."""
    words = re.split(r"[\s,;|]+", line.strip().strip("|,;"))
    return len(set(words)) == len(words) and all(re.match(r"[A-Za-z_\"'\[]", w) for w in words)


def _check_names(path: Path, table: Table, text: str) -> None:
    """Stop at a table without names, or whose lines do not have as many values as names."""
    if all(map(_is_number, table.colnames)):
        raise InputError(
            f"{path}: its first line has numbers ({', '.join(table.colnames[:4])}), expected the "
            "names of the columns. Write them into a line above, such as '# id ra dec'."
        )
    words = len(table.colnames[0].split())
    if len(table.colnames) > 1 or words < 2:
        return
    for number, line in enumerate(text.split("\n"), start=1):
        found = len(line.split())
        if found and not line.startswith("#") and found != words:
            raise InputError(
                f"{path}, line {number}: found {found} values, expected {words}, as many as "
                f"names ({table.colnames[0][:80]}). Fill the gaps (NaN), or put texts with blanks "
                "in quotes."
            )


def _names_follow_hash(lines: Sequence[str]) -> bool:
    """Whether the first line, which begins with #, has the names of the columns below it."""
    bare = HASH.sub("", lines[0])
    rows = _split([bare, *lines[1:]], find_separator([bare, *lines[1:]]))
    if all(len(row) == 1 for row in rows):
        rows = [_words(row[0]) for row in rows]
    if len(rows) < 2 or len(rows[0]) != len(rows[1]):
        return False
    numbers = [any(map(_is_number, row)) for row in rows[1:3]]
    # Words above numbers are names themselves.
    return numbers != [False, True]


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def find_separator(lines: Sequence[str]) -> str:
    """The separator that splits every line into equally many parts, the most; else the comma."""
    counts = {}
    for separator in SEPARATORS:
        sizes = {len(parts) for parts in _split(lines, separator)}
        counts[separator] = sizes.pop() if len(sizes) == 1 else 0
    best = max(SEPARATORS, key=counts.__getitem__)
    return best if counts[best] > 1 else ","


def _split(lines: Sequence[str], separator: str) -> list[list[str]]:
    return [parts for parts in csv.reader(lines, delimiter=separator) if parts]


def _with_zeros(text: str, separator: str, table: Table) -> dict[str, Column]:
    """Columns of whole numbers with leading zeros, as text."""
    whole = [name for name in table.colnames if table[name].dtype.kind in "iu"]
    found = rf'(?:^|{re.escape(separator)})[ \t]*"?[+-]?0\d+"?[ \t]*(?:{re.escape(separator)}|$)'
    if not whole or not re.search(found, text, re.MULTILINE):
        return {}
    frame = pyarrow.csv.read_csv(
        io.BytesIO(text.encode()),
        parse_options=pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=whole,
            column_types=dict.fromkeys(whole, pyarrow.string()),
            strings_can_be_null=True,
        ),
    )
    columns = {}
    for name in whole:
        texts = frame[name]
        if pyarrow.compute.any(pyarrow.compute.match_substring_regex(texts, LEADING_ZERO)).as_py():
            values = [(value or "").strip() for value in texts.to_pylist()]
            lost = [not value for value in values]
            plain = np.array(values, dtype=str)
            columns[name] = MaskedColumn(plain, mask=lost) if any(lost) else Column(plain)
    return columns


def _decimal_commas(column: Column) -> Column | None:
    """Text such as 150,25 as numbers; None if the column is anything else."""
    if column.dtype.kind != "U" or column.ndim != 1:
        return None
    lost = np.ma.getmaskarray(column)
    texts = [str(value).strip() for value in np.ma.getdata(column)[~lost].tolist()]
    if not any("," in text for text in texts) or not all(
        DECIMAL_COMMA.fullmatch(text) or _is_number(text) for text in texts
    ):
        return None
    values = np.full(len(column), np.nan)
    values[~lost] = [float(text.replace(",", ".")) for text in texts]
    return MaskedColumn(values, mask=lost) if lost.any() else Column(values)
