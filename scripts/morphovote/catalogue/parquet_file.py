"""Write the catalogue as Parquet, a row group for each part, and read the parts back."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial as bound
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
from astropy.table import Column, MaskedColumn, Table

from morphovote import __version__
from morphovote.catalogue.extra_columns import flag_notes
from morphovote.catalogue.parts import Known, Parts, gather
from morphovote.catalogue.texts import as_utf8, describe, unit_text
from morphovote.catalogue.votable_file import header_xml
from morphovote.storage.files import replacing


def write_parquet(path: str | Path, catalogue: Table | Iterable[Table]) -> Parts:
    """Write the catalogue as Parquet, complete or not at all.

    The metadata of each field have `unit`, `ucd` and `description`; those of the file have
    `creator` and `flags`, and the header of a VOTable without rows as the IVOA's VOParquet 1.0 asks
    (`IVOA.VOTable-Parquet.content`). Missing values are null; a column of several dimensions is a
    list of fixed size, and a complex number a list of two.

    Parameters
    ----------
    path : str or Path
    catalogue : Table or iterable of Table
        Parts in order, one at least; each becomes a row group.

    Returns
    -------
    Parts
        The table, read back from the file.
    """
    known, rows = {}, 0
    writer = None
    with replacing(path) as partial:
        try:
            for part in [catalogue] if isinstance(catalogue, Table) else catalogue:
                known, rows = gather(known, part), rows + len(part)
                table = _arrow_table(part)
                if writer is None:
                    writer = pyarrow.parquet.ParquetWriter(partial, table.schema)
                writer.write_table(table, row_group_size=max(len(table), 1))
            about = {"version": "1.0", "content": header_xml(known)}
            writer.add_key_value_metadata(
                {f"IVOA.VOTable-Parquet.{key}": text for key, text in about.items()}
            )
        finally:
            if writer is not None:
                writer.close()
    return Parts(rows, known, bound(_read_parts, path, known))


def _arrow_table(part: Table) -> pyarrow.Table:
    fields, arrays = [], []
    for name in part.colnames:
        column = part[name]
        array = arrow_array(np.ma.getdata(column), np.ma.getmaskarray(column))
        notes = {
            "unit": unit_text(column, "vounit"),
            "ucd": column.meta.get("ucd", ""),
            "description": describe(column, "vounit"),
        }
        notes = {key: as_utf8(text) for key, text in notes.items() if text}
        fields.append(pyarrow.field(as_utf8(name).decode(), array.type, metadata=notes))
        arrays.append(array)
    told = {name: part[name].description for name in part.colnames}
    metadata = {"creator": f"morphovote {__version__}", "flags": "\n".join(flag_notes(told))}
    return pyarrow.table(arrays, schema=pyarrow.schema(fields, metadata=metadata))


def arrow_array(data: np.ndarray, mask: np.ndarray) -> pyarrow.Array:
    """Values and what is missing of them, shape (N, ...), as an array of N for Parquet."""
    if data.dtype.kind == "c":
        part = np.float32 if data.dtype.itemsize == 8 else np.float64
        data = np.stack([data.real, data.imag], axis=-1).astype(part)
        mask = np.stack([mask, mask], axis=-1)
    if data.dtype.kind == "U":
        texts = [as_utf8(str(text)).decode() for text in data.ravel()]
        flat = pyarrow.array(texts, type=pyarrow.string(), mask=mask.ravel())
    else:
        flat = pyarrow.array(np.ascontiguousarray(data).ravel(), mask=mask.ravel())
    for size in reversed(data.shape[1:]):
        flat = pyarrow.FixedSizeListArray.from_arrays(flat, size)
    return flat


def _read_parts(
    path: str | Path, known: dict[str, Known], names: Sequence[str] | None = None
) -> Iterator[Table]:
    wanted = list(known) if names is None else list(names)
    # By number: a name may hold dots, or letters that UTF-8 has not.
    numbers = {name: number for number, name in enumerate(known)}
    with pyarrow.parquet.ParquetFile(path) as file:
        stored = file.schema_arrow.names
        for group in range(file.num_row_groups):
            found = file.read_row_group(group, [stored[numbers[name]] for name in wanted])
            columns = [_from_arrow(found[stored[numbers[n]]], known[n].like) for n in wanted]
            yield Table(columns, names=wanted, copy=False)


def _from_arrow(chunks: pyarrow.ChunkedArray, like: Column) -> Column:
    values, size = chunks.combine_chunks(), len(chunks)
    while pyarrow.types.is_fixed_size_list(values.type):
        values = values.flatten()
    mask = values.is_null().to_numpy(zero_copy_only=False)
    kind = like.dtype.kind
    if mask.any() and kind in "Ubiu":
        values = values.fill_null({"U": "", "b": False}.get(kind, 0))
    data = values.to_numpy(zero_copy_only=False)
    if kind == "c":
        mask = mask.reshape(-1, 2)[:, 0]
        data = np.ascontiguousarray(data).view(like.dtype)
    data = data.astype(str if kind == "U" else like.dtype, copy=False)
    data, mask = (array.reshape((size, *like.shape[1:])) for array in (data, mask))
    about = {"unit": like.unit, "description": like.description, "meta": like.meta}
    return MaskedColumn(data, mask=mask, **about) if mask.any() else Column(data, **about)
