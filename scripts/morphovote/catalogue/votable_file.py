"""Write the catalogue as a VOTable; that of a large one points to the FITS and Parquet files."""

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.io.votable import from_table
from astropy.io.votable.converters import get_converter
from astropy.io.votable.tree import CooSys, Info, Link, VOTableFile
from astropy.table import Column, MaskedColumn, Table

from morphovote import __version__
from morphovote.catalogue.extra_columns import flag_notes
from morphovote.catalogue.parts import (
    MOST_COLUMNS,
    ROWS,
    Known,
    Parts,
    as_parts,
    descriptions,
    mark_of,
    marked,
    signed,
)
from morphovote.catalogue.texts import as_xml, describe, unit_text
from morphovote.storage.files import replacing, write_text

# Most rows that a VOTable holds itself: one part.
MOST_ROWS = ROWS
# The frame of the positions: its ID, and the columns that are in it.
FRAME, SKY = "coosys_icrs", ("RA", "DEC")
PARQUET = "application/vnd.apache.parquet"


def write_votable(path: str | Path, catalogue: Table | Parts) -> None:
    """Write the catalogue as a VOTable (1.4), complete or not at all.

    Up to `MOST_ROWS` rows are in it (BINARY2). A larger table stays in catalogue.fits beside it,
    which the VOTable names as its data, with a link to catalogue.parquet.

    Units are VOUnits. Characters not allowed in XML become U+FFFD in the header. A text column of
    several dimensions becomes JSON lists; unsigned integers become wider signed ones.
    """
    parts = as_parts(catalogue) if isinstance(catalogue, Table) else catalogue
    if parts.rows > MOST_ROWS:
        write_text(path, _pointer(parts, Path(path).stem))
        return
    (whole,) = parts.read(None)
    votable = make_votable(whole, parts.known)
    with replacing(path) as partial:
        votable.to_xml(str(partial), tabledata_format="binary2")


def header_xml(known: Mapping[str, Known]) -> str:
    """The header of a VOTable: everything but its rows."""
    empty = Table([of.like for of in known.values()], names=list(known))
    votable = make_votable(empty, known)
    for field, of in zip(votable.resources[0].tables[0].fields, known.values(), strict=True):
        if of.like.dtype.kind == "U" or of.beyond:
            field.arraysize = "*"
    return _as_text(votable)


def _pointer(parts: Parts, name: str) -> str:
    """A VOTable whose rows are in the FITS file of that name, and in the Parquet file."""
    known = dict(list(parts.known.items())[:MOST_COLUMNS])
    # Typed as in FITS: truth values with missing ones are numbers there, and texts bytes.
    empty = Table([
        marked(of.like, of) if of.missing and of.like.dtype.kind == "b" else of.like
        for of in known.values()
    ], names=list(known))  # fmt: skip
    votable = make_votable(empty, known)
    table = votable.resources[0].tables[0]
    for field, of in zip(table.fields, known.values(), strict=True):
        # As TOPCAT reads FITS: its largest unsigned numbers are texts, too.
        large = of.like.dtype == np.uint64 and not of.missing
        if of.like.dtype.kind == "U" or of.beyond or large:
            shape = [str(side) for side in reversed(of.like.shape[1:])]
            single = of.like.dtype.kind == "U" and of.width < 2
            field.datatype, field.arraysize = "char", "1" if single else "*"
            if shape:
                field.arraysize = "x".join([str(max(of.width, 1)), *shape])
    table.links.append(
        Link(content_role="doc", content_type=PARQUET, title="The same table as Parquet",
             href=f"{name}.parquet")
    )  # fmt: skip
    start = f'<TABLE nrows="{parts.rows}">'
    data = f'<DATA><FITS extnum="1"><STREAM href="{name}.fits"/></FITS></DATA>\n'
    # A text of one letter is no array.
    text = _as_text(votable).replace(' arraysize="1" datatype="char"', ' datatype="char"')
    text = text.replace("<TABLE>", start)
    return text.replace("</TABLE>", f"{data}  </TABLE>")


def _as_text(votable: VOTableFile) -> str:
    stream = io.BytesIO()
    votable.to_xml(stream)
    return stream.getvalue().decode("utf-8")


def make_votable(table: Table, known: Mapping[str, Known]) -> VOTableFile:
    """The VOTable of a table's rows, typed as all of its parts need."""
    plain, nulls = Table(), []
    for number, name in enumerate(table.colnames):
        column, null = _votable_column(table[name], known[name])
        # Set the names later: from_table turns them into XML identifiers.
        plain[f"col{number}"] = column
        nulls.append(null)
    votable = from_table(plain)
    votable.version = "1.4"
    resource = votable.resources[0]
    creator = Info(name="creator", value=f"morphovote {__version__}")
    # astropy makes an ID from the name, and a column may have the same ID.
    creator.ID = None
    resource.infos.append(creator)
    resource.description = ";\n".join(flag_notes(descriptions(known)))
    if set(SKY) <= set(table.colnames):
        resource.coordinate_systems.append(CooSys(ID=FRAME, system="ICRS"))
    fields, taken = resource.tables[0].fields, {FRAME}
    for field, name, null in zip(fields, table.colnames, nulls, strict=True):
        column = table[name]
        field.name = as_xml(name)
        # For readers that name columns by ID, as astropy does.
        identifier = re.sub(r"[^A-Za-z0-9_.-]|^(?=[0-9.-]|$)", "_", name)
        while identifier in taken:
            identifier += "_"
        taken.add(identifier)
        field.ID = identifier
        field.ref = FRAME if name in SKY and resource.coordinate_systems else None
        field.ucd = column.meta.get("ucd") or None
        field.unit = unit_text(column, "vounit") or None
        field.description = as_xml(describe(column, "vounit")) or None
        if column.ndim > 2 and field.datatype not in ("char", "unicodeChar"):
            # VOTable lists the fastest dimension first; astropy writes NumPy's order.
            field.arraysize = "x".join(map(str, reversed(column.shape[1:])))
        if null is not None:
            field.values.null = null
        if field.datatype == "bit":
            # TOPCAT does not read single bits as booleans.
            field.datatype = "boolean"
            field.converter = get_converter(field)
    return votable


def _votable_column(column: Column, known: Known) -> tuple[Column, int | None]:
    """A column in a type that VOTable has, and the number that marks missing values."""
    data, mask = np.asarray(np.ma.getdata(column)), np.ma.getmaskarray(column)
    if data.dtype.kind == "u" and data.dtype.itemsize > 1:
        # VOTable's only unsigned integer is the byte.
        data = signed(column, known)
    if data.dtype.kind == "U":
        data = np.where(mask, "", data)
        if data.ndim > 1:
            texts = [json.dumps(row.tolist(), ensure_ascii=False) for row in data]
            data = np.array(texts, dtype=str)
        # VOTable counts UTF-16 units; rare characters take two.
        width = max(
            (len(text.encode("utf-16-be", "replace")) // 2 for text in data.tolist()), default=1
        )
        return Column(data.astype(f"U{max(width, 1)}")), None
    if not known.missing:
        return Column(data), None
    if data.dtype.kind in "fc":
        return Column(np.where(mask, np.array(np.nan, data.dtype), data)), None
    if data.ndim == 1:
        return MaskedColumn(data, mask=mask), None
    # In arrays, missing numbers can only be marked by a value.
    new = marked(column, known)
    return MaskedColumn(new.filled(), mask=mask), mark_of(known)[1]
