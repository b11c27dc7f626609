"""Pixels without data: not finite, blank, or of a noise that cannot be.

Images mark pixels without data in many ways: NaN, zero, -32768, -99, the largest value of the
file's type. What they share is one value, exactly repeated where noise never repeats.
"""

import numpy as np
from scipy import ndimage

# Touching pixels of one value that are a blank patch, where noise does not repeat by chance. Where
# it does, a patch is larger than any by chance, at these odds.
FEWEST, ODDS = 4, 1e-3
# The border of a blank patch is a step of this share of the usual difference between neighbouring
# pixels, at least. The constant level far out in an image without noise begins without one.
STEP = 0.2
# In an image rounded to steps equal neighbours are common: there a blank value is one that lies so
# many of those differences from all others. Its steps are no finer than this share of them.
FAR, FINEST = 12.0, 1e-3
# Pixels from which differences and steps are judged.
JUDGED = 5_000
# No pixel is so many times brighter than the image's noise, and no noise is so many times the
# brightest pixel: 1e30 stands for "not to be used".
RANGE = 1e7
# Noise so many times that of the quietest tenth of the pixels, or so small a share of the median,
# marks pixels that were not to be used.
LOUD, QUIET = 3e3, 1e-4
# No relative weights give a noise as large as this; programs write 1e10 or 1e30 for none.
MARKER = 1e8


def missing_pixels(image: np.ndarray, rms: np.ndarray | None = None) -> np.ndarray:
    """Pixels without data: not finite, blank, or of no known noise.

    Blank pixels are exact zeros in solid patches of at least 3x3, as mosaics have where no exposure
    reached, and touching pixels of one value, whatever it is, with a step at their border: dead
    columns, saturated cores, patches of -99. A single zero is a pixel like any other.

    Parameters
    ----------
    image : ndarray
        Shape (height, width).
    rms : ndarray, optional
        Same shape; missing where not finite or not positive, or thousands of times off the rest.

    Returns
    -------
    ndarray of bool
        Same shape.
    """
    missing = ~np.isfinite(image)
    zero = image == 0
    if zero.any():
        square = np.ones((3, 3), dtype=bool)
        # Patches go on beyond the border and under the other missing pixels.
        core = ndimage.binary_erosion(zero | missing, square, border_value=1)
        missing |= zero & ndimage.binary_dilation(core, square)
    missing |= _blank(image, missing)
    if rms is not None:
        missing |= ~_possible_noise(rms, float(np.abs(image[~missing]).max(initial=0)))
    return missing


def _blank(image: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Patches of one value with a step at their border, and pixels beyond any range."""
    blank = np.zeros(image.shape, dtype=bool)
    usual = _usual_difference(image, missing)
    if not usual:
        return blank
    there = ~missing
    far = np.where(missing, 0, image)
    if max(float(far.max()), -float(far.min())) > 0.5 * RANGE * usual:
        blank = there & (np.abs(image - np.median(image[there])) > RANGE * usual)
    like = _like_neighbour(image)
    if like is None:
        return blank
    like &= there
    alike = np.count_nonzero(like)
    judged = image[there][:: max(np.count_nonzero(there) // JUDGED, 1)]
    values, counts = np.unique(image[like], return_counts=True)
    steps = np.diff(np.unique(judged))
    rounded = len(steps) > 0 and steps.min() > FINEST * usual
    if rounded:
        apart = [np.abs(judged[judged != value] - value).min(initial=np.inf)
                 for value in values[[0, -1]]]  # fmt: skip
        ends = np.unique(np.array([0, len(values) - 1])[np.array(apart) > FAR * usual])
        values, counts = values[ends], counts[ends]
    # The most frequent first: pixels already blank do not count as chance.
    for index in np.argsort(-counts, kind="stable")[: min(np.count_nonzero(counts >= FEWEST), 10)]:
        same = (image == values[index]) & ~missing
        chance = 0 if rounded else (alike - counts[index]) / image.size
        patch = _patches(image, same, usual, chance)
        if patch.any():
            blank |= patch
            alike -= counts[index]
    return blank


def _usual_difference(image: np.ndarray, missing: np.ndarray) -> float:
    """Median difference between neighbouring pixels that differ; 0 where none do."""
    step = max(image.size // JUDGED, 1)
    rows, gone = image[::step], missing[::step]
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(np.diff(rows, axis=1))[~(gone[:, 1:] | gone[:, :-1])]
    difference = difference[difference > 0]
    return float(np.median(difference)) if len(difference) else 0.0


def _like_neighbour(image: np.ndarray) -> np.ndarray | None:
    """Pixels of exactly the value of one that touches them; None where they are few."""
    everything, first, last = slice(None), slice(None, -1), slice(1, None)
    pairs = (
        ((everything, first), (everything, last)),
        ((first, everything), (last, everything)),
        ((first, first), (last, last)),
        ((first, last), (last, first)),
    )
    same = [image[one] == image[other] for one, other in pairs]
    # Images of real noise end here: no two neighbours are alike.
    if sum(map(np.count_nonzero, same)) < FEWEST - 1:
        return None
    like = np.zeros(image.shape, dtype=bool)
    for (one, other), equal in zip(pairs, same, strict=True):
        like[one] |= equal
        like[other] |= equal
    return like


def _patches(image: np.ndarray, same: np.ndarray, usual: float, chance: float) -> np.ndarray:
    """The pixels `same`, of one value, that lie in patches too large for chance and with a step.

    `chance` is how often two other neighbours are alike.
    """
    fewest = FEWEST
    if chance > 0:
        # The root, since noise may go together in neighbouring pixels.
        odds = 2 * np.log(ODDS / image.size) / np.log(min(chance, 0.99))
        fewest = max(FEWEST, 1 + int(np.ceil(odds)))
    labels, count = ndimage.label(same, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    patch = (sizes >= fewest)[labels]
    if not patch.any():
        return patch
    border = ndimage.binary_dilation(patch) & ~same & np.isfinite(image)
    value = image[np.unravel_index(patch.argmax(), patch.shape)]
    step = np.abs(image[border] - value)
    return patch if len(step) and np.median(step) > STEP * usual else np.zeros_like(patch)


def _possible_noise(rms: np.ndarray, brightest: float) -> np.ndarray:
    """Pixels whose noise may be one: positive, and not thousands of times off the rest.

    `brightest` is the largest pixel of the image, without sign.
    """
    with np.errstate(invalid="ignore"):
        good = np.isfinite(rms) & (rms > 0)
        near = rms < RANGE * brightest
        # Where all are beyond that, weights are relative: 1 for pixels of 1e-12 maggies.
        good &= near | (brightest == 0) | ((rms < MARKER) & ~(good & near).any())
    if not good.any() or rms[good].max() <= LOUD * rms[good].min():
        return good
    good &= rms <= LOUD * np.percentile(rms[good], 10)
    return good & (rms >= QUIET * np.median(rms[good]))
