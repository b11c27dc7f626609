"""Straight trails across an image: satellites, and columns that bled.

A trail crosses a whole section with the same brightness and width all along. That tells it from
galaxies seen edge-on, which fade towards their ends, and lets its light be taken off again.
"""

import numpy as np
from scipy import ndimage

# Share of a section's side over which connected light must reach, from border to border.
REACH = 0.8
# Directions tried (degrees), first all around, then about the best.
COARSE, FINE = 0.5, 0.05
# Pieces along the line. Its brightness in each is judged against the usual one: at both ends it is
# at least FAINTEST and at most BRIGHTEST times as much, and nowhere below LEAST.
PIECES, FAINTEST, BRIGHTEST, LEAST = 12, 0.7, 1.6, 0.4
# It shines as far as SHINES times its height, and is at most WIDEST px wide at half of it; the sky
# beside it lies SIDE px off.
SHINES, WIDEST, SIDE = 0.1, 8.0, (9.0, 15.0)


def find_trail(
    image: np.ndarray, noise: np.ndarray, light: np.ndarray, missing: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """A straight trail from border to border of a section.

    Parameters
    ----------
    image : ndarray
        Shape (height, width), sky subtracted.
    noise : ndarray
        Of each pixel, same shape.
    light : ndarray of bool
        Pixels of detected sources, same shape.
    missing : ndarray of bool

    Returns
    -------
    light : ndarray, shape (height, width)
        Of the trail, in units of the image.
    covered : ndarray of bool
        Pixels where it shines.
        None where there is no trail.
    """
    across = _crossing(light)
    if across is None:
        return None
    across &= ~missing
    if not across.any():
        return None
    # A galaxy on the line weighs no more than the trail itself, whose core is its brighter half.
    bright = np.percentile(image[across], 75)
    line = _line(np.clip(image / max(bright, 1e-30), 0, 1) * across)
    rows, columns = np.indices(image.shape, dtype=np.float32)
    cos, sin, distance = np.cos(line[0]), np.sin(line[0]), line[1]
    off = columns * cos + rows * sin - distance
    along = rows * cos - columns * sin
    good = ~missing
    ridge, beside = (
        good & (np.abs(off) < 1),
        good & (np.abs(off) > SIDE[0]) & (np.abs(off) < SIDE[1]),
    )
    if np.count_nonzero(ridge) < 4 * PIECES:
        return None
    edges = np.linspace(along[ridge].min(), along[ridge].max() + 1e-3, PIECES + 1)
    piece = np.digitize(along, edges) - 1
    height = np.array([_median(image[ridge & (piece == n)]) - _median(image[beside & (piece == n)])
                       for n in range(PIECES)])  # fmt: skip
    # Galaxies on the line only add to it.
    usual = float(np.nanmedian(np.sort(height)[: max(PIECES * 3 // 4, 1)]))
    ends = height[[0, -1]]
    uniform = np.nanmin(height) > LEAST * usual and ends.min() > FAINTEST * usual
    if not (uniform and ends.max() < BRIGHTEST * usual and usual > float(np.median(noise)) / 2):
        return None
    free = np.isin(piece, np.flatnonzero(height < BRIGHTEST * usual)) & good
    return _profile(image, off, free, usual)


def _crossing(light: np.ndarray) -> np.ndarray | None:
    """Connected light that reaches from one border of a section to another."""
    sides = [side.any() for side in (light[0], light[-1], light[:, 0], light[:, -1])]
    if sum(sides) < 2:
        return None
    labels, _ = ndimage.label(light, np.ones((3, 3)))
    height, width = light.shape
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        tall = rows.start == 0 and rows.stop == height
        wide = columns.start == 0 and columns.stop == width
        reach = max((rows.stop - rows.start) / height, (columns.stop - columns.start) / width)
        corner = (rows.start == 0 or rows.stop == height) and (
            columns.start == 0 or columns.stop == width
        )
        if tall or wide or (corner and reach > REACH):
            return labels == number
    return None


def _line(weight: np.ndarray) -> tuple[float, float]:
    """Direction of the normal (rad) and distance from the origin (px) of the brightest line."""
    rows, columns = np.nonzero(weight)
    weight = weight[rows, columns]
    best, angles, width = (0.0, 0.0, -1.0), np.arange(0, 180, COARSE), 2.0
    for step in (COARSE, FINE):
        for angle in np.radians(angles):
            off = columns * np.cos(angle) + rows * np.sin(angle)
            low = off.min()
            sums = np.bincount(((off - low) / (width / 2)).astype(int), weights=weight)
            sums = np.convolve(sums, [1, 1], mode="valid") if len(sums) > 1 else sums
            at = int(sums.argmax())
            if sums[at] > best[2]:
                best = (float(angle), float(low + (at + 1) * width / 2), float(sums[at]))
        angles = np.degrees(best[0]) + np.arange(-step, step + 1e-9, FINE)
    angle, distance = best[0], best[1]
    for _ in range(3):
        off = columns * np.cos(angle) + rows * np.sin(angle) - distance
        along = rows * np.cos(angle) - columns * np.sin(angle)
        near = np.abs(off) < 3
        # How the light's middle moves off the line, by least squares.
        slope, shift = np.polyfit(along[near], off[near], 1, w=np.sqrt(weight[near]))
        angle, distance = angle - np.arctan(slope), (distance + shift) * np.cos(np.arctan(slope))
    return float(angle), float(distance)


def _profile(
    image: np.ndarray, off: np.ndarray, free: np.ndarray, usual: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """The trail's light, from its profile across the pieces of the line where nothing else is."""
    level = _median(image[free & (np.abs(off) > SIDE[0]) & (np.abs(off) < SIDE[1])])
    at = np.arange(-SIDE[0], SIDE[0] + 0.25, 0.5)
    values = np.array([_median(image[free & (np.abs(off - place) <= 0.5)]) - level for place in at])
    if not np.isfinite(values).all():
        return None
    wide = np.count_nonzero(values > usual / 2) * 0.5
    if wide > WIDEST or values[[0, -1]].max() > 0.3 * usual:
        return None
    light = np.interp(off, at, np.maximum(values, 0), left=0, right=0)
    dark = np.abs(at[values < SHINES * usual])
    shines = (dark.min() if len(dark) else SIDE[0]) + 1
    return light.astype(np.float32), np.abs(off) <= shines


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else np.nan
