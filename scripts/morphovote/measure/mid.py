"""Multimode, intensity and deviation (Freeman et al. 2013, MNRAS 434, 282; Peth et al. 2016)."""

import numpy as np
from scipy import ndimage
from scipy.optimize import brentq

from morphovote.measure.centre import centroid
from morphovote.measure.compiled import compiled
from morphovote.measure.petrosian import ETA

# Box that regularises the segment and sigma of the smoothing for the peaks (px).
BOX, SIGMA = 3, 1.0
# Steps in the quantile for M, halved to the least while there is one clump only.
STEP, LEAST_STEP = 0.02, 1e-3
# The simplex that refines it: precision, rounds; and jumps between (Wales & Doye 1997).
SMALL, MOST, JUMPS, ADAPTATION = 1e-4, 200, 5, 0.9
# Jumps and chances, the same for every galaxy.
DRAWN = np.random.RandomState(0).uniform(size=2 * JUMPS)


@compiled
def clump(image: np.ndarray, level: float, row: int, column: int) -> np.ndarray:
    """Pixels (H, W) at `level` or above that hang together with one, corners too."""
    height, width = image.shape
    found = np.zeros((height, width), np.bool_)
    stack = np.empty(height * width, np.int64)
    stack[0], size = row * width + column, 1
    found[row, column] = True
    while size:
        size -= 1
        row, column = stack[size] // width, stack[size] % width
        for i in range(max(row - 1, 0), min(row + 2, height)):
            for j in range(max(column - 1, 0), min(column + 2, width)):
                if not found[i, j] and image[i, j] >= level:
                    found[i, j] = True
                    stack[size] = i * width + j
                    size += 1
    return found


def mid_segment(
    light: np.ndarray, own: np.ndarray, row: int, column: int
) -> tuple[np.ndarray | None, bool]:
    """Segment for M, I and D (Freeman et al. 2013, section 4.3, as Rodriguez-Gomez et al. 2019).

    The clump about the brightest pixel, down to where a pixel has `ETA` of the clump's mean.

    Parameters
    ----------
    light : ndarray
        Shape (height, width), zero outside the galaxy, nowhere negative.
    own : ndarray of bool
        The galaxy's pixels.
    row, column : int
        Of the brightest pixel.

    Returns
    -------
    segment : ndarray of bool, or None
        None where the mean is not reached inside the galaxy.
    sound : bool
    """
    values = np.sort(light[own])

    def level(quantile: float) -> float:
        return values[int(quantile * (len(values) - 1))]

    def ratio(quantile: float) -> float:
        inside = clump(light, level(quantile), row, column)
        mean = light[inside].mean()
        return (level(quantile) / mean if mean else 1.0) - ETA

    if ratio(0.0) > 0:
        return None, True
    found = brentq(ratio, 0.0, 1.0, xtol=1 / len(values))
    inside = clump(light, level(found), row, column).astype(float)
    segment = ndimage.uniform_filter(inside, BOX) > 0.5
    sound = bool(segment[row, column])
    segment[row, column] = True
    return clump(segment.astype(float), 0.5, row, column), sound


@compiled
def _root(parent: np.ndarray, at: int) -> int:
    while parent[at] != at:
        parent[at] = parent[parent[at]]
        at = parent[at]
    return at


