"""The catalogue: join the results of all stages with the source catalogue."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.table import Column, Table

from morphovote.catalogue.columns import BAND_COLUMNS, COLUMNS, probability_column
from morphovote.catalogue.writers import try_column
from morphovote.classify.classes import CLASSES, order_names
from morphovote.cosmology import kpc_per_arcsec
from morphovote.errors import InputError
from morphovote.fields.catalogues import read_table
from morphovote.flags import FAR_FROM_ANCHORS, NO_DATA, NOT_SELECTED, OUTLIER
from morphovote.logs import log
from morphovote.measure.calibration import Calibration, apply_calibration, read_calibration
from morphovote.storage import shards

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

    Parameters
    ----------
    sources : Table
        The source list: ROW, ID, RA, DEC (deg), SELECTED, REDSHIFT; with several bands
        `columns.BAND_COLUMNS`.
    source_catalogue : Table or None
        From `read_source_columns`, in the same order; None if there was none.
    cutouts : mapping of ndarray
        `row`, `flags`, `snr` of the selected sources, in any order.
    votes : mapping of ndarray
        `row`, `group`, `vote_fraction`, `vote_confidence`, `group_second`, `kept`, `outlier`.
    classes : mapping of ndarray
        `row`, `class`, `class_prob`, `class_second`, `class_origin`, `class_reason`, `recoverable`,
        `far`; `p_<CLASS>` for each class.
    measurements : mapping of ndarray
        `row`, `flags`, `measure_flag` and the parameters.
    neighbours : mapping of ndarray
        `row`, `strangeness`.
    corrections : mapping of ndarray
        `row`, and the corrected parameters with their errors.
    more : sequence of Column
        Further columns, from `of_bands.read_band_columns`.

    Returns
    -------
    Table
        `columns.COLUMNS` in that order, the probabilities of the user's own classes, the band,
        then every column of `source_catalogue`. A column whose
        name is already taken, regardless of case, gets the prefix `SOURCE_`. Each column has its
        `unit`, `description` and `meta["ucd"]`, if any.

    Raises
    ------
    InputError
        If a stage lacks a selected source, or the source catalogue has changed since.
    """
    count = len(sources)
    if source_catalogue is not None and len(source_catalogue) != count:
        raise InputError(
            f"the source catalogue has {len(source_catalogue)} rows, the source list {count}.\n"
            "The catalogue has changed since: run the workflow again from `list_sources`."
        )
    selected = np.asarray(sources["SELECTED"], dtype=bool)
    values = {name: sources[name] for name in ("ID", "RA", "DEC")}
    stages = {
        "cutouts": cutouts, "votes": votes, "classes": classes, "measurements": measurements,
        "neighbours": neighbours, "corrections": corrections,
    }  # fmt: skip
    for stage, arrays in stages.items():
        _check_rows(stage, arrays["row"], selected)
    for column in COLUMNS:
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
    for column in (*COLUMNS, *own, *bands):
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


def _check_rows(stage: str, rows: np.ndarray, selected: np.ndarray) -> None:
    found = np.zeros(len(selected), dtype=bool)
    inside = (rows >= 0) & (rows < len(selected))
    found[rows[inside]] = True
    if not inside.all() or len(np.unique(rows)) != len(rows) or (found != selected).any():
        raise InputError(
            f"{stage}: expected each of the {selected.sum()} selected sources once, found "
            f"{(found & selected).sum()} of them in {len(rows)} rows.\n"
            "These files come from an older run: delete them and run the workflow again."
        )


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


def read_source_columns(path: str | Path, notes: list[str] | None = None) -> Table:
    """Read a source catalogue: the columns that all formats of the catalogue can hold.

    The first job calls this too, so that what is left out is known before the hours of the others.

    Parameters
    ----------
    path : str or Path
    notes : list of str, optional
        Gets a sentence on each column that is left out; if left out itself, they are logged.
    """
    told: list[str] = []
    table, carried = read_table(path, notes=told), Table()
    for name in table.colnames:
        try:
            try_column(table[name])
        except MemoryError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            told.append(f"{path}: column '{name}' is left out, it cannot be written ({reason})")
            continue
        carried[name] = table[name]
    if notes is None:
        for note in told:
            log.warning("%s", note)
    else:
        notes += told
    return carried


def read_stages(
    cutouts: Sequence[str | Path],
    votes: str | Path,
    classes: str | Path,
    measurements: Sequence[str | Path],
    neighbours: str | Path,
    calibration: str | Path,
) -> dict[str, dict[str, np.ndarray]]:
    """Read the arrays of every stage for `build_catalogue`; the keys are its parameters.

    The errors of the measurements are calibrated.
    """
    found = {
        "cutouts": shards.concatenate(cutouts, ["row", "flags", *_arrays("cutouts")]),
        "votes": shards.read_shard(votes, ["row", "outlier", *_arrays("votes")]),
        "classes": shards.read_shard(classes),
        "measurements": shards.concatenate(
            measurements, ["row", "flags", "psf_radius", *_arrays("measurements")]
        ),
        "neighbours": shards.read_shard(neighbours, ["row", *_arrays("neighbours")]),
    }
    known = read_calibration(calibration)
    about = shards.read_attributes(measurements[0]) if len(measurements) else {}
    own = found["measurements"].pop("psf_radius")
    # Without a PSF of its own a field has that of the model's anchors, in pixels.
    others = known.psf_radius * float(about.get("pixel_scale", 1))
    return found | _calibrated(known, found, np.where(np.isfinite(own), own, others))


def _calibrated(
    known: Calibration, found: Mapping[str, Mapping[str, np.ndarray]], psf_radius: np.ndarray
) -> dict[str, dict[str, np.ndarray]]:
    """Measurements with calibrated errors, and their corrections; the radii (N,) are in arcsec."""
    measured, cutouts = found["measurements"], found["cutouts"]
    rows = measured["row"]
    snr = np.full(max([-1, *rows, *cutouts["row"]]) + 1, np.nan)
    snr[cutouts["row"]] = cutouts["snr"]
    given = {"snr": snr[rows], "size": measured["r50"] / psf_radius}
    values = apply_calibration(known, {**measured, **given})
    errors = {name: values.pop(name) for name in list(values) if name in measured}
    return {"measurements": {**measured, **errors}, "corrections": {"row": rows, **values}}


def _arrays(stage: str) -> list[str]:
    """Arrays of a stage that fill columns."""
    return [column.name.lower() for column in COLUMNS if column.stage == stage]
