"""Result files of a workflow run, and how those of two runs differ."""

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet
from astropy.io import fits
from astropy.table import Table

# Logs and timings of the jobs.
LEFT_OUT = ("logs", "benchmarks")
# Keys of JSON files and columns of CSV files with times, durations and versions.
TIMED = {"seconds", "timings", "versions"}
CARDS = {"DATE", "CHECKSUM", "DATASUM"}


def result_files(folder: Path, left_out: tuple[str, ...] = LEFT_OUT) -> dict[str, Path]:
    """Files of a results folder by name, in order.

    Hidden files are temporary and left out; `left_out` are names in the folder itself.
    """
    return {
        name: path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not path.name.startswith(".")
        and (name := str(path.relative_to(folder))).split("/")[0] not in left_out
    }


def sha256(path: Path) -> str:
    """Digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def compare_files(one: Path, two: Path) -> tuple[str, list[str]]:
    """How two files of one kind differ.

    Returns
    -------
    verdict : str
        'equal' (bit for bit), 'content' (equal except times, dates and versions), 'words' (an HTML
        page with the same pictures and numbers), or 'differs'.
    what : list of str
        The parts that differ.
    """
    if one.read_bytes() == two.read_bytes():
        return "equal", []
    if one.suffix == ".html":
        what = _compare_pages(one, two)
        return ("differs", what) if what else ("words", ["words"])
    compare = COMPARERS.get(one.suffix)
    what = compare(one, two) if compare else ["bytes"]
    return ("differs", what) if what else ("content", [])


def differing_columns(one: Table, two: Table) -> list[str]:
    """Columns of two tables that are not equal bit for bit, or are in one table only."""
    return _differing(
        {name: _bits(one[name]) for name in one.colnames},
        {name: _bits(two[name]) for name in two.colnames},
    )


def _bits(values) -> tuple:
    """Type, shape and bits of an array, and of its mask if it has one."""
    array = np.asarray(values)
    # The bytes of an object array are only pointers.
    content = repr(array.tolist()) if array.dtype == object else array.tobytes()
    return str(array.dtype), array.shape, content, np.ma.getmaskarray(values).tobytes()


def _differing(one: dict, two: dict) -> list[str]:
    """Keys whose values differ, or that are in one dict only."""
    return [name for name in one | two if name not in one or name not in two
            or one[name] != two[name]]  # fmt: skip


def _compare_hdf5(one: Path, two: Path) -> list[str]:
    return _differing(_hdf5_content(one), _hdf5_content(two))


def _hdf5_content(path: Path) -> dict[str, tuple]:
    """Datasets and attributes of a file, by name."""
    found: dict[str, tuple] = {}

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = _bits(item[()])
        for key, value in item.attrs.items():
            found[f"attribute {key}{f' of {name}' * bool(name)}"] = _bits(value)

    with h5py.File(path) as file:
        note("", file)
        file.visititems(note)
    return found


def _compare_json(one: Path, two: Path) -> list[str]:
    return _differing(*(dict(_leaves(json.loads(path.read_text()))) for path in (one, two)))


def _leaves(value, place: str = ""):
    """Paths and values in nested JSON; values as text, so that NaN equals NaN."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in TIMED:
                yield from _leaves(part, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        yield f"{place}.length", len(value)
        for number, part in enumerate(value):
            yield from _leaves(part, f"{place}[{number}]")
    else:
        yield place, repr(value)


def _compare_csv(one: Path, two: Path) -> list[str]:
    return _differing(_csv_columns(one), _csv_columns(two))


def _csv_columns(path: Path) -> dict[str, list[str]]:
    """Columns of a CSV file, as text, and their order."""
    with open(path, newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    columns = {name: [row[i : i + 1] for row in rows] for i, name in enumerate(head)}
    kept = {name: values for name, values in columns.items() if name not in TIMED}
    return kept | {"columns": list(kept)}


def _compare_fits(one: Path, two: Path) -> list[str]:
    return _differing(_fits_content(one), _fits_content(two))


def _fits_content(path: Path) -> dict[str, object]:
    """Cards (without the date of writing), columns and pixels of each HDU."""
    found: dict[str, object] = {}
    with fits.open(path, memmap=False) as hdus:
        for number, hdu in enumerate(hdus):
            cards = [str(card) for card in hdu.header.cards if card.keyword not in CARDS]
            found[f"header of HDU {number}"] = cards
            if isinstance(hdu, fits.BinTableHDU):
                for name in hdu.columns.names:
                    found[name] = _bits(hdu.data[name])
            elif hdu.data is not None:
                found[f"pixels of HDU {number}"] = _bits(hdu.data)
    return found


def _compare_parquet(one: Path, two: Path) -> list[str]:
    return _differing(_parquet_content(one), _parquet_content(two))


def _parquet_content(path: Path) -> dict[str, object]:
    """Columns and metadata of a table, without those of the writing library."""
    table = pyarrow.parquet.read_table(path)
    found = {name: (table[name].type, repr(table[name].to_pylist())) for name in table.column_names}
    return found | {"metadata": table.schema.metadata, "columns": table.column_names}


def _compare_votable(one: Path, two: Path) -> list[str]:
    """Compare lines, without the comment of the writing library."""
    texts = (re.sub("<!--.*?-->", "", path.read_text(), flags=re.DOTALL) for path in (one, two))
    first, second = (text.splitlines() for text in texts)
    lines = sum(a != b for a, b in zip(first, second, strict=False))
    lines += abs(len(first) - len(second))
    return [f"{lines} lines"] if lines else []


def _compare_pages(one: Path, two: Path) -> list[str]:
    """Compare pictures and numbers of two HTML pages; their words may differ."""
    return _differing(_page_content(one), _page_content(two))


def _page_content(path: Path) -> dict[str, object]:
    text = path.read_text(encoding="utf-8")
    pictures = Counter(re.findall(r"data:image/[^\"')\s]+", text))
    data = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)
    # Text values are in quotes.
    numbers = [
        [leaf for leaf in _leaves(json.loads(part)) if str(leaf[1])[0] not in "'\""]
        for part in data
    ]
    return {"pictures": pictures, "numbers of the data": numbers}


COMPARERS: dict[str, Callable[[Path, Path], list[str]]] = {
    ".h5": _compare_hdf5,
    ".json": _compare_json,
    ".csv": _compare_csv,
    ".fits": _compare_fits,
    ".parquet": _compare_parquet,
    ".vot": _compare_votable,
}
