"""The catalogue: join the results of all stages with the source catalogue."""

from collections.abc import Mapping, Sequence

import numpy as np
from astropy.table import Column, Table

from morphovote.catalogue.columns import COLUMNS, probability_column
from morphovote.catalogue.extra_columns import BAND_COLUMNS, BULGE_DISC_COLUMNS
from morphovote.classify.classes import CLASSES, order_names
from morphovote.cosmology import kpc_per_arcsec
from morphovote.flags import FAR_FROM_ANCHORS, NO_DATA, NOT_SELECTED, OUTLIER

PREFIX = "SOURCE_"


def build_catalogue(
    sources: Table,
    source_catalogue: Table | None,
    cutouts: Mapping[str, np.ndarray],
    votes: Mapping[str, np.ndarray],
    classes: Mapping[str, np.ndarray],
    measurements: Mapping[str, np.ndarray],
    neighbours: Mapping[str, np.ndarray],
    corrections: Mapping[str, np.ndarray],
    more: Sequence[Column] = (),
) -> Table:
    """Join the results of all stages, one row per source, in the order of the source catalogue.

    `row` counts from the first of these sources, so that a part of a catalogue is joined like a
    whole.

    Parameters
    ----------
    sources : Table
        The source list: ROW, ID, RA, DEC (deg), SELECTED, REDSHIFT; with several bands
        `extra_columns.BAND_COLUMNS`.
    source_catalogue : Table or None
        From `source_parts`, in the same order; None if there was none.
    cutouts : mapping of ndarray
        `row`, `flags`, `snr` of the selected sources, in any order.
    votes : mapping of ndarray
        `row`, `group`, `vote_fraction`, `vote_confidence`, `group_second`, `kept`, `outlier`.
    classes : mapping of ndarray
        `row`, `class`, `class_prob`, `class_second`, `class_origin`, `class_reason`, `recoverable`,
        `far`; `p_<CLASS>` for each class.
    measurements : mapping of ndarray
        `row`, `flags`, `measure_flag` and the parameters; where they were asked for, those of
        bulge and disc.
    neighbours : mapping of ndarray
        `row`, `strangeness`.
    corrections : mapping of ndarray
        `row`, and the corrected parameters with their errors.
    more : sequence of Column
        Further columns, from `of_bands.columns_by_band`.

    Returns
    -------
    Table
        `columns.COLUMNS` in that order, `BULGE_DISC_COLUMNS` where they were asked for, the
        probabilities of the user's own classes, the band, `more`, then every column of
        `source_catalogue`. A column whose name is already taken, regardless of case, gets the
        prefix `SOURCE_`. Each column has its `unit`, `description` and `meta["ucd"]`, if any.
    """
    count = len(sources)
    selected = np.asarray(sources["SELECTED"], dtype=bool)
    values = {name: sources[name] for name in ("ID", "RA", "DEC")}
    stages = {
        "cutouts": cutouts, "votes": votes, "classes": classes, "measurements": measurements,
        "neighbours": neighbours, "corrections": corrections,
    }  # fmt: skip
    bulges = BULGE_DISC_COLUMNS if "bulge_disc_flag" in measurements else ()
    for column in (*COLUMNS, *bulges):
        if column.stage:
            arrays = stages[column.stage]
            array = arrays[column.name.lower()]
            values[column.name] = _place(array, arrays["row"], count, column)
    chances = {name[2:]: array for name, array in classes.items() if name.startswith("p_")}
    own = [probability_column(name) for name in order_names(chances) if name not in CLASSES]
    for name, array in chances.items():
        column = probability_column(name)
        values[column.name] = _place(array, classes["row"], count, column)
    values["R_E_KPC"] = values["R_E"] * kpc_per_arcsec(sources["REDSHIFT"])
    flag = np.where(selected, 0, NOT_SELECTED).astype(np.int32)
    flag[cutouts["row"]] |= cutouts["flags"].astype(np.int32)
    values["SNR"] = np.where(flag & NO_DATA, np.nan, values["SNR"])
    flag[measurements["row"]] |= measurements["flags"].astype(np.int32)
    flag[votes["row"]] |= np.where(votes["outlier"], OUTLIER, 0).astype(np.int32)
    flag[classes["row"]] |= np.where(classes["far"], FAR_FROM_ANCHORS, 0).astype(np.int32)
    values["FLAGS"] = flag
    catalogue = Table()
    bands = BAND_COLUMNS if "BAND" in sources.colnames else ()
    values |= {column.name: sources[column.name] for column in bands}
    for column in (*COLUMNS, *bulges, *own, *bands):
        data = values[column.name]
        if column.dtype and column.dtype != "U":
            data = np.asarray(data).astype(column.dtype)
        catalogue[column.name] = Column(
            np.ma.getdata(data),
            unit=column.unit or None,
            description=column.description,
            meta={"ucd": column.ucd},
        )
    for column in more:
        catalogue.add_column(column, name=column.name)
    if source_catalogue is not None:
        append_source_columns(catalogue, source_catalogue)
    return catalogue


def _place(array: np.ndarray, rows: np.ndarray, count: int, column) -> np.ndarray:
    if column.dtype == "U":
        placed = np.full(count, column.missing, dtype=object)
        placed[rows] = array
        return placed.astype(str) if count else np.zeros(0, dtype="U1")
    placed = np.full(count, column.missing, dtype=column.dtype)
    placed[rows] = array
    return placed


def append_source_columns(catalogue: Table, source_catalogue: Table) -> None:
    """Add every column of the source catalogue to the catalogue, in place and in order.

    Values, masks, units and descriptions stay as they are.
    """
    taken = {name.lower() for name in catalogue.colnames}
    for number, name in enumerate(source_catalogue.colnames, start=1):
        column = source_catalogue[name]
        new = name.strip() or f"{PREFIX}{number}"
        while new.lower() in taken:
            new = PREFIX + new
        taken.add(new.lower())
        catalogue.add_column(column, name=new)
        if new != name:
            note = f"Column '{name}' of the source catalogue"
            about = f"{note}: {column.description}" if column.description else note
            catalogue[new].description = about
