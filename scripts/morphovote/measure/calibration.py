"""Calibrate errors and correct parameters, by simulated galaxies in the field's own images.

Of each the seen values, their errors and the truth are known (`anchors.measuring`). By S/N and
size, errors are scaled so that 68 % of the truths lie within one; and what C, Gini, M20 and A lose
to the noise is given back, where galaxies that a correction was not learnt on come out better.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from morphovote.errors import InputError
from morphovote.flags import BAD, FAILED, NO_SERSIC, SERSIC_SUSPECT, bulge_told
from morphovote.measure.sersic_errors import UNKNOWN_ANGLE
from morphovote.storage.model_files import read_model, write_model
from morphovote.storage.shards import remedy

KIND = "measurement"
PIXELS = ("gini", "m20", "concentration", "asymmetry", "smoothness")
SERSIC = ("sersic_n", "r_e", "axis_ratio", "position_angle", "mag_sersic")
MEASURED = (*PIXELS, *SERSIC)
# Where it was asked for.
BULGES = "bulge_fraction"
CORRECTED = ("gini", "m20", "concentration", "asymmetry")
# The radius that, over the PSF's, tells how well a galaxy is resolved.
SIZED = "r50"
# Where scales and shares are kept: nodes of S/N and of size in PSFs.
SNRS = np.array([7.0, 12.0, 20.0, 35.0, 60.0, 100.0, 200.0, 400.0, 800.0])
SIZES = np.array([1.2, 2.0, 3.5, 6.0])
# Width of the window about a node (natural logarithm).
WINDOW = (0.3, 0.5)
# Galaxies of which a scale is pulled half-way; fewest from which a correction is learnt.
PRIOR, FEWEST = 8.0, 15
# Standard errors by which a bias has to differ from 0 to be corrected.
SURE = 2.0
# Share of the truths within one error; limits of a scale.
WITHIN, LIMITS = 0.683, (0.3, 30.0)
# Parts for cross-validation; penalty of a coefficient, in galaxies; rounds of the robust fit.
FOLDS, RIDGE, ROUNDS = 5, 3.0, 8
TERMS = 10
# B/T counts as known within this. Without anchors it is from this S/N and half-light radius over
# the PSF's; with few, the share of those that are known is pulled to these, inside and outside.
KNOWN, RULE_SNR, RULE_SIZE, LIKELY = 0.1, 100.0, 2.0, (0.75, 0.6)


class Calibration(NamedTuple):
    """What anchors tell of the measurements, without infinite or missing numbers."""

    # (parameters, S/N, sizes), order of `NAMES`.
    scale: np.ndarray
    # (corrected, TERMS), and where they hold: (corrected, S/N, sizes), from 0 to 1.
    coefficient: np.ndarray
    share: np.ndarray
    # Median and scatter of the logarithms of S/N and size and of the value (corrected, 3).
    middle: np.ndarray
    width: np.ndarray
    # Radius of the PSF (px) of the field that it is from, and how many anchors there are.
    psf_radius: float
    galaxies: int
    # Where anchors were fitted with bulge and disc, (S/N, sizes): factor of the error of B/T, and
    # how often it is known to `KNOWN`.
    bulge_scale: np.ndarray | None = None
    bulge_share: np.ndarray | None = None


# Whose errors are scaled: the corrected values have errors of their own.
NAMES = (*MEASURED, *(f"{name}_corr" for name in CORRECTED))


def usable(table: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Which anchors (N,) tell something of a parameter."""
    if name == BULGES:
        fine = bulge_told(table["bulge_disc_flag"])
    else:
        fine = np.ones(len(table["snr"]), bool)
    bad = BAD | FAILED | ((NO_SERSIC | SERSIC_SUSPECT) if name in (*SERSIC, BULGES) else 0)
    flags = table["measure_flag"].astype(int) | table["true_flag"].astype(int)
    values = [table[key] for key in (name, f"true_{name}", f"{name}_err", "snr", "size")]
    positive = (table[f"{name}_err"] > 0) & (table["snr"] > 0) & (table["size"] > 0)
    return fine & ((flags & bad) == 0) & np.isfinite(values).all(axis=0) & positive


