"""Neighbours that lie around a galaxy like an arc, and so may be a part of what it is.

Detection takes an arc, or a shell, that is set apart from its galaxy for a neighbour, and cutouts
hide neighbours. A neighbour by chance is seldom long along the circle about the galaxy.
"""

import numpy as np
from scipy import ndimage

# An arc is at least so many times as long along the circle as across it, and the scatter of its
# light in angle (rad) is that of an even arc over some 60 degrees.
ELONGATED, SPREAD = 2.5, 0.3
# Variance of the light over one pixel (px^2), which is no less across the thinnest arc.
PIXEL = 1 / 12


def arc_pixels(
    others: np.ndarray,
    labels: np.ndarray,
    light: np.ndarray,
    missing: np.ndarray,
    x: float,
    y: float,
) -> np.ndarray:
    """Pixels of the neighbours that are elongated along the circle about a galaxy.

    Length and width are the scatter of a neighbour's light along the circle and in radius.

    Parameters
    ----------
    others : ndarray of bool, shape (S, S)
        Pixels of other sources.
    labels : ndarray of int, shape (S, S)
        Which source each pixel belongs to.
    light : ndarray, shape (S, S)
        Image without its sky.
    missing : ndarray of bool, shape (S, S)
        Pixels without data. A neighbour that is cut off there, or at the border, is long along it,
        and is not taken for an arc.
    x, y : float
        Position of the galaxy (px).

    Returns
    -------
    ndarray of bool, shape (S, S)
    """
    rows, columns = np.nonzero(others)
    if not len(rows):
        return np.zeros_like(others)
    _, piece = np.unique(labels[rows, columns], return_inverse=True)
    weight = np.maximum(light[rows, columns].astype(float), 0)
    total = np.maximum(np.bincount(piece, weight), np.finfo(float).tiny)

    def mean(values: np.ndarray) -> np.ndarray:
        return (np.bincount(piece, weight * values) / total)[piece]

    dx, dy = columns - x, rows - y
    radius, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    # Angles from each piece's own direction, so that none is cut where they wrap.
    turn = np.angle(np.exp(1j * (angle - np.arctan2(mean(dy), mean(dx)))))
    far = mean(radius)
    spread = mean(turn**2) - mean(turn) ** 2
    across = mean((radius - far) ** 2) + PIXEL
    arcs = np.zeros_like(others)
    long = far**2 * spread > ELONGATED**2 * across
    beyond = np.pad(missing, 1, constant_values=True)
    end = ndimage.maximum_filter(beyond.view(np.uint8), 3)[1:-1, 1:-1][rows, columns] > 0
    whole = (np.bincount(piece, end) == 0)[piece]
    arcs[rows, columns] = long & (spread > SPREAD**2) & whole
    return arcs
