"""A bulge and an exponential disc with a common centre, fitted to a galaxy by least squares.

Both are Sersic profiles with the images and slopes of `sersic`, and the fit is by `sersic_fit`'s
method. The two share centre and direction; the bulge is smaller than the disc and no flatter:
without that, many fits end with a disc inside of a larger bulge.
"""

from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np

from morphovote.flags import BULGE_AT_LIMIT, NO_BULGE, NO_DISC, UNSURE
from morphovote.measure.bulge_disc_products import BULGE, DATA, DISC, LEVEL, both_products
from morphovote.measure.morphology import half_light_radius
from morphovote.measure.sersic import SLOPES, Kernel, describe, draw, middle_of
from morphovote.measure.sersic_errors import log_shape
from morphovote.measure.sersic_fit import (
    LESS,
    descend,
    gather_blocks,
    in_noise_units,
)

# Sersic index of the bulge (de Vaucouleurs 1948) and of the disc.
N_BULGE, N_DISC = 4.0, 1.0
# Limits of the bulge's half-light radius over the disc's, up to the disc's scale length: where the
# noise hides the ratio, fits without that limit end with a bulge of the disc's size and too much
# light. And of the disc's over that of the single profile: a larger one is the sky's, or the halo's
# of a spheroid.
RATIOS, DISCS = (0.05, 0.6), (1 / 3, 3.0)
# Radii of starts: the disc's in those of the single profile, the bulge's in those of the disc.
DISC_STARTS, RATIO_STARTS = (0.8, 1.2, 2.0), (0.1, 0.2, 0.4)
# Starts that are followed, and steps of each.
FOLLOWED, EVALUATIONS = 2, 40
# With `auto`, fitted from this S/N and with an r_e of so many half-light radii of the PSF.
LEAST_SNR, LEAST_SIZE = 30.0, 1.0

# Values: logarithms of the disc's radius and of the bulge's over it, x, y, the disc's shear, the
# bulge's shear over it, logarithm of the bulge's n.
LOG_R, LOG_RATIO, X, Y, FIRST, SECOND, FLAT, LOG_N = range(8)
LONGEST = np.array([1.0, 1.0, 5.0, 5.0, 0.4, 0.4, 0.5, 0.5])


class Place(NamedTuple):
    """Chi2 at some values, with the best amplitudes and level there."""

    chi2: float
    # Of bulge and disc; none below zero.
    amplitudes: np.ndarray
    level: float
    # As in `sersic_fit.Place`, without what would lead beyond a limit.
    gradient: np.ndarray
    curvature: np.ndarray
    # Half the second derivatives along values, amplitudes and level.
    whole: np.ndarray


def fit_bulge_disc(
    image: np.ndarray,
    rms: np.ndarray,
    valid: np.ndarray,
    single: dict[str, float],
    kernel: Kernel | None = None,
    level_noise: float | None = None,
    shared: float = 1.0,
) -> dict[str, float]:
    """Fit a bulge (n of 4) and an exponential disc, starting from a galaxy's single profile.

    Parameters
    ----------
    image, rms, valid, kernel, level_noise
        As `sersic_fit.fit_sersic` had them.
    single : dict of float
        What it found.
    shared : float
        From `sersic_errors.shared_noise`.

    Returns
    -------
    dict of float
        fraction, the bulge's share of the light; r_e_bulge and r_e_disc, half-light radii along the
        major axes (px); q_bulge and q_disc, axis ratios; <name>_err of each, with the noise that
        pixels share; angle of both (rad, in [0, pi)), x, y (px), light (units of the image times
        px^2), level; delta_bic, the Bayesian information criterion (Schwarz 1978) of the single
        profile less that of the two, positive where two are better; flag: `UNSURE` if the fit
        did not converge or the disc's radius is at a limit, `NO_BULGE`, `NO_DISC` if one has no
        light, `BULGE_AT_LIMIT` if the bulge's radius is at a limit.
    """
    unit, data, weight, prior = in_noise_units(image, rms, valid, level_noise)
    low, high = _limits(image.shape, single["r_e"])
    freedom = max(np.count_nonzero(valid) - len(low), 1)
    evaluate = partial(
        _evaluate, data, weight, gather_blocks(data, weight), kernel, prior, (low, high)
    )
    ends = []
    for start in _starts(data, weight, kernel, prior, single, low, high):
        end = descend(evaluate, start, low, high, EVALUATIONS, LESS / freedom, LONGEST)
        ends.append(end)
    values, found, ended = min(ends, key=lambda end: end[1].chi2)
    model = sum(
        amplitude * draw(one, image.shape, kernel)
        for amplitude, one in zip(found.amplitudes, _split(values), strict=True)
    )
    chi2 = float(np.sum((weight * (data - model - found.level)) ** 2))
    chi2 += (prior or 0.0) * found.level**2
    known = single["chi2"] * max(np.count_nonzero(valid) - SLOPES, 1)
    # Pixels that share their noise count as fewer.
    pixels = np.count_nonzero(valid) / shared**2
    free = np.count_nonzero(high > low) + 2 - (SLOPES + 1)
    return _describe(values, found, low, high, shared) | {
        "light": float(_lights(values, found.amplitudes).sum() * unit),
        "level": found.level * unit,
        "delta_bic": float((known - chi2) / shared**2 - free * np.log(pixels)),
        "flag": _flag(values, found, ended, (low, high), image.shape),
    }


