"""Read the source catalogues that people have: FITS, text, VOTable, Parquet, HDF5."""

import gzip
import math
import multiprocessing
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
from astropy.io import fits
from astropy.io.votable import parse
from astropy.io.votable.tree import Info
from astropy.table import Column, MaskedColumn, Table, meta, vstack
from astropy.units import Unit, UnitBase
from astropy.utils.exceptions import AstropyWarning

from morphovote.errors import InputError
from morphovote.fields.plain_columns import plain_columns
from morphovote.fields.text_tables import read_csv, read_ecsv, read_text_table
from morphovote.logs import log

# Seconds that text of variable length in an HDF5 file may take, and more for each so many bytes.
PATIENCE, BYTES_A_SECOND = 60.0, 1_000_000

# What astropy adds to the name of an HDF5 table for the dataset with its units.
ABOUT = ".__table_column_meta__"

FORMATS = {
    ".fits": "fits",
    ".fit": "fits",
    ".csv": "csv",
    ".tsv": "csv",
    # What programs write: text of several kinds, or FITS (SExtractor's LDAC).
    ".cat": "text",
    ".txt": "text",
    ".dat": "text",
    ".asc": "text",
    ".ascii": "text",
    ".tbl": "text",
    ".mrt": "text",
    ".ldac": "fits",
    ".ecsv": "ecsv",
    ".vot": "votable",
    ".votable": "votable",
    ".xml": "votable",
    ".parquet": "parquet",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
}


def column_names(path: str | Path) -> list[str]:
    """Names of a catalogue's columns, in its order, without reading its rows where possible."""
    return _reader(path)(Path(path), None, [])[0]


def read_table(
    path: str | Path, names: Sequence[str] | None = None, notes: list[str] | None = None
) -> Table:
    """Read a source catalogue, or some columns of it.

    FITS and VOTable: the table with the most rows, and those of its name and columns after it
    (LDAC has a table a chip). HDF5: every one-dimensional dataset of the file is a column, by its
    own name or, where that occurs in several groups, by its path (`f814w/kron_flux`); the fields
    of a compound dataset count as datasets. Sky positions become two columns, see
    `plain_columns`.

    Parameters
    ----------
    path : str or Path
        The suffix tells the format; `.gz` is understood for FITS and text.
    names : sequence of str, optional
        All columns if left out.
    notes : list of str, optional
        Gets a sentence on each thing that is not read; if left out, they are logged.

    Returns
    -------
    Table
        Text columns are of str; missing values are masked.

    Raises
    ------
    InputError
        If the file is missing, of another format, broken, or lacks a named column.
    """
    read, told = _reader(path), []
    available, columns = read(Path(path), names, told)
    for name in names or ():
        if name not in columns:
            raise InputError(missing_column(path, name, available))
    if notes is None:
        for note in told:
            log.warning("%s", note)
    else:
        notes += told
    return Table(columns, copy=False)


def missing_column(path: str | Path, name: str, available: Sequence[str]) -> str:
    """The sentence for a column that a catalogue does not have."""
    shown = ", ".join(available[:30]) + (", ..." if len(available) > 30 else "")
    return f"{path}: no column '{name}'. It has: {shown}.\nCorrect `columns` or `select`."


def _reader(path: str | Path):
    suffix = Path(Path(path).name.lower().removesuffix(".gz")).suffix
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file. Check the field's `catalogue` in config.yaml.")
    if suffix not in FORMATS:
        raise InputError(
            f"{path}: a catalogue ending in '{suffix}' is not understood.\n"
            f"Convert it to one of {', '.join(FORMATS)}."
        )
    if Path(path).stat().st_size == 0:
        raise InputError(f"{path}: an empty file, expected a catalogue. Give another one.")
    read = _READERS[FORMATS[suffix]]

    def guarded(path: Path, names: Sequence[str] | None, notes: list[str]):
        with readable(path):
            available, table = read(path, names, notes)
            columns = plain_columns(table, path, notes if names is None else None)
            # Coordinates of a sky position count as columns, and the position itself does not.
            split = {new: new.rpartition(".")[0] for new in columns if new not in available}
            for name in dict.fromkeys(split.values()):
                if name in available:
                    place = available.index(name)
                    available[place : place + 1] = [new for new in split if split[new] == name]
            return available, columns

    return guarded