def difference(table: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Seen less true value (N,); an angle (deg) within half a turn."""
    apart = table[name] - table[f"true_{name}"]
    return (apart + 90) % 180 - 90 if name == "position_angle" else apart


def nothing_known(psf_radius: float) -> Calibration:
    """A calibration that changes nothing."""
    grid = (len(SNRS), len(SIZES))
    shape = (len(CORRECTED), 3)
    return Calibration(
        np.ones((len(NAMES), *grid)), np.zeros((len(CORRECTED), TERMS)),
        np.zeros((len(CORRECTED), *grid)), np.zeros(shape), np.ones(shape), psf_radius, 0,
    )  # fmt: skip


def fit_calibration(table: Mapping[str, np.ndarray], psf_radius: float) -> Calibration:
    """Fit scales and corrections to measured anchors.

    Parameters
    ----------
    table : mapping of ndarray, shape (N,)
        From `anchors.measuring.measure_anchors_file`.
    psf_radius : float
        Px.
    """
    found = nothing_known(psf_radius)._replace(galaxies=len(table["snr"]))
    for number, name in enumerate(CORRECTED):
        use = usable(table, name)
        if use.sum() < FEWEST:
            continue
        place, value = _place(table, use), table[name][use]
        lost = -difference(table, name)[use]
        given = np.zeros(len(lost))
        for fold in range(FOLDS):
            out = np.arange(len(lost)) % FOLDS == fold
            fit = _fit_loss(place[~out], value[~out], lost[~out])
            given[out] = _loss(place[out], value[out], *fit)
        fit = _fit_loss(place, value, lost)
        for array, part in zip((found.coefficient, found.middle, found.width), fit, strict=True):
            array[number] = part
        found.share[number] = _shares(place, lost, given)
        # Errors of the corrected values are judged on galaxies that taught no correction.
        left = given * _between(found.share[number], place) - lost
        row = NAMES.index(f"{name}_corr")
        found.scale[row] = _scales(place, np.abs(left) / table[f"{name}_err"][use])
    for number, name in enumerate(MEASURED):
        use = usable(table, name)
        ratio = np.abs(difference(table, name)[use]) / table[f"{name}_err"][use]
        found.scale[number] = _scales(_place(table, use), ratio)
    use = usable(table, BULGES) if BULGES in table else np.zeros(0, bool)
    if not use.any():
        return found
    apart = np.abs(difference(table, BULGES)[use])
    place = _place(table, use)
    return found._replace(
        bulge_scale=_scales(place, apart / table[f"{BULGES}_err"][use]),
        bulge_share=_known_shares(place, apart),
    )


def _known_shares(place: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Share of the galaxies at the nodes (S/N, sizes) of which B/T is known to `KNOWN`.

    Few anchors leave it on the side of `WITHIN` on which `bulge_rule` has it.
    """
    likely = np.where(bulge_rule(SNRS[:, None], SIZES[None]), *LIKELY)
    share = np.array(likely, float)
    for node, weights in _at_nodes(place):
        good = float(weights[apart < KNOWN].sum())
        share[node] = (good + PRIOR * likely[node]) / (weights.sum() + PRIOR)
    return share


def bulge_rule(snr: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Whether B/T of galaxies (N,) can be recovered, where no anchors tell; size in PSFs."""
    with np.errstate(invalid="ignore"):
        return (snr >= RULE_SNR) & (size >= RULE_SIZE)


def bulge_recoverable(calibration: Calibration, snr: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Of which galaxies (N,) B/T is known to `KNOWN` as often as `WITHIN`.

    By the anchors that were measured in the field, or in that of its frozen model; by `bulge_rule`
    where there are none.
    """
    if calibration.bulge_share is None:
        return bulge_rule(snr, size)
    known = (snr > 0) & (size > 0)
    place = np.log(np.where(known, [snr, size], 1.0)).T
    return known & (_between(calibration.bulge_share, place) >= WITHIN)


def apply_calibration(
    calibration: Calibration, table: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Calibrated errors, and corrected values with theirs.

    Parameters
    ----------
    calibration : Calibration
    table : mapping of ndarray, shape (N,)
        snr, size, and `MEASURED` with their errors.

    Returns
    -------
    dict of ndarray
        <name>_err for `MEASURED`, and bulge_fraction_err where there is one; <name>_corr and
        <name>_corr_err for `CORRECTED`. A galaxy
        without a known size keeps its errors and values.
    """
    known = np.isfinite(table["snr"]) & np.isfinite(table["size"])
    known &= (table["snr"] > 0) & (table["size"] > 0)
    place = np.zeros((len(known), 2))
    place[known] = _place(table, known)
    scales = {
        name: np.where(known, _between(calibration.scale[number], place), 1.0)
        for number, name in enumerate(NAMES)
    }
    found = {f"{name}_err": table[f"{name}_err"] * scales[name] for name in MEASURED}
    if BULGES in table and calibration.bulge_scale is not None:
        scale = np.where(known, _between(calibration.bulge_scale, place), 1.0)
        found[f"{BULGES}_err"] = table[f"{BULGES}_err"] * scale
    unknown = np.degrees(UNKNOWN_ANGLE)
    found["position_angle_err"] = np.minimum(found["position_angle_err"], unknown)
    for number, name in enumerate(CORRECTED):
        fit = (part[number] for part in calibration[1:2] + calibration[3:5])
        share = np.where(known, _between(calibration.share[number], place), 0.0)
        value = np.where(np.isfinite(table[name]), table[name], 0.0)
        given = share * _loss(place, value, *fit)
        found[f"{name}_corr"] = table[name] + given
        found[f"{name}_corr_err"] = table[f"{name}_err"] * scales[f"{name}_corr"]
    return found


def _place(table: Mapping[str, np.ndarray], use: np.ndarray) -> np.ndarray:
    """Logarithms of S/N and size (N, 2)."""
    both = np.column_stack([table["snr"][use], table["size"][use]]).astype(float)
    return np.log(both)


def _terms(place: np.ndarray, value: np.ndarray, middle: np.ndarray, width: np.ndarray):
    """Terms of the loss (N, TERMS): quadratic, and constant outside what it was learnt on."""
    both = np.column_stack([place, value])
    s, r, v = np.clip((both - middle) / width, -2, 2).T
    return np.column_stack([np.ones(len(s)), s, r, v, s * s, r * r, v * v, s * r, s * v, r * v])


def _fit_loss(place: np.ndarray, value: np.ndarray, lost: np.ndarray) -> tuple:
    """Coefficients, middle and width of the loss: robust, and the smaller the less is known."""
    both = np.column_stack([place, value])
    middle = np.median(both, axis=0)
    width = np.maximum(1.4826 * np.median(np.abs(both - middle), axis=0), 1e-3)
    terms, weight = _terms(place, value, middle, width), np.ones(len(lost))
    coefficient = np.zeros(TERMS)
    for _ in range(ROUNDS):
        normal = (terms * weight[:, None]).T @ terms + RIDGE * np.eye(TERMS)
        coefficient = np.linalg.solve(normal, (terms * weight[:, None]).T @ lost)
        left = np.abs(lost - terms @ coefficient)
        # Least absolute deviations, nearly: the correction is of medians.
        weight = 1 / np.maximum(left / max(np.median(left), 1e-9), 0.3)
    return coefficient, middle, width


def _loss(place, value, coefficient, middle, width) -> np.ndarray:
    return _terms(place, value, middle, width) @ coefficient


def _windows(place: np.ndarray) -> np.ndarray:
    """Weight of each galaxy at each node: (S/N, sizes, N)."""
    s = (place[:, 0] - np.log(SNRS)[:, None]) / WINDOW[0]
    r = (place[:, 1] - np.log(SIZES)[:, None]) / WINDOW[1]
    return np.exp(-0.5 * (s[:, None] ** 2 + r[None] ** 2))


def _quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    order = np.argsort(values)
    sums = np.cumsum(weights[order])
    at = np.searchsorted(sums, share * sums[-1])
    return float(values[order][min(at, len(values) - 1)])


def _scales(place: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """Factors of the errors at the nodes, from |seen - true| / error.

    Few anchors in a window move it little from that of all sizes, and few of this S/N that from 1.
    """
    scale = np.zeros((len(SNRS), len(SIZES)))
    if not len(ratio):
        return np.exp(scale)
    along = np.exp(-0.5 * ((place[:, 0] - np.log(SNRS)[:, None]) / WINDOW[0]) ** 2)
    for row, weights in enumerate(along):
        scale[row] = _pulled(ratio, weights, 0.0)
    for node, weights in _at_nodes(place):
        scale[node] = _pulled(ratio, weights, scale[node])
    return np.exp(scale)


def _pulled(ratio: np.ndarray, weights: np.ndarray, to: float) -> float:
    """Logarithm of a factor, pulled towards another one; half-way with `PRIOR` galaxies."""
    if weights.sum() < 1:
        return to
    found = np.log(np.clip(_quantile(ratio, weights, WITHIN), *LIMITS))
    own = _count(weights) ** 2
    return float((own * found + PRIOR**2 * to) / (own + PRIOR**2))


def _count(weights: np.ndarray) -> float:
    """How many galaxies of weight 1 are worth as much."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def _shares(place: np.ndarray, lost: np.ndarray, given: np.ndarray) -> np.ndarray:
    """1 at nodes where held-out galaxies come out better, 0 elsewhere.

    Better is a bias beyond chance that shrinks, while the median deviation does not grow.
    """
    share = np.zeros((len(SNRS), len(SIZES)))
    left = lost - given
    for node, weights in _at_nodes(place):
        if weights.sum() < FEWEST / 3:
            continue
        before, after = (_quantile(one, weights, 0.5) for one in (lost, left))
        apart, rest = (_quantile(np.abs(one), weights, 0.5) for one in (lost, left))
        # Standard error of a median, of what is normally distributed.
        chance = 1.25 * 1.4826 * _quantile(np.abs(lost - before), weights, 0.5)
        sure = abs(before) > SURE * chance / np.sqrt(_count(weights))
        share[node] = float(sure and abs(after) < abs(before) and rest <= apart)
    return share


def _at_nodes(place: np.ndarray):
    windows = _windows(place)
    return ((node, windows[node]) for node in np.ndindex(len(SNRS), len(SIZES)))


def _between(grid: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Values (N,) between nodes, linear in the logarithms; beyond the outermost as there."""
    parts = []
    for nodes, at in zip((np.log(SNRS), np.log(SIZES)), place.T, strict=True):
        at = np.interp(at, nodes, np.arange(len(nodes)))
        low = np.minimum(at.astype(int), len(nodes) - 2)
        parts.append((low, at - low))
    (i, f), (j, g) = parts
    low = grid[i, j] * (1 - g) + grid[i, j + 1] * g
    high = grid[i + 1, j] * (1 - g) + grid[i + 1, j + 1] * g
    return low * (1 - f) + high * f


def save_calibration(path: str | Path, calibration: Calibration) -> None:
    """Write a calibration into the model folder."""
    arrays = {name: part for name, part in calibration._asdict().items() if part is not None}
    about = {name: arrays.pop(name) for name in ("psf_radius", "galaxies")}
    write_model(path, KIND, arrays, about)


def read_calibration(path: str | Path) -> Calibration:
    """Read a calibration of a model.

    Raises
    ------
    InputError
        If the file is none.
    """
    arrays, about = read_model(path, KIND, Calibration._fields[:5], Calibration._fields[7:])
    expected = nothing_known(0.0)
    grid = expected.scale[0]
    expected = expected._replace(bulge_scale=grid, bulge_share=grid)
    for name, array in expected._asdict().items():
        if name in arrays and arrays[name].shape != array.shape:
            raise InputError(
                f"{path}: '{name}' has shape {arrays[name].shape}, expected {array.shape}. It was "
                f"made by another version. {remedy(path)}"
            )
    return Calibration(
        *(arrays[name] for name in Calibration._fields[:5]),
        float(about["psf_radius"]), int(about["galaxies"]),
        arrays.get("bulge_scale"), arrays.get("bulge_share"),
    )  # fmt: skip
