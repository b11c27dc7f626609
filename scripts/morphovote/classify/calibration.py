"""Calibration of class probabilities: reliability, its error, and correction with classes by eye.

Agreement with the vote is not accuracy: a classifier that learns the vote's classes can agree with
it in every case although the groups themselves are mixed. How often a class is right can only be
told from galaxies whose class is known independently, such as a random sample classified by eye.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.table import Table
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit

from morphovote.compute.statistics import fraction_interval
from morphovote.storage.shards import read_shard

# Edges of the bins of a reliability curve.
EDGES = np.linspace(0, 1, 11)
# Probabilities are kept away from 0 and 1, whose log-odds are infinite.
LEAST = 1e-3
# Fewest galaxies with a class by eye for fitting offset and slope.
FEWEST_CHECKED = 20
FOLDS = 5
# Draws for the error expected by chance.
DRAWS = 200


def reliability_curve(probability: np.ndarray, right: np.ndarray) -> Table:
    """Mean probability and fraction of right classes, in bins of 0.1.

    Parameters
    ----------
    probability : ndarray, shape (N,)
        Of the class that was given.
    right : ndarray of bool, shape (N,)

    Returns
    -------
    Table
        low, high (of the bin), galaxies, probability (mean), right (share), right_low, right_high
        (95 % Wilson interval). Empty bins are left out.
    """
    names = ("low", "high", "galaxies", "probability", "right", "right_low", "right_high")
    rows = []
    place = _bins(probability)
    for i, (low, high) in enumerate(pairwise(EDGES)):
        here = place == i
        if here.any():
            found = fraction_interval(int(right[here].sum()), int(here.sum()))
            mean = float(probability[here].mean())
            rows.append((round(low, 1), round(high, 1), int(here.sum()), mean, *found))
    return Table(rows=rows, names=names) if rows else Table(names=names)


def _bins(probability: np.ndarray) -> np.ndarray:
    # The catalogue's float32 0.8 belongs to the bin that starts there.
    place = np.floor(np.asarray(probability, float) * (len(EDGES) - 1) + 1e-6).astype(int)
    return np.clip(place, 0, len(EDGES) - 2)


def calibration_error(probability: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error: mean difference of probability and fraction right over the bins.

    Bins count by their number of galaxies (Naeini et al. 2015, AAAI, eq. 1; Guo et al. 2017, eq.
    3).
    """
    if not len(probability):
        return np.nan
    place, gap = _bins(probability), np.asarray(right, float) - probability
    sums = np.bincount(place, gap, len(EDGES) - 1)
    return float(np.abs(sums).sum() / len(probability))


def chance_error(probability: np.ndarray, seed: int = 0) -> float:
    """Calibration error that exact probabilities would show in a sample of this size.

    Even if every probability is exact, the fractions scatter, and the error of a small sample is
    well above zero. Mean over `DRAWS` sets of outcomes drawn with these probabilities.
    """
    if not len(probability):
        return np.nan
    draws = np.random.default_rng(seed).random((DRAWS, len(probability))) < probability
    return float(np.mean([calibration_error(probability, draw) for draw in draws]))


def summarise_calibration(probability: np.ndarray, right: np.ndarray) -> dict:
    """Numbers of one check for summary.json.

    Returns
    -------
    dict
        galaxies, right (share), right_interval (95 % Wilson), mean_probability, error (expected
        calibration error), error_by_chance, brier, bins (rows of `reliability_curve`).
    """
    share, low, high = fraction_interval(int(np.sum(right)), len(right))
    curve = reliability_curve(probability, right)
    empty = not len(right)
    return {
        "galaxies": len(right),
        "right": share,
        "right_interval": [low, high],
        "mean_probability": np.nan if empty else float(np.mean(probability)),
        "error": calibration_error(probability, right),
        "error_by_chance": chance_error(probability),
        "brier": np.nan if empty else float(np.mean((probability - right) ** 2)),
        "bins": [dict(zip(curve.colnames, row, strict=True)) for row in curve.iterrows()],
    }