@contextmanager
def readable(path: str | Path) -> Iterator[None]:
    """Turn any exception that a catalogue causes into an `InputError`."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        kind = FORMATS[Path(Path(path).name.lower().removesuffix(".gz")).suffix]
        raise InputError(
            f"{path}: not a readable {kind.upper()} table ({first[:200]}).\n"
            "Check that the file is whole, in UTF-8 if it is text, and that its name ends "
            "rightly."
        ) from error


def _read_fits(path: Path, names: Sequence[str] | None, notes: list[str]):
    with warnings.catch_warnings(), fits.open(path, memmap=True) as hdus:
        warnings.simplefilter("ignore", AstropyWarning)
        tables = [hdu for hdu in hdus if not hdu.is_image]
        if not tables:
            raise InputError(
                f"{path}: no extension holds a table.\nGive the catalogue, not an image."
            )
        for hdu in tables:
            correct_shapes(hdu.header)
        about = [(hdu.name, int(hdu.header["NAXIS2"]), list(hdu.columns.names)) for hdu in tables]
        parts = [tables[n] for n in choose_tables(path, about, notes)]
        available = list(parts[0].columns.names)
        if names is None:
            read = [Table.read(hdu, format="fits", character_as_bytes=False) for hdu in parts]
        else:
            read = [_fits_columns(hdu, [n for n in available if n in names]) for hdu in parts]
        return available, stack(read)


def choose_tables(
    path: Path, about: list[tuple[str, int, list[str]]], notes: list[str]
) -> list[int]:
    """Which tables of a file are the catalogue: those of one name and columns with the most rows.

    Small tables come before the catalogue in SExtractor's LDAC and others. What else is left out
    is noted.
    """

    def stem(text: str) -> str:
        return re.sub(r"[\W_]*\d*$", "", text).upper()

    kinds = [(stem(name), tuple(columns)) for name, _, columns in about]
    total = Counter()
    for kind, (_, rows, _) in zip(kinds, about, strict=True):
        total[kind] += rows
    longest = max(range(len(about)), key=lambda n: (total[kinds[n]], len(about[n][2])))
    name, rows, _ = about[longest]
    chosen = [n for n, kind in enumerate(kinds) if kind == kinds[longest]]
    if len(chosen) > 1:
        parts = " + ".join(f"{about[n][1]:,}" for n in chosen)
        notes.append(f"{path}: its {len(chosen)} tables {name} are read as one ({parts} rows)")
    left = [n for n in range(len(about)) if n not in chosen and about[n][1] > 1]
    if left:
        shown = ", ".join(f"{about[n][0] or n + 1} ({about[n][1]:,} rows)" for n in left[:5])
        total = sum(about[n][1] for n in left)
        notes.append(
            f"{path}: only the table {name or longest + 1} ({rows:,} rows) is read; left out are "
            f"{total:,} rows in other tables: {shown}"
        )
    return chosen


def correct_shapes(header: fits.Header) -> None:
    """Remove shapes (TDIM) that are meaningless or wrong, such as CasJobs's '(1)' of texts."""
    for number in range(1, header.get("TFIELDS", 0) + 1):
        form = re.fullmatch(r"(\d*)([A-Z]).*", str(header.get(f"TFORM{number}", "")).strip())
        sides = re.findall(r"\d+", str(header.get(f"TDIM{number}", "")))
        if not form or not sides or form[2] in "PQ":
            continue
        sides, repeat = [int(side) for side in sides], int(form[1] or 1)
        rest = sides[1:] if form[2] == "A" else sides
        if math.prod(sides) != repeat or math.prod(rest) == 1:
            del header[f"TDIM{number}"]


def _fits_columns(hdu: fits.BinTableHDU, names: Sequence[str]) -> Table:
    """Columns from the memory map: a wide catalogue is never read whole."""
    table = Table()
    for column in hdu.columns:
        if column.name not in names or column.name in table.colnames:
            continue
        values = np.array(hdu.data[column.name])
        if column.null is not None and values.dtype.kind in "iu":
            values = MaskedColumn(values, mask=values == column.null)
        else:
            values = Column(values)
        if column.unit:
            values.unit = Unit(column.unit, parse_strict="silent")
        table[column.name] = values
    return table


def stack(tables: list[Table]) -> Table:
    return tables[0] if len(tables) == 1 else vstack(tables, metadata_conflicts="silent")


