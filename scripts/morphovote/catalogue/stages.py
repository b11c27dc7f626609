"""The results of all stages and the source catalogue, joined part by part.

Only some rows of each file are in memory at once, so that the size of a survey does not matter.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.table import Column, Table

from morphovote.catalogue import of_bands
from morphovote.catalogue.columns import COLUMNS
from morphovote.catalogue.extra_columns import BULGE_DISC_COLUMNS
from morphovote.catalogue.join import build_catalogue
from morphovote.catalogue.parts import ROWS
from morphovote.catalogue.reading import read_columns
from morphovote.catalogue.source_columns import source_parts
from morphovote.errors import InputError
from morphovote.fields.sources import iterate_sources
from morphovote.flags import NOT_RECOVERABLE
from morphovote.logs import log
from morphovote.measure.calibration import (
    Calibration,
    apply_calibration,
    bulge_recoverable,
    read_calibration,
)
from morphovote.storage import rows, shards

# What `join.build_catalogue` needs of the source list, and of a stage beside `row` and columns.
LISTED = ("ID", "RA", "DEC", "SELECTED", "REDSHIFT")
BESIDES = {
    "cutouts": ["flags"],
    "votes": ["outlier"],
    "classes": ["far"],
    "measurements": ["flags", "psf_radius"],
    "neighbours": [],
}


def catalogue_parts(
    sources: str | Path,
    catalogue: str | Path | None,
    stages: Mapping[str, Sequence[str | Path]],
    calibration: str | Path,
    size: int = ROWS,
    bands: Sequence[str | Path] = (),
) -> Iterator[Table]:
    """Yield the catalogue of a field `size` rows at a time, in the order of the source catalogue.

    Parameters
    ----------
    sources : path
        The source list.
    catalogue : path or None
        The source catalogue, if there was one.
    stages : mapping of sequence of path
        Files of each stage of `BESIDES`, in the order of their rows.
    calibration : path
        By which errors are calibrated and values corrected, of the model.
    size : int
    bands : sequence of path
        Measurements in every band, in the order of their rows, where they were asked for.

    Raises
    ------
    InputError
        If a stage lacks a selected source, or the source catalogue has changed since.
    """
    selected = np.asarray(read_columns(sources, ["SELECTED"], "SOURCES")["SELECTED"], bool)
    for stage, paths in stages.items():
        rows.check_order(stage, paths, selected)
    known = read_calibration(calibration)
    about = shards.read_attributes(stages["measurements"][0])
    # Without a PSF of its own a field has that of the model's anchors, in pixels.
    radius = known.psf_radius * float(about.get("pixel_scale", 1))
    mode = str(about.get("bulge_disc", "none"))
    total = len(selected)
    listed = iterate_sources(sources, LISTED, size)
    own = _own_parts(catalogue, size, total)
    read = [rows.in_parts(paths, _arrays(stage, paths[0]), size, total)
            for stage, paths in stages.items()]  # fmt: skip
    by_band = _band_parts(bands, selected, size)
    for part, source_columns, more, *arrays in zip(listed, own, by_band, *read, strict=True):
        found = dict(zip(stages, arrays, strict=True))
        stage_arrays = calibrated(known, found, radius, mode)
        yield build_catalogue(part, source_columns, **stage_arrays, more=more)


def _band_parts(
    paths: Sequence[str | Path], selected: np.ndarray, size: int
) -> Iterator[list[Column]]:
    """Columns of every band, part by part; none without such measurements."""
    total = len(selected)
    if not len(paths):
        yield from [[]] * max(-(-total // size), 1)
        return
    rows.check_order("bands", paths, selected)
    names = of_bands.read_band_names(paths[0])
    parts = rows.in_parts(paths, of_bands.arrays_by_band(names), size, total)
    for start, arrays in zip(range(0, max(total, 1), size), parts, strict=True):
        yield of_bands.columns_by_band(names, arrays, min(size, total - start))


def _own_parts(path: str | Path | None, size: int, total: int) -> Iterator[Table | None]:
    """Parts of the source catalogue, as many and as long as those of the source list."""
    if path is None:
        yield from [None] * max(-(-total // size), 1)
        return
    notes, count, parts = [], 0, 0
    for part in source_parts(path, size, notes):
        for note in notes if parts == 0 else []:
            log.warning("%s", note)
        count, parts = count + len(part), parts + 1
        if count <= total and (len(part) == size or count == total):
            yield part
    if count != total:
        raise InputError(
            f"the source catalogue has {count} rows, the source list {total}.\n"
            "The catalogue has changed since: run the workflow again from `list_sources`."
        )


def _arrays(stage: str, path: str | Path) -> list[str]:
    """Arrays of a stage that fill columns, or are needed to."""
    named = [column.name.lower() for column in COLUMNS if column.stage == stage]
    if stage == "measurements" and shards.read_attributes(path).get("bulge_disc", "none") != "none":
        named += [column.name.lower() for column in BULGE_DISC_COLUMNS]
    if stage == "classes":
        # Classes of the user's own have a column each.
        named += [name for name in shards.array_names(path) if name.startswith("p_")]
    return ["row", *BESIDES[stage], *named]


def calibrated(
    known: Calibration,
    found: Mapping[str, Mapping[str, np.ndarray]],
    psf_radius: float,
    bulge_disc: str = "none",
) -> dict[str, dict[str, np.ndarray]]:
    """The stages with calibrated errors, and the corrections, for `build_catalogue`.

    Parameters
    ----------
    known : Calibration
    found : mapping of mapping of ndarray
        Cutouts and measurements of the same galaxies in one order, and the other stages.
    psf_radius : float
        Arcsec, for galaxies whose image has no PSF.
    bulge_disc : {'none', 'auto', 'all'}
        With `auto`, bulge and disc are left out where the calibration does not let them be told.
    """
    measured = dict(found["measurements"])
    own = measured.pop("psf_radius")
    radius = np.where(np.isfinite(own), own, psf_radius)
    given = {"snr": found["cutouts"]["snr"], "size": measured["r50"] / radius}
    values = apply_calibration(known, {**measured, **given})
    errors = {name: values.pop(name) for name in list(values) if name in measured}
    if bulge_disc == "auto":
        told = bulge_recoverable(known, given["snr"], given["size"])
        errors |= _left_out({**measured, **errors}, ~told)
    corrections = {"row": measured["row"], **values}
    return {**found, "measurements": {**measured, **errors}, "corrections": corrections}


def _left_out(measured: Mapping[str, np.ndarray], out: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays of bulge and disc without the rows (N,) for which too little is known."""
    flag = measured["bulge_disc_flag"]
    found = {"bulge_disc_flag": np.where(out & (flag >= 0), NOT_RECOVERABLE, flag)}
    for column in BULGE_DISC_COLUMNS[:-1]:
        name = column.name.lower()
        found[name] = np.where(out, np.nan, measured[name])
    return found