def fit_correction(probability: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Fit offset and slope that turn probabilities of a class into how often it is right.

    The log-odds become offset + slope * log-odds (Platt 1999, with his smoothed targets, so that a
    few galaxies cannot give certainty). The slope is not negative: more votes never make a class
    less probable.

    Parameters
    ----------
    probability : ndarray, shape (N,)
    right : ndarray of bool, shape (N,)

    Returns
    -------
    offset, slope : float
        0 and 1, which change nothing, if there are fewer than `FEWEST_CHECKED` galaxies.
    """
    count = len(probability)
    if count < FEWEST_CHECKED:
        return 0.0, 1.0
    odds = logit(np.clip(probability, LEAST, 1 - LEAST))
    hits = np.sum(right)
    target = np.where(right, (hits + 1) / (hits + 2), 1 / (count - hits + 2))

    def loss(parameters: np.ndarray) -> float:
        found = parameters[0] + parameters[1] * odds
        return float(-np.mean(target * log_expit(found) + (1 - target) * log_expit(-found)))

    fitted = minimize(loss, (0.0, 1.0), method="L-BFGS-B", bounds=((-10, 10), (0, 10)))
    return float(fitted.x[0]), float(fitted.x[1])


def correct(probability: np.ndarray, offset: float, slope: float) -> np.ndarray:
    """Apply the offset and slope of `fit_correction` to probabilities."""
    if (offset, slope) == (0.0, 1.0):
        return probability
    return expit(offset + slope * logit(np.clip(probability, LEAST, 1 - LEAST)))


def correct_chosen(
    probability: np.ndarray, chosen: np.ndarray, offset: float, slope: float
) -> np.ndarray:
    """Correct the probability of the chosen class, and make it the largest of its row.

    The others keep their ratios and the sum stays 1; then what exceeds the chosen class is cut to a
    common level with it.

    Parameters
    ----------
    probability : ndarray, shape (N, C)
        Rows of NaN stay so.
    chosen : ndarray of int, shape (N,)
    offset, slope : float
        Of `fit_correction`.
    """
    rows, result = np.arange(len(chosen)), probability.copy()
    before = result[rows, chosen]
    after = correct(before, offset, slope)
    if after is not before:
        result *= ((1 - after) / np.maximum(1 - before, 1e-12))[:, None]
        result[rows, chosen] = after
    others = result.copy()
    others[rows, chosen] = 0
    cut = np.nan_to_num(others.max(axis=1)) > np.nan_to_num(result[rows, chosen])
    # The level at which the cut others and the chosen class sum to 1, by bisection.
    low, high = np.zeros(cut.sum()), np.ones(cut.sum())
    for _ in range(60):
        level = (low + high) / 2
        over = np.minimum(others[cut], level[:, None]).sum(axis=1) + level > 1
        low, high = np.where(over, low, level), np.where(over, level, high)
    result[cut] = np.minimum(others[cut], low[:, None])
    result[rows[cut], chosen[cut]] = 1 - result[cut].sum(axis=1)
    return result


def cross_correct(probability: np.ndarray, right: np.ndarray, seed: int = 0) -> np.ndarray:
    """Correct each probability with a fit to the other four fifths of the galaxies."""
    fold = np.random.default_rng(seed).permutation(len(probability)) % FOLDS
    result = np.array(probability, dtype=float)
    for number in range(FOLDS):
        out = fold == number
        result[out] = correct(result[out], *fit_correction(probability[~out], right[~out]))
    return result


def read_checks(path: str | Path | list) -> dict[str, dict[str, np.ndarray]]:
    """Read the galaxies on which probabilities are checked, by kind of check.

    Parameters
    ----------
    path : str, Path, or empty list
        From `fitting.fit_classifier_file`; empty if the classifier came with a frozen model.

    Returns
    -------
    dict
        "vote", "anchors", "eye" (labels drawn at random) and "labels" (the others), if there are
        galaxies, each with probability, uncorrected and right, (N,).
    """
    if not path:
        return {}
    found = read_shard(path, ["check", "class", "label", "probability", "uncorrected"])
    checks = {}
    for kind in ("vote", "anchors", "eye", "labels"):
        rows = found["check"] == kind
        if rows.any():
            checks[kind] = {name: found[name][rows] for name in ("probability", "uncorrected")}
            checks[kind]["right"] = (found["class"] == found["label"])[rows]
    return checks


def summarise_checks(checks: dict[str, dict[str, np.ndarray]]) -> dict:
    """Numbers of all checks for summary.json: vote, anchors, eye, and eye_uncorrected."""
    numbers = {
        kind: summarise_calibration(one["probability"], one["right"])
        for kind, one in checks.items()
    }
    if "eye" in checks:
        eye = checks["eye"]
        numbers["eye_uncorrected"] = summarise_calibration(eye["uncorrected"], eye["right"])
    return numbers