def _read_csv(path: Path, names: Sequence[str] | None, notes: list[str]):
    table = read_csv(path)
    return list(table.colnames), _some(table, names)


def _read_text(path: Path, names: Sequence[str] | None, notes: list[str]):
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else open(path, "rb") as file:
        start = file.read(6)
    if start == b"SIMPLE":
        return _read_fits(path, names, notes)
    table = read_text_table(path)
    return list(table.colnames), _some(table, names)


def _read_ecsv(path: Path, names: Sequence[str] | None, notes: list[str]):
    table = read_ecsv(path)
    return list(table.colnames), _some(table, names)


def _some(table: Table, names: Sequence[str] | None) -> Table:
    """The columns asked for; sky positions stay, since their coordinates may be."""
    if names is None:
        return table
    return table[[
        name for name in table.colnames
        if name in names or any(wanted.startswith(f"{name}.") for wanted in names)
    ]]  # fmt: skip


def _read_votable(path: Path, names: Sequence[str] | None, notes: list[str]):
    votable = parse(path)
    tables = list(votable.iter_tables())
    for info in _infos(votable):
        status = (info.name or "").upper(), (info.value or "").upper()
        if status == ("QUERY_STATUS", "ERROR"):
            raise InputError(
                f"{path}: the service answers with an error "
                f"({' '.join((info.content or '').split())[:200]}), expected a table. Run the "
                "query again."
            )
        if status == ("QUERY_STATUS", "OVERFLOW"):
            rows = sum(len(table.array) for table in tables)
            notes.append(
                f"{path}: the service cut its result off after {rows:,} rows (QUERY_STATUS is "
                "OVERFLOW), and does not say how many are missing; ask again with a larger MAXREC"
            )
    if not tables:
        raise InputError(f"{path}: holds no table. Give another one.")
    about = [
        (table.name or table.ID or "", len(table.array), [field.name for field in table.fields])
        for table in tables
    ]
    parts = [tables[n].to_table(use_names_over_ids=True) for n in choose_tables(path, about, notes)]
    table = stack(parts)
    return list(table.colnames), _some(table, names)


def _infos(element) -> list[Info]:
    """The INFOs of a VOTable and of all its resources."""
    found = list(element.infos)
    for resource in element.resources:
        found += _infos(resource)
    return found


def _read_parquet(path: Path, names: Sequence[str] | None, notes: list[str]):
    available = list(pyarrow.parquet.read_schema(path).names)
    wanted = [n for n in (available if names is None else names) if n in available]
    frame = pyarrow.parquet.read_table(path, columns=wanted)
    return available, Table(
        {name: from_arrow(frame[name], frame.field(name)) for name in wanted}, copy=False
    )


def from_arrow(chunks: pyarrow.ChunkedArray, field: pyarrow.Field) -> Column:
    """A column of a Parquet file, with the unit and description that its metadata may hold."""
    values, shape = chunks.combine_chunks(), [len(chunks)]
    while pyarrow.types.is_fixed_size_list(values.type):
        shape.append(values.type.list_size)
        values = values.flatten()
    missing = values.is_null().to_numpy(zero_copy_only=False)
    kind = values.type
    simple = any(test(kind) for test in (pyarrow.types.is_integer, pyarrow.types.is_boolean))
    if missing.any() and simple:
        # Without this whole numbers would become floats, and True an object.
        values = values.fill_null(False if pyarrow.types.is_boolean(kind) else 0)
    data = values.to_numpy(zero_copy_only=False)
    if data.dtype == object and all(isinstance(value, str | None) for value in data):
        data = np.array(["" if value is None else value for value in data], dtype=str)
    notes = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    about = {"description": notes.get("description")}
    if notes.get("unit"):
        about["unit"] = Unit(notes["unit"], parse_strict="silent")
    data, missing = data.reshape(shape), missing.reshape(shape)
    if missing.any():
        return MaskedColumn(data, mask=missing, **about)
    return Column(data, **about)