@compiled
def _two_largest(light: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Area of the largest and the second clump (N, 2) of the 1, 2 ... N brightest pixels.

    `order` has the positions (N,) of the positive pixels of `light` (H, W), the brightest first.
    """
    height, width = light.shape
    parent = np.full(height * width, -1, np.int64)
    size = np.zeros(height * width, np.int64)
    count = np.zeros(len(order) + 2, np.int64)
    areas = np.zeros((len(order), 2), np.int64)
    first, second = 0, 0
    for number in range(len(order)):
        at = order[number]
        parent[at], size[at], area = at, 1, 1
        row, column, before = at // width, at % width, first
        for i in range(max(row - 1, 0), min(row + 2, height)):
            for j in range(max(column - 1, 0), min(column + 2, width)):
                other = i * width + j
                if parent[other] < 0 or other == at:
                    continue
                other = _root(parent, other)
                root = _root(parent, at)
                if other != root:
                    count[size[other]] -= 1
                    area += size[other]
                    parent[other] = root
                    size[root] = area
        count[area] += 1
        # The second cannot be larger than what was second, or was pushed there.
        if area >= first:
            second = before if count[before] > 0 and before < area else second
            if area == before and count[area] > 1:
                second = area
            first = area
        else:
            second = max(second, area)
        while second > 0 and (count[second] == 0 or (second == first and count[first] < 2)):
            second -= 1
        areas[number] = first, second
    return areas


@compiled
def _loss(quantile: float, ratios: np.ndarray, invalid: float) -> float:
    if quantile < 0 or quantile > 1:
        return invalid
    return ratios[int(quantile * (len(ratios) - 1))]


@compiled
def _descend(start: float, ratios: np.ndarray, invalid: float) -> tuple[float, float, bool]:
    """Minimise `_loss` by a simplex of two quantiles: place, value, whether it came to an end."""
    best, other = start, 1.05 * start if start != 0 else 0.00025
    value, worse = _loss(best, ratios, invalid), _loss(other, ratios, invalid)
    calls, rounds = 2, 1
    while calls < MOST and rounds < MOST:
        if worse < value:
            best, other, value, worse = other, best, worse, value
        if abs(other - best) <= SMALL and worse - value <= SMALL:
            break
        tried = 2 * best - other
        found, shrink = _loss(tried, ratios, invalid), False
        calls += 1
        if found < value:
            beyond = 3 * best - 2 * other
            more = _loss(beyond, ratios, invalid)
            calls += 1
            if more < found:
                tried, found = beyond, more
        else:
            nearer = 1.5 * best - 0.5 * other if found < worse else 0.5 * (best + other)
            between = _loss(nearer, ratios, invalid)
            calls += 1
            shrink = between > found if found < worse else between >= worse
            tried, found = nearer, between
        if shrink:
            tried = best + 0.5 * (other - best)
            found = _loss(tried, ratios, invalid)
            calls += 1
        other, worse = tried, found
        rounds += 1
    ended = calls < MOST and rounds < MOST
    return (other, worse, ended) if worse < value else (best, value, ended)


@compiled
def _hop(
    start: float, step: float, ratios: np.ndarray, invalid: float, heat: float, drawn: np.ndarray
) -> float:
    """Place of the least `_loss` found by some jumps and descents from a start."""
    place, value, ended = _descend(start, ratios, invalid)
    lowest, least, found, accepted = place, value, ended, 0
    for jump in range(JUMPS):
        if jump + 1 == JUMPS:
            step = step / ADAPTATION if accepted / JUMPS > 0.5 else step * ADAPTATION
        tried = place + step * (2 * drawn[2 * jump] - 1)
        other, new, success = _descend(tried, ratios, invalid)
        if np.exp(min(0.0, (value - new) / heat)) >= drawn[2 * jump + 1] and (success or not ended):
            place, value, ended, accepted = other, new, success, accepted + 1
            if success and (new < least or not found):
                lowest, least, found = other, new, True
    return lowest


def multimode(light: np.ndarray, own: np.ndarray) -> float:
    """Multimode M: area of the second clump over that of the first (Freeman et al. 2013, eq. 1).

    At the level that makes (A2/A1) A2 largest (Peth et al. 2016, eq. 9), which is searched for as
    statmorph does: on a grid of quantiles, then by simplex and jumps.

    Parameters
    ----------
    light : ndarray
        Shape (height, width), zero outside the segment of `mid_segment`, nowhere negative.
    own : ndarray of bool
        The galaxy's pixels: the levels are quantiles of theirs.

    Returns
    -------
    float
        0 for a single clump at all levels.
    """
    values, flat = np.sort(light[own]), light.ravel()
    bright = np.flatnonzero(flat)
    order = bright[np.argsort(-flat[bright], kind="stable")]
    areas = _two_largest(light, order)
    # Pixels at or above each value; a level of zero takes all of the image.
    above = len(order) - np.searchsorted(flat[order[::-1]], values)
    first, second = areas[above - 1].T if len(order) else np.zeros((2, len(values)))
    invalid = float(light.sum())
    single = (second == 0) | (values <= 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(single, invalid, -(second.astype(float) ** 2) / first)
    step = STEP
    while True:
        quantiles = np.arange(0.0, 1.0, step)
        tried = ratios[(quantiles * (len(values) - 1)).astype(int)]
        best = int(np.argmin(tried))
        if tried[best] < 0:
            break
        if step < LEAST_STEP:
            return 0.0
        step /= 2
    place = _hop(float(quantiles[best]), step, ratios, invalid, -0.5 * tried[best], DRAWN)
    at = int(place * (len(values) - 1))
    return float(second[at] / first[at])


@compiled
def _basins(
    smooth: np.ndarray, order: np.ndarray, inner: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Light of the basin of each peak of a smooth image (H, W), and where the peaks are.

    A pixel belongs with the brightest of its eight neighbours; one without a brighter is a peak.
    Pixels outside `inner`, the first and last row and column that count, are no peaks: what rises
    towards one, a bank, is flooded from the first basin that touches it, as in a watershed.
    `order` has the positions of the positive pixels, the brightest first.
    """
    height, width = smooth.shape
    label = np.full(height * width, -1, np.int64)
    turn = np.zeros(height * width, np.int64)
    light, peak = np.zeros(len(order)), np.zeros(len(order), np.int64)
    # Of each peak or bank: itself, or the bank that it is one with; the peak in whose basin it
    # lies, -1 as long as there is none; and when it was flooded.
    parent, owner, flooded = np.arange(len(order)), np.full(len(order), -1), np.zeros(len(order))
    count = 0
    for number in range(len(order)):
        at = order[number]
        row, column = at // width, at % width
        first, found, bank = 1.0 * len(order), -1, -1
        top, bottom = max(row - 1, 0), min(row + 2, height)
        left, right = max(column - 1, 0), min(column + 2, width)
        for i in range(top, bottom):
            for j in range(left, right):
                if label[i * width + j] < 0:
                    continue
                mark = _root(parent, label[i * width + j])
                if owner[mark] < 0:
                    bank = mark
                elif max(turn[i * width + j], flooded[mark]) < first:
                    first, found = max(turn[i * width + j], flooded[mark]), owner[mark]
        if found < 0 and bank < 0:
            peak[count] = at
            inside = inner[0] <= row <= inner[1] and inner[2] <= column <= inner[3]
            owner[count] = count if inside else -1
            bank, count = count, count + 1
        label[at], turn[at] = found if found >= 0 else bank, number
        if bank >= 0:
            for i in range(top, bottom):
                for j in range(left, right):
                    if label[i * width + j] < 0:
                        continue
                    mark = _root(parent, label[i * width + j])
                    if owner[mark] >= 0 or mark == label[at]:
                        continue
                    if found >= 0:
                        owner[mark], flooded[mark] = found, number + 0.5
                        light[found] += light[mark]
                    else:
                        parent[mark] = bank
                        light[bank] += light[mark]
        light[label[at]] += smooth[row, column]
    real = owner[:count] == np.arange(count)
    return light[:count][real], peak[:count][real]


def intensity_and_deviation(light: np.ndarray, area: int) -> tuple[float, float]:
    """Intensity I and deviation D (Freeman et al. 2013, eq. 2 to 4; Peth et al. 2016).

    I: light of the second peak's basin over that of the first, on the image smoothed by `SIGMA`.
    D: distance of the centre of the light from the first peak, times sqrt(pi / area).

    Parameters
    ----------
    light : ndarray
        As for `multimode`.
    area : int
        Pixels of the segment.
    """
    total, x, y = centroid(light)
    if total <= 0:
        return 0.0, np.nan
    rows, columns = (np.flatnonzero(light.any(axis=axis)) for axis in (1, 0))
    # As far as the smoothing reaches.
    reach = int(4 * SIGMA) + 2
    top, left = max(rows[0] - reach, 0), max(columns[0] - reach, 0)
    part = light[top : rows[-1] + reach + 1, left : columns[-1] + reach + 1]
    smooth = ndimage.gaussian_filter(part, SIGMA)
    flat = smooth.ravel()
    bright = np.flatnonzero(flat > 0)
    # As in statmorph, pixels at the edge are no peaks.
    inner = np.array([1 - top, light.shape[0] - 2 - top, 1 - left, light.shape[1] - 2 - left])
    sums, peaks = _basins(smooth, bright[np.argsort(-flat[bright], kind="stable")], inner)
    if not len(sums):
        return 0.0, np.nan
    order = np.argsort(sums)[::-1]
    row, column = divmod(int(peaks[order[0]]), part.shape[1])
    away = np.hypot(left + column - x, top + row - y)
    second = sums[order[1]] / sums[order[0]] if len(sums) > 1 else 0.0
    return float(second), float(np.sqrt(np.pi / area) * away)
