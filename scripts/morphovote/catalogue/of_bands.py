"""Columns of the catalogue with the parameters of every band, where they are asked for."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.table import Column

from morphovote.catalogue.columns import COLUMNS
from morphovote.measure.in_bands import BY_BAND
from morphovote.storage import shards

GRADIENTS = {
    "SIZE_GRADIENT": (
        "arith.grad;phys.angSize",
        "Slope of log10 R_E against log10 of the wavelength, over the bands with a good fit",
    ),
    "SIZE_GRADIENT_ERR": (
        "stat.error;phys.angSize",
        "Error (1 sigma) of SIZE_GRADIENT by the errors of the fits alone",
    ),
}


def arrays_by_band(names: Sequence[str]) -> list[str]:
    """Arrays that `measure_bands` writes for bands of these names, `row` first."""
    keys = [f"{name}_{number}" for number in range(len(names)) for name in BY_BAND]
    return ["row", *keys, *map(str.lower, GRADIENTS)]


def read_band_names(path: str | Path) -> list[str]:
    """Names of the bands of a shard that `measure_bands` wrote."""
    return json.loads(shards.read_attributes(path)["bands"])


def columns_by_band(
    names: Sequence[str], arrays: Mapping[str, np.ndarray], count: int
) -> list[Column]:
    """Columns such as GINI_F115W, for all bands, and the gradient of the size.

    Parameters
    ----------
    names : sequence of str
        Of the bands.
    arrays : mapping of ndarray
        Those of `arrays_by_band`.
    count : int
        Number of sources, from which `row` counts.

    Returns
    -------
    list of Column
        Of length `count`, with unit, description and UCD; NaN, or -1 for MEASURE_FLAG, where not
        measured.
    """
    base = {column.name.lower(): column for column in COLUMNS}
    found = []
    for number, band in enumerate(names):
        for name in BY_BAND:
            column = base[name]
            values = np.full(count, column.missing, dtype=column.dtype)
            values[arrays["row"]] = arrays[f"{name}_{number}"]
            found.append(
                Column(
                    values,
                    name=f"{column.name}_{band}",
                    unit=column.unit or None,
                    description=f"In {band}: {column.description}",
                    meta={"ucd": column.ucd},
                )
            )
    for name, (ucd, description) in GRADIENTS.items():
        values = np.full(count, np.nan, dtype=np.float32)
        values[arrays["row"]] = arrays[name.lower()]
        found.append(Column(values, name=name, description=description, meta={"ucd": ucd}))
    return found
