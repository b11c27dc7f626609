"""Sums over the pixels of what a fit of bulge and disc needs."""

import numpy as np

from morphovote.measure.compiled import compiled
from morphovote.measure.sersic import SLOPES, blurred_at
from morphovote.measure.sersic_fit import BLOCK, FAR, MORE

# Columns of the products: slopes of the bulge and of the disc, their light, the level, the data.
BULGE, DISC, LEVEL, DATA = 2 * SLOPES, 2 * SLOPES + 1, 2 * SLOPES + 2, 2 * SLOPES + 3


@compiled
def _add(sums: np.ndarray, terms: np.ndarray) -> None:
    for k in range(DATA + 1):
        for other in range(k, DATA + 1):
            sums[k, other] += terms[k] * terms[other]


@compiled
def _slopes(
    x: float, y: float, profiles: np.ndarray, variance: float, noise: float, terms: np.ndarray
) -> None:
    """Light and slopes of both outside of what is convolved."""
    for which in range(2):
        profile = profiles[which]
        found = blurred_at(x - profile[2], y - profile[3], profile, variance)
        terms[BULGE + which] = noise * found[0]
        first = which * SLOPES
        terms[first], terms[first + 1] = noise * found[1], noise * found[2]
        terms[first + 2], terms[first + 3] = noise * found[3], noise * found[4]
        terms[first + 4], terms[first + 5] = noise * found[5], noise * found[6]


@compiled
def both_products(
    data: np.ndarray,
    weight: np.ndarray,
    blocks: np.ndarray,
    anchor: np.ndarray,
    profiles: np.ndarray,
    middles: np.ndarray,
) -> np.ndarray:
    """As `sersic_fit._products`, of two profiles (2, 14) with one centre: (16, 16)."""
    height, width = data.shape
    size = middles.shape[2]
    left = int(np.rint(profiles[0, 2])) - size // 2
    bottom = int(np.rint(profiles[0, 3])) - size // 2
    sums, terms = np.zeros((DATA + 1, DATA + 1)), np.empty(DATA + 1)
    near = max(size // 2, FAR) + MORE
    x_near, y_near = int(anchor[0]) - near, int(anchor[1]) - near
    blur = profiles[0, 13]
    # A block is blurred by its own size too.
    variance = blur + (BLOCK**2 - 1) / 12
    for i in range(blocks.shape[0]):
        for j in range(blocks.shape[1]):
            below, before = i * BLOCK - y_near, j * BLOCK - x_near
            if not (-BLOCK < below <= 2 * near and -BLOCK < before <= 2 * near):
                x, y, noise, mean, squares = blocks[i, j]
                if noise > 0:
                    _slopes(x, y, profiles, variance, noise, terms)
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
                        for which in range(2):
                            terms[BULGE + which] = noise * middles[which, 0, up, right]
                            for k in range(SLOPES):
                                slope = middles[which, k + 1, up, right]
                                terms[which * SLOPES + k] = noise * slope
                    else:
                        _slopes(column, row, profiles, blur, noise, terms)
                    terms[LEVEL], terms[DATA] = noise, noise * data[row, column]
                    _add(sums, terms)
    for k in range(DATA + 1):
        for other in range(k):
            sums[k, other] = sums[other, k]
    return sums
