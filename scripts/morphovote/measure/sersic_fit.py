"""One Sersic profile fitted to a galaxy, by least squares with the slopes of the model."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from morphovote.measure.compiled import compiled
from morphovote.measure.sersic import SLOPES, Kernel, blurred_at, describe, draw, middle_of
from morphovote.measure.sersic_errors import fit_errors, total_light

# Allowed Sersic indices; a fit that ends near either is marked.
N_MIN, N_MAX = 0.1, 10.0
# Radii (px) that a fit may end at.
R_MIN, R_MAX = 0.05, 1000.0
# Radius (px) and axis ratio below which a fit is marked: the second is thinner than any galaxy.
R_TRUSTED = 0.3
Q_TRUSTED = 0.03
EVALUATIONS = 60
# A fit ends when the next step lowers chi2 by less than this (where it is 1 a pixel: a parameter
# then is within 0.03 of its error), or is shorter than this in every parameter.
LESS, SHORT = 1e-3, 1e-5
# Longest step: in the logarithms of r_e and n, px, shear.
LONGEST = np.array([1.0, 0.7, 5.0, 5.0, 0.4, 0.4])
# Damping (Levenberg 1944; Marquardt 1963): at first, its change, where no step helps any more.
DAMPING, LEAST, RAISED, STUCK = 1e-3, 1e-4, 0.01, 1e4
FACTOR = 10.0

# Side of the blocks of pixels that are taken as one, far from the centre.
BLOCK = 4
# None nearer than this (px, along x or y) or in what is convolved, and that much more, by which the
# centre may move before it is looked anew which these are.
FAR, MORE = 16, 4

# Values a fit is done with, in this order.
PARAMETERS = ("amplitude", "r_e", "n", "x", "y", "axis_ratio", "angle")
# Columns of the products: slopes, profile, level, data.
LIGHT, LEVEL, DATA = SLOPES, SLOPES + 1, SLOPES + 2


class Place(NamedTuple):
    """Chi2 at some values of the parameters, amplitude and level at their best there.

    `gradient` (6,) and `curvature` (6, 6) are minus half its first and half its second derivatives,
    `follows` (6,) is how much the logarithm of the amplitude falls along the parameters, and `own`
    the variance of that logarithm where the parameters are known.
    """

    chi2: float
    amplitude: float
    level: float
    gradient: np.ndarray
    curvature: np.ndarray
    follows: np.ndarray
    own: float


def fit_sersic(
    image: np.ndarray,
    rms: np.ndarray,
    valid: np.ndarray,
    start: dict[str, float],
    kernel: Kernel | None = None,
    level_noise: float | None = None,
    evaluations: int = EVALUATIONS,
    less: float = LESS,
) -> dict[str, float]:
    """Fit a Sersic profile by least squares, weighted by the noise, with the sky's level if asked.

    Amplitude and level are linear: their best values follow from the other parameters, which are
    found by Levenberg and Marquardt's method on what the two leave (Kaufman 1975, BIT 15, 49).

    Parameters
    ----------
    image, rms : ndarray
        Shape (height, width), in the same units; sky subtracted, up to `level_noise`.
    valid : ndarray of bool
        Shape (height, width). Other pixels are left out.
    start : dict
        First guess of `r_e` (px), `n`, `x`, `y` (px), `axis_ratio` and `angle` (rad).
    kernel : Kernel, optional
        From `prepare_kernel`. Without one, the profile is what the image shows, PSF and all.
    level_noise : float, optional
        Standard deviation, in units of the image, of the sky's level about zero as known before;
        infinite if nothing is known. Left out, the level is zero.
    evaluations : int
        At most so many steps.
    less : float
        The fit ends when the next step lowers chi2 by less, in units of chi2 per pixel.

    Returns
    -------
    dict of float
        `PARAMETERS` (amplitude in units of the image at r_e, lengths in px, angle in [0, pi)),
        `level` of the sky (units of the image), `chi2` per degree of freedom, `light`, all of the
        profile's (units of the image times px^2), `suspect`: 1 where the fit did not converge or
        ended at a limit, otherwise 0; and the errors that `sersic_errors.fit_errors` gives.
    """
    height, width = image.shape
    unit, data, weight, prior = in_noise_units(image, rms, valid, level_noise)
    low = np.array([np.log(R_MIN), np.log(N_MIN), -0.5, -0.5, -0.98, -0.98])
    high = np.array([np.log(R_MAX), np.log(N_MAX), width - 0.5, height - 0.5, 0.98, 0.98])

    blocks = gather_blocks(data, weight)
    freedom = max(np.count_nonzero(valid) - len(PARAMETERS), 1)
    values = np.clip(_encode(start), low + 1e-3, high - 1e-3)
    evaluate = partial(_evaluate, data, weight, blocks, kernel, prior)
    values, found, ended = descend(evaluate, values, low, high, evaluations, less / freedom)
    amplitude, level = found.amplitude, found.level
    r_e, n, x, y, axis_ratio, angle = _decode(values)
    # A fit that ends at a limit, or short of it by some steps.
    at_limit = n < 1.5 * N_MIN or n > 0.95 * N_MAX or axis_ratio < Q_TRUSTED
    # Smaller than a third of a pixel or larger than the image holds, a radius is not measured.
    at_limit |= r_e < R_TRUSTED or 2 * r_e > max(image.shape)
    # The blocks leave out how the light changes within them.
    encoded, model = values, amplitude * draw(values, image.shape, kernel) + level
    cost = float(np.sum((weight * (data - model)) ** 2)) + (prior or 0.0) * level**2
    values = (amplitude * unit, r_e, n, x, y, axis_ratio, angle % np.pi)
    return (
        dict(zip(PARAMETERS, map(float, values), strict=True))
        | {
            "level": float(level * unit),
            "chi2": float(cost / freedom),
            "light": total_light(amplitude * unit, r_e, n, axis_ratio),
            "suspect": float(not ended or at_limit or amplitude <= 0),
        }
        | fit_errors(encoded, found.curvature, found.follows, found.own)
    )


def in_noise_units(
    image: np.ndarray, rms: np.ndarray, valid: np.ndarray, level_noise: float | None
) -> tuple[float, np.ndarray, np.ndarray, float | None]:
    """What a fit works with, so that its sums stay of order one in any unit of the image.

    Returns
    -------
    unit : float
        Of the data, in that of the image: the median noise.
    data, weight : ndarray
        Shape (height, width); zero where not valid.
    prior : float or None
        Weight of a level of zero; None without a level.
    """
    unit = float(np.median(rms[valid]))
    weight = np.where(valid, unit / np.where(valid, rms, 1.0), 0.0)
    data = np.where(valid, image, 0.0) / unit
    prior = None if level_noise is None else (unit / max(level_noise, 1e-30)) ** 2
    return unit, data, weight, prior


def _evaluate(
    data: np.ndarray,
    weight: np.ndarray,
    blocks: np.ndarray,
    kernel: Kernel | None,
    prior: float | None,
    values: np.ndarray,
    anchor: np.ndarray,
) -> Place:
    """Chi2 and the like at some values of the parameters (6,)."""
    profile = describe(values, kernel)
    middle = middle_of(profile, kernel, 1 + SLOPES)
    return _project(_products(data, weight, blocks, anchor, profile, middle), prior)


def descend(
    evaluate: Callable,
    values: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    evaluations: int,
    less: float,
    longest: np.ndarray = LONGEST,
) -> tuple[np.ndarray, Any, bool]:
    """Levenberg and Marquardt's method, from some values (P,) to those where chi2 is least.

    Parameters
    ----------
    evaluate : callable
        Values, anchor (x, y) -> `Place`, or another with its chi2, gradient and curvature.
    values, low, high : ndarray, shape (P,)
        Start and limits; values 2 to 5 are x, y (px) and the two components of a shear.
    evaluations, less
        See `fit_sersic`.
    longest : ndarray, shape (P,)
        Longest step.

    Returns
    -------
    values : ndarray, shape (P,)
    found : Place
        What `evaluate` gives there.
    ended : bool
        Whether the fit converged: the next step would lower chi2 by less than `less` of it.
    """
    anchor = np.rint(values[2:4])
    found = evaluate(values, anchor)
    damping, bend, bent = DAMPING, np.zeros((len(values), len(values))), False
    for _ in range(evaluations):
        curvature = found.curvature + (bend if bent else 0.0)
        if bent and np.linalg.eigvalsh(curvature)[0] <= 0:
            curvature = found.curvature
        own = np.diag(found.curvature)
        diagonal = np.maximum(own, 1e-12 * own.sum() + 1e-300)
        step = np.linalg.solve(curvature + damping * np.diag(diagonal), found.gradient)
        step *= min(1.0, float(np.min(longest / np.maximum(np.abs(step), 1e-300))))
        tried = _inside(np.clip(values + step, low, high))
        step = tried - values
        if step @ (2 * found.gradient - curvature @ step) < less * found.chi2:
            return values, found, True
        there = evaluate(tried, anchor)
        short = bool(np.all(np.abs(step) < SHORT))
        bend, bent = _bend(bend, step, found, there)
        if there.chi2 < found.chi2:
            values, found, damping = tried, there, max(damping / FACTOR, LEAST)
            if np.any(np.abs(values[2:4] - anchor) > MORE):
                anchor = np.rint(values[2:4])
                found = evaluate(values, anchor)
        else:
            damping = max(damping * FACTOR, RAISED)
        if short or damping > STUCK:
            return values, found, True
    return values, found, False


def _bend(bend: np.ndarray, step: np.ndarray, old: Place, new: Place) -> tuple[np.ndarray, bool]:
    """What the products of slopes leave out of chi2's curvature (6, 6), after a step.

    Residuals are more than noise where a galaxy is no Sersic profile, and steps without this
    converge slowly (Dennis, Gay & Welsch 1981, ACM Trans. Math. Softw. 7, 348, eqs 3.9-3.11).

    Returns
    -------
    bend : ndarray, shape (6, 6)
    better : bool
        Whether it would have told this step's gain better.
    """
    change = old.gradient - new.gradient
    wanted = change - new.curvature @ step
    along = float(change @ step)
    if abs(along) > 1e-12 * np.sqrt(float(change @ change) * float(step @ step)):
        known = float(step @ bend @ step)
        if known != 0:
            bend = bend * min(1.0, abs(float(step @ wanted) / known))
        miss = wanted - bend @ step
        both = np.outer(miss, change)
        bend = bend + (both + both.T) / along - (step @ miss) * np.outer(change, change) / along**2
    gain = old.chi2 - new.chi2
    without, with_it = (
        abs(step @ (2 * old.gradient - (old.curvature + more) @ step) - gain)
        for more in (0.0, bend)
    )
    return bend, bool(with_it < without)


@compiled
def gather_blocks(data: np.ndarray, weight: np.ndarray) -> tuple:
    """Gather pixels by blocks of `BLOCK` a side, for where the model hardly bends within one.

    Parameters
    ----------
    data, weight : ndarray
        Shape (height, width); a weight of zero is no pixel.

    Returns
    -------
    blocks : ndarray
        Shape (rows, columns, 5) of blocks: mean x and y (px), weight, mean of the data, and the sum
        of the squares about it.
    """
    height, width = data.shape
    blocks = np.zeros(((height - 1) // BLOCK + 1, (width - 1) // BLOCK + 1, 5))
    for i in range(blocks.shape[0]):
        for j in range(blocks.shape[1]):
            total, x, y, mean, squares = 0.0, 0.0, 0.0, 0.0, 0.0
            for row in range(i * BLOCK, min((i + 1) * BLOCK, height)):
                for column in range(j * BLOCK, min((j + 1) * BLOCK, width)):
                    share = weight[row, column] ** 2
                    total += share
                    x += share * column
                    y += share * row
                    mean += share * data[row, column]
                    squares += share * data[row, column] ** 2
            if total > 0:
                mean /= total
                blocks[i, j] = np.array([
                    x / total, y / total, np.sqrt(total), mean, squares - total * mean**2
                ])  # fmt: skip
    return blocks


@compiled
def _add(sums: np.ndarray, terms: np.ndarray) -> None:
    for k in range(DATA + 1):
        for other in range(k, DATA + 1):
            sums[k, other] += terms[k] * terms[other]


@compiled
def _slopes(
    x: float, y: float, profile: np.ndarray, variance: float, noise: float, terms: np.ndarray
) -> None:
    """Light and slopes outside of what is convolved."""
    found = blurred_at(x - profile[2], y - profile[3], profile, variance)
    terms[LIGHT] = noise * found[0]
    terms[0], terms[1], terms[2] = noise * found[1], noise * found[2], noise * found[3]
    terms[3], terms[4], terms[5] = noise * found[4], noise * found[5], noise * found[6]


@compiled
def _products(
    data: np.ndarray,
    weight: np.ndarray,
    blocks: np.ndarray,
    anchor: np.ndarray,
    profile: np.ndarray,
    middle: np.ndarray,
) -> np.ndarray:
    """Sums over the pixels of the products of slopes, profile, level and data: (9, 9).

    Each is weighted. Blocks of pixels (`gather_blocks`) that lie far from the anchor (x, y), near
    the centre, and outside of what is convolved (`sersic.middle_of`) count as one.
    """
    height, width = data.shape
    size = middle.shape[1]
    left, bottom = int(np.rint(profile[2])) - size // 2, int(np.rint(profile[3])) - size // 2
    sums, terms = np.zeros((DATA + 1, DATA + 1)), np.empty(DATA + 1)
    near = max(size // 2, FAR) + MORE
    x_near, y_near = int(anchor[0]) - near, int(anchor[1]) - near
    # A block is blurred by its own size too.
    variance = profile[13] + (BLOCK**2 - 1) / 12
    for i in range(blocks.shape[0]):
        for j in range(blocks.shape[1]):
            below, before = i * BLOCK - y_near, j * BLOCK - x_near
            if not (-BLOCK < below <= 2 * near and -BLOCK < before <= 2 * near):
                x, y, noise, mean, squares = blocks[i, j]
                if noise > 0:
                    _slopes(x, y, profile, variance, noise, terms)
                    terms[LEVEL], terms[DATA] = noise, noise * mean
                    _add(sums, terms)
                    sums[DATA, DATA] += squares
                continue
            for row in range(i * BLOCK, min((i + 1) * BLOCK, height)):
                for column in range(j * BLOCK, min((j + 1) * BLOCK, width)):
                    noise = weight[row, column]
                    if noise == 0:
                        continue
                    up, right = row - bottom, column - left
                    if 0 <= up < size and 0 <= right < size:
                        terms[LIGHT] = noise * middle[0, up, right]
                        for k in range(SLOPES):
                            terms[k] = noise * middle[k + 1, up, right]
                    else:
                        _slopes(column, row, profile, profile[13], noise, terms)
                    terms[LEVEL], terms[DATA] = noise, noise * data[row, column]
                    _add(sums, terms)
    for k in range(DATA + 1):
        for other in range(k):
            sums[k, other] = sums[other, k]
    return sums


def _project(sums: np.ndarray, prior: float | None) -> Place:
    """Chi2 and the like with the best amplitude and level.

    `sums` are from `_products`; `prior` is the weight of a level of zero, None for no level at all.
    """
    if prior is None:
        linear, level = np.array([LIGHT]), 0.0
    else:
        # As the prior says, a level of zero is one more datum.
        linear = np.array([LIGHT, LEVEL])
        sums[LEVEL, LEVEL] += prior
    block = sums[np.ix_(linear, linear)]
    block[np.diag_indices(len(linear))] *= 1 + 1e-12
    rest = [*range(SLOPES), DATA]
    found = np.linalg.solve(block + 1e-300, sums[np.ix_(linear, rest)])
    left = sums[np.ix_(rest, rest)] - sums[np.ix_(rest, linear)] @ found
    amplitude = found[0, -1]
    level = found[1, -1] if len(linear) > 1 else 0.0
    own = np.linalg.inv(block + 1e-300)[0, 0] / max(amplitude**2, 1e-300)
    slopes = amplitude * left[:-1, -1], amplitude**2 * left[:-1, :-1]
    return Place(left[-1, -1], amplitude, level, *slopes, found[0, :-1], own)


def _inside(values: np.ndarray) -> np.ndarray:
    """Parameters with a shear that is an ellipse's."""
    shear = np.hypot(values[4], values[5])
    values[4:6] *= min(1.0, 0.98 / max(shear, 1e-9))
    return values


def _encode(start: dict[str, float]) -> np.ndarray:
    # Shear (1-q)/(1+q) along twice the angle: no seam in the angle, nothing special at q = 1.
    shear = (1 - start["axis_ratio"]) / (1 + start["axis_ratio"])
    return np.array(
        [
            np.log(start["r_e"]),
            np.log(start["n"]),
            start["x"],
            start["y"],
            shear * np.cos(2 * start["angle"]),
            shear * np.sin(2 * start["angle"]),
        ]
    )


def _decode(values: np.ndarray) -> tuple[float, ...]:
    log_r, log_n, x, y, first, second = values
    shear = min(np.hypot(first, second), 0.98)
    axis_ratio = (1 - shear) / (1 + shear)
    return np.exp(log_r), np.exp(log_n), x, y, axis_ratio, 0.5 * np.arctan2(second, first)
