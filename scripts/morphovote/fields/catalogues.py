"""Read the source catalogues that people have: FITS, CSV, ECSV, VOTable, Parquet, HDF5."""

import multiprocessing
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.table import Column, MaskedColumn, Table
from astropy.units import Unit

from morphovote.errors import InputError

# Seconds that text of variable length in an HDF5 file may take, and more for each so many bytes.
PATIENCE, BYTES_A_SECOND = 60.0, 1_000_000

FORMATS = {
    ".fits": "fits",
    ".fit": "fits",
    ".csv": "csv",
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
    return _reader(path)(Path(path), None)[0]


def read_table(path: str | Path, names: Sequence[str] | None = None) -> Table:
    """Read a source catalogue, or some columns of it.

    FITS: the extension with the most rows. HDF5: every one-dimensional dataset of the file is a
    column, by its own name or, where that occurs in several groups, by its path
    (`f814w/kron_flux`); the fields of a compound dataset count as datasets.

    Parameters
    ----------
    path : str or Path
        The suffix tells the format; `.gz` is understood for FITS, CSV and ECSV.
    names : sequence of str, optional
        All columns if left out.

    Returns
    -------
    Table
        Text columns are of str; missing values are masked.

    Raises
    ------
    InputError
        If the file is missing, of another format, broken, or lacks a named column.
    """
    read = _reader(path)
    if Path(path).stat().st_size == 0:
        raise InputError(f"{path}: an empty file, expected a catalogue. Give another one.")
    available, columns = read(Path(path), names)
    table = Table(columns, copy=False)
    for name in table.colnames:
        column = table[name]
        if column.dtype.kind == "S":
            table.replace_column(name, np.char.decode(np.asarray(column), "utf-8", "replace"))
        elif not column.dtype.isnative:
            table.replace_column(name, column.astype(column.dtype.newbyteorder("=")))
    for name in names or ():
        if name not in table.colnames:
            raise InputError(missing_column(path, name, available))
    return table


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
    read = _READERS[FORMATS[suffix]]

    def guarded(path: Path, names: Sequence[str] | None) -> tuple[list[str], dict]:
        try:
            return read(path, names)
        except InputError:
            raise
        except Exception as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"{path}: not a readable {FORMATS[suffix].upper()} table ({first[:200]}).\n"
                "Check that the file is whole, in UTF-8 if it is text, and that its name ends "
                "rightly."
            ) from error

    return guarded


def _read_fits(path: Path, names: Sequence[str] | None) -> tuple[list[str], dict]:
    with fits.open(path, memmap=True) as hdus:
        tables = [n for n, hdu in enumerate(hdus) if not hdu.is_image]
        if not tables:
            raise InputError(
                f"{path}: no extension holds a table.\nGive the catalogue, not an image."
            )
        # SExtractor's LDAC and others put small tables before the catalogue.
        number = max(tables, key=lambda n: hdus[n].header["NAXIS2"])
        available = list(hdus[number].columns.names)
    if names is None:
        table = Table.read(path, hdu=number, format="fits", character_as_bytes=False)
    else:
        # Column by column from the memory map: a wide catalogue is never read whole.
        with fits.open(path, memmap=True) as hdus:
            data = hdus[number].data
            table = {n: np.array(data[n]) for n in names if n in available}
            units = {c.name: c.unit for c in hdus[number].columns}
            null = {c.name: c.null for c in hdus[number].columns if c.null is not None}
            for name, column in table.items():
                if name in null and column.dtype.kind != "f":
                    table[name] = MaskedColumn(column, mask=column == null[name])
                else:
                    table[name] = Column(column)
                if units.get(name):
                    table[name].unit = Unit(units[name], parse_strict="silent")
        return available, table
    return available, _columns(table)


def _read_text(format_: str):
    def read(path: Path, names: Sequence[str] | None) -> tuple[list[str], dict]:
        table = Table.read(path, format=format_)
        return list(table.colnames), _columns(table, names)

    return read


def _read_votable(path: Path, names: Sequence[str] | None) -> tuple[list[str], dict]:
    table = parse_single_table(path).to_table(use_names_over_ids=True)
    return list(table.colnames), _columns(table, names)


def _read_parquet(path: Path, names: Sequence[str] | None) -> tuple[list[str], dict]:
    available = list(pyarrow.parquet.read_schema(path).names)
    wanted = [n for n in (available if names is None else names) if n in available]
    frame = pyarrow.parquet.read_table(path, columns=wanted)
    return available, {name: _from_arrow(frame[name], frame.field(name)) for name in wanted}


def _from_arrow(chunks: pyarrow.ChunkedArray, field: pyarrow.Field) -> Column:
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
    if data.dtype == object:
        data = np.array(["" if value is None else value for value in data], dtype=str)
    notes = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    about = {"description": notes.get("description")}
    if notes.get("unit"):
        about["unit"] = Unit(notes["unit"], parse_strict="silent")
    data, missing = data.reshape(shape), missing.reshape(shape)
    if missing.any():
        return MaskedColumn(data, mask=missing, **about)
    return Column(data, **about)


def _read_hdf5(path: Path, names: Sequence[str] | None) -> tuple[list[str], dict]:
    with h5py.File(path, "r") as file:
        found: dict[str, tuple[h5py.Dataset, str | None]] = {}

        def collect(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset) and len(item.shape) == 1:
                if item.dtype.names:
                    found.update({f"{name}/{field}": (item, field) for field in item.dtype.names})
                else:
                    found[name] = (item, None)

        file.visititems(collect)
        lengths = Counter(len(item) for item, _ in found.values())
        if len(lengths) != 1:
            raise InputError(
                f"{path}: expected one-dimensional datasets of one length, found lengths "
                f"{sorted(lengths) or 'none'}.\nKeep one table in the file, or convert it to FITS."
            )
        leaves = Counter(name.rsplit("/", 1)[-1] for name in found)
        loose = sorted({item.name for item, _ in found.values() if _is_loose(item.dtype)})
        if loose:
            _try_text(path, loose)
        short = {name: name.rsplit("/", 1)[-1] for name in found}
        short = {name: leaf if leaves[leaf] == 1 else name for name, leaf in short.items()}
        # A path is accepted too where the short name would do.
        wanted = {short[name]: name for name in found} if names is None else {
            n: name for n in names for name in found if n in (name, short[name])}  # fmt: skip
        columns = {}
        for column, name in wanted.items():
            item, field = found[name]
            values = item[:] if field is None else item[field]
            if values.dtype.kind == "O":
                values = np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values])
            columns[column] = Column(values)
        return list(short.values()), columns


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
    # What can be said of a mistake is said when the file is read in earnest.
    with suppress(Exception), h5py.File(path, "r") as file:
        for name in names:
            file[name][:]


def _columns(table: Table, names: Sequence[str] | None = None) -> dict:
    return {name: table[name] for name in table.colnames if names is None or name in names}


_READERS = {
    "fits": _read_fits,
    "csv": _read_text("ascii.csv"),
    "ecsv": _read_text("ascii.ecsv"),
    "votable": _read_votable,
    "parquet": _read_parquet,
    "hdf5": _read_hdf5,
}
