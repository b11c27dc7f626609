"""How well parameters are measured: bias, scatter and coverage by S/N and size, cross-validated."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.table import Table

from morphovote.logs import log
from morphovote.measure.calibration import (
    BULGES,
    CORRECTED,
    FOLDS,
    MEASURED,
    apply_calibration,
    difference,
    fit_calibration,
    save_calibration,
    usable,
)
from morphovote.storage import shards
from morphovote.storage.numbers import save_numbers

SNR_EDGES = (5.0, 10.0, 20.0, 50.0, 100.0, 200.0, np.inf)
# Half-light radius over the PSF's: all, and three bins.
SIZE_BINS = ((0.0, np.inf), (0.0, 2.0), (2.0, 4.0), (4.0, np.inf))
COLUMNS = (
    "parameter", "snr_low", "snr_high", "size_low", "size_high", "galaxies", "bias", "scatter",
    "coverage_before", "coverage", "bias_corrected", "scatter_corrected", "coverage_corrected",
)  # fmt: skip


def calibrate_file(anchors: str | Path, model: str | Path, table: str | Path) -> None:
    """Fit a calibration to measured anchors, and write it and what held-out anchors say of it.

    Parameters
    ----------
    anchors : path
        From `anchors.measuring.measure_anchors_file`.
    model, table : path
        Model file and CSV.
    """
    found, about = shards.read_shard(anchors), shards.read_attributes(anchors)
    calibration = fit_calibration(found, float(about["psf_radius"]))
    save_calibration(model, calibration)
    save_numbers(measurement_table(found, held_out(found)), table)
    given = [name for name, share in zip(CORRECTED, calibration.share, strict=True) if share.any()]
    log.info("%d anchors; corrected: %s", calibration.galaxies, ", ".join(given) or "nothing")


def held_out(found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`calibration.apply_calibration` of each anchor by a calibration without it."""
    count = len(found["snr"])
    fold = np.arange(count) % FOLDS
    # The parts of the inner cross-validation count through what is left.
    values: dict[str, np.ndarray] = {}
    for number in range(FOLDS):
        out = fold == number
        rest = {name: array[~out] for name, array in found.items()}
        part = {name: array[out] for name, array in found.items()}
        for name, array in apply_calibration(fit_calibration(rest, 1.0), part).items():
            values.setdefault(name, np.full(count, np.nan))[out] = array
    return values


def measurement_table(
    found: Mapping[str, np.ndarray], calibrated: Mapping[str, np.ndarray]
) -> Table:
    """Bias, scatter (1.48 median absolute deviations) and coverage of each parameter.

    Parameters
    ----------
    found : mapping of ndarray, shape (N,)
        Measured anchors.
    calibrated : mapping of ndarray, shape (N,)
        From `apply_calibration`.

    Returns
    -------
    Table
        `COLUMNS`: coverage is the share of the truths within one error, before and after the
        calibration, and of the corrected values. Bins without galaxies are left out.
    """
    rows = []
    for name in (*MEASURED, *([BULGES] if BULGES in found else [])):
        use, apart = usable(found, name), difference(found, name)
        for low, high in pairwise(SNR_EDGES):
            for small, large in SIZE_BINS:
                inside = use & (found["snr"] >= low) & (found["snr"] < high)
                inside &= (found["size"] >= small) & (found["size"] < large)
                if not inside.any():
                    continue
                row = [*_moments(apart[inside]), np.mean(_within(apart, found, name)[inside]),
                       np.mean(_within(apart, calibrated, name)[inside])]  # fmt: skip
                left = [np.nan] * 3
                if name in CORRECTED:
                    rest = calibrated[f"{name}_corr"] - found[f"true_{name}"]
                    good = _within(rest, calibrated, f"{name}_corr")[inside]
                    left = [*_moments(rest[inside]), np.mean(good)]
                rows.append((name, low, high, small, large, int(inside.sum()), *row, *left))
    kinds = (str, *(float,) * 4, int, *(float,) * 7)
    return Table(rows=rows or None, names=COLUMNS, dtype=kinds)


def _moments(apart: np.ndarray) -> tuple[float, float]:
    bias = float(np.median(apart))
    return bias, 1.4826 * float(np.median(np.abs(apart - bias)))


def _within(apart: np.ndarray, errors: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    return np.abs(apart) < errors[f"{name}_err"]
