"""The part of an image that a galaxy is measured on, without neighbours and bad pixels."""

from typing import NamedTuple

import numpy as np

from morphovote.measure.compiled import compiled

# Side of the part in sides of the segment's box, and the least (px).
EXTENT, LEAST = 2.5, 48
# A pixel that differs from its eight neighbours by so many of their standard deviations is bad
# (Lotz et al. 2004).
OUTLIER = 10.0


class Stamp(NamedTuple):
    """Part of an image about a galaxy; arrays of shape (height, width)."""

    # Zero where hidden.
    image: np.ndarray
    rms: np.ndarray
    # Neighbours, missing and bad pixels.
    hidden: np.ndarray
    # The galaxy's pixels, none hidden.
    own: np.ndarray
    # Pixels that are not sky for certain: segment, neighbours, missing.
    taken: np.ndarray
    # Place of its first pixel in the image.
    x: int
    y: int


def cut_stamp(image: np.ndarray, rms: np.ndarray, segment: np.ndarray, hidden: np.ndarray) -> Stamp:
    """Cut what statmorph cuts: 2.5 times the segment's box (Rodriguez-Gomez et al. 2019)."""
    bounds = []
    for axis, size in ((1, image.shape[0]), (0, image.shape[1])):
        there = np.flatnonzero(segment.any(axis=axis))
        bounds.append((int(there[0]), int(there[-1]) + 1 - int(there[0]), size))
    reach = max(int(max(length for _, length, _ in bounds) * EXTENT / 2), LEAST // 2)
    place = tuple(
        slice(max(first + length // 2 - reach, 0), min(first + length // 2 + reach, size))
        for first, length, size in bounds
    )
    part, noise, own = (np.ascontiguousarray(one[place]) for one in (image, rms, segment))
    without = hidden[place]
    bad = ~np.isfinite(part) | ~np.isfinite(noise) | bad_pixels(part) | without
    return Stamp(
        np.where(bad, 0.0, part), np.where(bad, 0.0, noise), bad, own & ~bad, own | without,
        place[1].start, place[0].start,
    )  # fmt: skip


@compiled
def bad_pixels(image: np.ndarray) -> np.ndarray:
    """Pixels (H, W) that stand out of their eight neighbours; beyond the edge its pixels go on."""
    height, width = image.shape
    found = np.zeros((height, width), np.bool_)
    for row in range(height):
        for column in range(width):
            total, squares = 0.0, 0.0
            for i in range(row - 1, row + 2):
                for j in range(column - 1, column + 2):
                    if i != row or j != column:
                        value = image[min(max(i, 0), height - 1), min(max(j, 0), width - 1)]
                        total += value
                        squares += value * value
            mean = total / 8
            variance = squares / 8 - mean * mean
            if variance >= 0:
                found[row, column] = abs(image[row, column] - mean) > OUTLIER * np.sqrt(variance)
    return found