def least_radius(mode: str, snr: float, psf: np.ndarray | None) -> float:
    """Smallest r_e (px) of a single profile from which a galaxy is fitted with a bulge and a disc.

    Parameters
    ----------
    mode : {'none', 'auto', 'all'}
    snr : float
        Inside the segment.
    psf : ndarray or None

    Returns
    -------
    float
        0 for `all`, infinite for none.
    """
    if mode == "all":
        return 0.0
    if mode == "none" or not snr >= LEAST_SNR:
        return np.inf
    return LEAST_SIZE * (1.0 if psf is None else half_light_radius(psf))


def _limits(shape: tuple[int, int], r_e: float) -> tuple[np.ndarray, np.ndarray]:
    height, width = shape
    least, most = np.log(DISCS[0] * r_e), np.log(DISCS[1] * r_e)
    low = [least, np.log(RATIOS[0]), -0.5, -0.5, -0.98, -0.98, 0.0, np.log(N_BULGE)]
    high = [most, np.log(RATIOS[1]), width - 0.5, height - 0.5, 0.98, 0.98, 1.0]
    return np.array(low), np.array([*high, np.log(N_BULGE)])


def _split(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Parameters of the bulge and of the disc as `sersic.SLOPES` has them (6,)."""
    log_r, ratio, x, y, first, second, flat, log_n = values
    bulge = np.array([log_r + ratio, log_n, x, y, flat * first, flat * second])
    return bulge, np.array([log_r, np.log(N_DISC), x, y, first, second])


def _starts(
    data: np.ndarray,
    weight: np.ndarray,
    kernel: Kernel | None,
    prior: float | None,
    single: dict[str, float],
    low: np.ndarray,
    high: np.ndarray,
) -> list[np.ndarray]:
    """The best of some radii of bulge and disc, with their best amplitudes.

    They lie in different valleys of chi2 for all that is known: no two share a ratio.
    """
    shear = (1 - single["axis_ratio"]) / (1 + single["axis_ratio"])
    along = np.array([np.cos(2 * single["angle"]), np.sin(2 * single["angle"])])
    base = np.zeros(len(low))
    base[[X, Y, FIRST, SECOND, FLAT]] = single["x"], single["y"], *(shear * along), 0.5
    base[LOG_N] = np.log(N_BULGE)
    place = weight > 0
    noise = weight[place]
    columns = {}

    def seen(one: np.ndarray) -> np.ndarray:
        key = tuple(one)
        if key not in columns:
            columns[key] = noise * draw(one, data.shape, kernel)[place]
        return columns[key]

    tried = []
    for wide, ratio in product(DISC_STARTS, RATIO_STARTS):
        values = base.copy()
        values[LOG_R], values[LOG_RATIO] = np.log(wide * single["r_e"]), np.log(ratio)
        values = np.clip(values, low, high)
        terms = np.column_stack([*(seen(one) for one in _split(values)), noise,
                                 noise * data[place]])  # fmt: skip
        tried.append((_linear(terms.T @ terms, prior)[0], ratio, values))
    tried.sort(key=lambda one: one[0])
    kept: dict[float, np.ndarray] = {}
    for _, ratio, values in tried:
        kept.setdefault(ratio, values)
    return list(kept.values())[:FOLLOWED]


def _linear(sums: np.ndarray, prior: float | None) -> tuple[float, np.ndarray, list[int]]:
    """Chi2, amplitudes of bulge and disc and level (3,), and which of them are free.

    `sums` (4, 4) are the products of bulge, disc, level and data. No amplitude is below zero.
    """
    block, right = sums[:3, :3].copy(), sums[:3, 3]
    block[np.diag_indices(3)] *= 1 + 1e-12
    block[2, 2] += prior or 0.0
    level = [] if prior is None else [2]
    best = None
    for use in ([0, 1], [1], [0]):
        free = use + level
        part = np.linalg.solve(block[np.ix_(free, free)] + 1e-300, right[free])
        chi2 = float(sums[3, 3] - part @ right[free])
        fine = bool(np.all(part[: len(use)] >= 0))
        if best is None or (fine and (not best[0] or chi2 < best[1])):
            found = np.zeros(3)
            found[free] = part
            best = fine, chi2, found, free
            if fine and len(use) == 2:
                break
    return best[1:]


def _evaluate(
    data: np.ndarray,
    weight: np.ndarray,
    blocks: np.ndarray,
    kernel: Kernel | None,
    prior: float | None,
    limits: tuple[np.ndarray, np.ndarray],
    values: np.ndarray,
    anchor: np.ndarray,
) -> Place:
    """Chi2 and the like at some values of the parameters (8,)."""
    profiles = np.array([describe(one, kernel) for one in _split(values)])
    middles = np.array([middle_of(profile, kernel, 1 + SLOPES) for profile in profiles])
    sums = both_products(data, weight, blocks, anchor, profiles, middles)
    linear = [BULGE, DISC, LEVEL]
    both = [*linear, DATA]
    chi2, found, free = _linear(sums[np.ix_(both, both)], prior)
    slopes = _along(values, found)
    count = slopes.shape[1]
    # Products along values, amplitudes and level, and with the data.
    change = np.zeros((DATA + 1, count + 4))
    change[:, :count] = slopes
    change[both, np.arange(count, count + 4)] = 1.0
    whole = change.T @ sums @ change
    whole[count + 2, count + 2] += prior or 0.0
    use = [count + one for one in free]
    block = whole[np.ix_(use, use)]
    block[np.diag_indices(len(use))] *= 1 + 1e-12
    rest = [*range(count), count + 3]
    answer = np.linalg.solve(block + 1e-300, whole[np.ix_(use, rest)])
    left = whole[np.ix_(rest, rest)] - whole[np.ix_(rest, use)] @ answer
    gradient, curvature = left[:-1, -1], left[:-1, :-1]
    held = _held(values, gradient, limits)
    gradient[held] = 0.0
    curvature[held] = 0.0
    curvature[:, held] = 0.0
    return Place(chi2, found[:2], float(found[2]), gradient, curvature, whole[:-1, :-1])


def _held(values: np.ndarray, gradient: np.ndarray, limits: tuple) -> np.ndarray:
    """Which values (8,) are at a limit that chi2 would lead them beyond."""
    low, high = limits
    return ((values <= low + 1e-9) & (gradient <= 0)) | ((values >= high - 1e-9) & (gradient >= 0))


def _along(values: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    """Slopes of the model along the values, by those of its two profiles: (16, 8)."""
    first, second, flat = values[[FIRST, SECOND, FLAT]]
    slopes = np.zeros((DATA + 1, len(values)))
    bulge, disc = slopes[:SLOPES], slopes[SLOPES : 2 * SLOPES]
    # Rows of each: logarithms of r_e and n, x, y, the components of the shear.
    bulge[0, [LOG_R, LOG_RATIO]], disc[0, LOG_R] = 1.0, 1.0
    bulge[1, LOG_N] = 1.0
    for row, name in ((2, X), (3, Y)):
        bulge[row, name] = disc[row, name] = 1.0
    bulge[4, [FIRST, FLAT]], bulge[5, [SECOND, FLAT]] = (flat, first), (flat, second)
    disc[4, FIRST] = disc[5, SECOND] = 1.0
    bulge *= amplitudes[0]
    disc *= amplitudes[1]
    return slopes


def _lights(values: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    """Total light of bulge and disc (2,), as `sersic_errors.total_light`."""
    return amplitudes * np.array([_light_of_one(one) for one in _split(values)])


def _light_of_one(one: np.ndarray) -> float:
    shear = float(np.hypot(one[4], one[5]))
    return float((1 - shear) / (1 + shear) * np.exp(2 * one[0] + log_shape(one[1])))


def _describe(
    values: np.ndarray, found: Place, low: np.ndarray, high: np.ndarray, shared: float
) -> dict[str, float]:
    """Values with their errors."""
    count = len(values)
    fixed = _at_limit(values, low, high)
    fixed = np.concatenate([fixed, np.zeros(3, bool)])
    use = np.flatnonzero(~fixed & (np.diag(found.whole) > 0))
    scale = np.sqrt(np.diag(found.whole)[use])
    covariance = np.zeros((count + 3, count + 3))
    inverse = np.linalg.pinv(found.whole[np.ix_(use, use)] / np.outer(scale, scale), hermitian=True)
    covariance[np.ix_(use, use)] = shared**2 * inverse / np.outer(scale, scale)

    def named(values: np.ndarray) -> np.ndarray:
        bulge, disc = _split(values[:count])
        lights = _lights(values[:count], values[count : count + 2])
        shears = np.hypot(bulge[4:], bulge[5:])[0], np.hypot(disc[4], disc[5])
        ratios = [(1 - shear) / (1 + shear) for shear in shears]
        return np.array([lights[0] / lights.sum(), np.exp(bulge[0]), np.exp(disc[0]), *ratios])

    at = np.concatenate([values, found.amplitudes, [found.level]])
    result = named(at)
    slopes = np.zeros((len(result), count + 3))
    for k in use:
        step = 1e-5 * max(1.0, abs(at[k]))
        up, down = at.copy(), at.copy()
        up[k] += step
        down[k] -= step
        slopes[:, k] = (named(up) - named(down)) / (2 * step)
    errors = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", slopes, covariance, slopes), 0))
    names = ("fraction", "r_e_bulge", "r_e_disc", "q_bulge", "q_disc")
    told = dict(zip(names, map(float, result), strict=True))
    told |= {f"{name}_err": float(error) for name, error in zip(names, errors, strict=True)}
    angle = 0.5 * np.arctan2(values[SECOND], values[FIRST]) % np.pi
    return told | {"x": float(values[X]), "y": float(values[Y]), "angle": float(angle)}


def _at_limit(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return (values <= low + 1e-6) | (values >= high - 1e-6)


def _flag(
    values: np.ndarray,
    found: Place,
    ended: bool,
    limits: tuple[np.ndarray, np.ndarray],
    shape: tuple[int, int],
) -> int:
    flag, (low, high) = 0, limits
    flag |= NO_BULGE if found.amplitudes[0] <= 0 else 0
    flag |= NO_DISC if found.amplitudes[1] <= 0 else 0
    # Without the one or the other, there is no radius to be unsure of.
    at_limit = _at_limit(values, low, high)
    unsure = not ended or (at_limit[LOG_R] and not flag & NO_DISC)
    unsure |= 2 * np.exp(values[LOG_R]) > max(shape)
    small_or_large = at_limit[LOG_RATIO] and not flag
    return flag | (UNSURE if unsure else 0) | (BULGE_AT_LIMIT if small_or_large else 0)