def _read_hdf5(path: Path, names: Sequence[str] | None, notes: list[str]):
    with h5py.File(path, "r") as file:
        found: dict[str, tuple[h5py.Dataset, str | None]] = {}

        def collect(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset) and len(item.shape) == 1 and not _is_about(name):
                if item.dtype.names:
                    found.update({f"{name}/{field}": (item, field) for field in item.dtype.names})
                else:
                    found[name] = (item, None)

        file.visititems(collect)
        found = _of_one_length(path, found, notes)
        loose = sorted({item.name for item, _ in found.values() if _is_loose(item.dtype)})
        if loose:
            _try_text(path, loose)
        leaves = Counter(name.rsplit("/", 1)[-1] for name in found)
        short = {name: name.rsplit("/", 1)[-1] for name in found}
        short = {name: leaf if leaves[leaf] == 1 else name for name, leaf in short.items()}
        # A path is accepted too where the short name would do.
        wanted = {short[name]: name for name in found} if names is None else {
            n: name for n in names for name in found if n in (name, short[name])}  # fmt: skip
        columns = Table()
        for column, name in wanted.items():
            item, field = found[name]
            values = item[:] if field is None else item[field]
            columns[column] = Column(values, unit=_hdf5_unit(file, item, field))
        return list(short.values()), columns


def _is_about(name: str) -> bool:
    """Whether astropy keeps the units of a table in a dataset."""
    return name.endswith(ABOUT)


def _of_one_length(path: Path, found: dict, notes: list[str]) -> dict:
    """The datasets of the length that most have; the others are noted."""
    lengths = Counter(len(item) for item, _ in found.values())
    most = lengths.most_common(2)
    if not most or (len(most) == 2 and most[0][1] == most[1][1]):
        raise InputError(
            f"{path}: expected one-dimensional datasets of one length, found lengths "
            f"{sorted(lengths) or 'none'}.\nKeep one table in the file, or convert it to FITS."
        )
    rows = most[0][0]
    others = [name for name, (item, _) in found.items() if len(item) != rows]
    if others:
        notes.append(
            f"{path}: only its datasets of {rows:,} rows are read; left out are "
            f"{len(others)} of other lengths: {', '.join(others[:5])}"
        )
    return {name: place for name, place in found.items() if len(place[0]) == rows}


def _hdf5_unit(file: h5py.File, item: h5py.Dataset, field: str | None) -> Unit | None:
    """The unit of a column: of the dataset's attribute, or of what astropy wrote beside it."""
    text = item.attrs.get("unit", item.attrs.get("units"))
    if field is not None and f"{item.name}{ABOUT}" in file:
        lines = [_decoded(line) for line in file[f"{item.name}{ABOUT}"][:]]
        about = meta.get_header_from_yaml(lines)["datatype"]
        text = next((one.get("unit") for one in about if one["name"] == field), None)
    if isinstance(text, Unit | UnitBase) or text is None:
        return text
    return Unit(_decoded(text), parse_strict="silent") if isinstance(text, str | bytes) else None


def _decoded(text: str | bytes) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def _is_loose(dtype: np.dtype) -> bool:
    """Whether values lie in the file's heap: text of variable length, by itself or in a record."""
    fields = [dtype[i] for i in range(len(dtype))] or [dtype]
    return any(field.kind == "O" for field in fields)


def _try_text(path: Path, names: list[str]) -> None:
    """Read text of variable length in a process that can be stopped.

    On some damaged files the HDF5 library loops for ever there, and nothing interrupts it.
    """
    limit = PATIENCE + path.stat().st_size / BYTES_A_SECOND
    context = multiprocessing.get_context("fork" if sys.platform.startswith("linux") else "spawn")
    process = context.Process(target=_read_all, args=(path, names), daemon=True)
    process.start()
    process.join(limit)
    found = f"reading its text crashes the HDF5 library (code {process.exitcode})"
    if process.is_alive():
        process.kill()
        process.join()
        found = f"reading its text has not ended after {limit:.0f} s"
    elif process.exitcode == 0:
        return
    raise InputError(
        f"{path}: {found}, expected a whole table. The file is damaged, or its disk hangs.\n"
        "Convert it to FITS, or give another copy."
    )


def _read_all(path: Path, names: list[str]) -> None:
    # Mistakes are reported when the whole file is read.
    with suppress(Exception), h5py.File(path, "r") as file:
        for name in names:
            file[name][:]


_READERS = {
    "fits": _read_fits,
    "csv": _read_csv,
    "text": _read_text,
    "ecsv": _read_ecsv,
    "votable": _read_votable,
    "parquet": _read_parquet,
    "hdf5": _read_hdf5,
}
