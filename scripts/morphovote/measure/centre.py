"""The centre about which a galaxy is most symmetric, and its ellipse."""

import numpy as np

from morphovote.measure.apertures import CORNER, circle_share
from morphovote.measure.compiled import compiled

# What the search for the centre takes for infinity.
OUT = 100.0
# The simplex (Nelder & Mead 1965, as scipy's fmin does it): its first size as a share of a
# coordinate, when it is small enough (px, and in A), and how many evaluations and rounds it gets.
FIRST, SMALL, ALIKE, MOST = 0.05, 1e-6, 1e-4, 400


@compiled
def centroid(image: np.ndarray) -> tuple[float, float, float]:
    """Sum, x and y (px) of the light of an image (height, width)."""
    total, across, up = 0.0, 0.0, 0.0
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            light = image[row, column]
            total += light
            across += light * column
            up += light * row
    if total == 0:
        return total, np.nan, np.nan
    return total, across / total, up / total


@compiled
def second_moments(image: np.ndarray, x: float, y: float) -> tuple[float, float, float]:
    """Sums of light times (dx^2, dx dy, dy^2) about a place."""
    xx, xy, yy = 0.0, 0.0, 0.0
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            dx, dy, light = column - x, row - y, image[row, column]
            xx += light * dx * dx
            xy += light * dx * dy
            yy += light * dy * dy
    return xx, xy, yy


def ellipse(image: np.ndarray, x: float, y: float) -> tuple[float, float, bool]:
    """Elongation (major over minor axis) and orientation (rad, from x towards y) about a place.

    From the second moments of the light (Bertin & Arnouts 1996; SExtractor's manual, eq. 21 and 43:
    an infinitely thin source gets the variance of a pixel), of light that is below zero too.

    Returns
    -------
    elongation, orientation : float
    sound : bool
        Whether both variances are positive.
    """
    total = image.sum()
    xx, xy, yy = (moment / total for moment in second_moments(image, x, y))
    sound, pixel = bool(xx > 0 and yy > 0), 1 / 12
    while abs(xx * yy - xy**2) < pixel**2:
        xx += pixel if xx >= 0 else -pixel
        yy += pixel if yy >= 0 else -pixel
    values = np.abs(np.linalg.eigvals(np.array([[xx, xy], [xy, yy]])))
    orientation = 0.5 * np.arctan2(2 * xy, xx - yy)
    return float(np.sqrt(values.max() / values.min())), float(orientation), sound


@compiled
def turned_asymmetry(
    image: np.ndarray, hidden: np.ndarray, x: float, y: float, radius: float, noise: float
) -> tuple[float, int]:
    """Asymmetry about a place, as statmorph minimises it (Lotz et al. 2004, eq. 10).

    The image (zero where hidden) is turned by 180 degrees with linear interpolation. A pixel counts
    as zero where it or the one nearest to its partner is hidden.

    Parameters
    ----------
    noise : float
        Mean absolute difference of the sky and the sky turned, for a pixel.

    Returns
    -------
    asymmetry : float
    problem : int
        1 where there is none: the place is outside, or there is no light.
    """
    height, width = image.shape
    if x < 0 or x >= width or y < 0 or y >= height:
        return OUT, 1
    right, up = int(np.floor(2 * x)), int(np.floor(2 * y))
    fx, fy = 2 * x - right, 2 * y - up
    near_x, near_y = int(fx >= 0.5), int(fy >= 0.5)
    light, difference, area = 0.0, 0.0, 0.0
    inside, outside = max(radius - CORNER, 0.0) ** 2, (radius + CORNER) ** 2
    for row in range(max(int(y - radius), 0), min(int(y + radius) + 2, height)):
        dy, there = row - y, up - row
        half = np.sqrt(max(outside - dy * dy, 0.0))
        for column in range(max(int(x - half), 0), min(int(x + half) + 2, width)):
            dx, across = column - x, right - column
            square = dx * dx + dy * dy
            if square >= outside or hidden[row, column]:
                continue
            if 0 <= there < height - 1 and 0 <= across < width - 1:
                if hidden[there + near_y, across + near_x]:
                    continue
                turned = (1 - fy) * (
                    (1 - fx) * image[there, across] + fx * image[there, across + 1]
                ) + fy * ((1 - fx) * image[there + 1, across] + fx * image[there + 1, across + 1])
            else:
                if _hidden_at(hidden, 2 * y - row, 2 * x - column):
                    continue
                turned = _between(image, there, across, fy, fx)
            share = 1.0 if square <= inside else circle_share(dx, dy, radius)
            light += share * abs(image[row, column])
            difference += share * abs(turned - image[row, column])
            area += share
    if light == 0:
        return OUT, 1
    return (difference - area * noise) / light, 0


@compiled
def _hidden_at(hidden: np.ndarray, y: float, x: float) -> bool:
    """Whether the pixel nearest to a place is hidden; outside the image nothing is."""
    row, column = int(np.floor(y + 0.5)), int(np.floor(x + 0.5))
    inside = 0 <= row < hidden.shape[0] and 0 <= column < hidden.shape[1]
    return inside and hidden[row, column]


@compiled
def _between(image: np.ndarray, row: int, column: int, fy: float, fx: float) -> float:
    """Linear interpolation at (row + fy, column + fx) of an image that is zero outside."""
    height, width = image.shape
    value = 0.0
    for i in range(2):
        for j in range(2):
            if 0 <= row + i < height and 0 <= column + j < width:
                share = (fy if i else 1 - fy) * (fx if j else 1 - fx)
                value += share * image[row + i, column + j]
    return value


@compiled
def most_symmetric(
    image: np.ndarray, hidden: np.ndarray, x: float, y: float, radius: float, noise: float
) -> tuple[float, float, int]:
    """Place (px) of least asymmetry, by a simplex from (x, y), and whether it left the image.

    The parameters are those of `turned_asymmetry`.
    """
    # The corners of the simplex with what is found there, the best first.
    corners = np.empty((3, 3))
    problem = 0
    for k in range(3):
        corners[k, 0], corners[k, 1] = x, y
        if k:
            moved = corners[k, k - 1]
            corners[k, k - 1] = (1 + FIRST) * moved if moved != 0 else 0.00025
        corners[k, 2], bad = turned_asymmetry(
            image, hidden, corners[k, 0], corners[k, 1], radius, noise
        )
        problem |= bad
    calls, rounds = 3, 1
    while True:
        _sort(corners)
        size = 0.0
        for k in range(1, 3):
            for axis in range(2):
                size = max(size, abs(corners[k, axis] - corners[0, axis]))
        alike = corners[2, 2] - corners[0, 2] <= ALIKE
        if calls >= MOST or rounds >= MOST or (size <= SMALL and alike):
            break
        middle_x = (corners[0, 0] + corners[1, 0]) / 2
        middle_y = (corners[0, 1] + corners[1, 1]) / 2
        away_x, away_y = middle_x - corners[2, 0], middle_y - corners[2, 1]
        first, bad = turned_asymmetry(
            image, hidden, middle_x + away_x, middle_y + away_y, radius, noise
        )
        calls, problem, step, value, shrink = calls + 1, problem | bad, 1.0, first, False
        if first < corners[0, 2] or first >= corners[1, 2]:
            # Further out if it is the best so far, otherwise half as far or inside.
            other = 2.0 if first < corners[0, 2] else (0.5 if first < corners[2, 2] else -0.5)
            second, bad = turned_asymmetry(
                image, hidden, middle_x + other * away_x, middle_y + other * away_y, radius, noise
            )
            calls, problem = calls + 1, problem | bad
            if other == 2.0:
                step, value = (other, second) if second < first else (step, first)
            else:
                step, value = other, second
                shrink = second > first if other > 0 else second >= corners[2, 2]
        if shrink:
            for k in range(1, 3):
                for axis in range(2):
                    corners[k, axis] = 0.5 * (corners[0, axis] + corners[k, axis])
                corners[k, 2], bad = turned_asymmetry(
                    image, hidden, corners[k, 0], corners[k, 1], radius, noise
                )
                problem |= bad
            calls += 2
        else:
            corners[2, 0], corners[2, 1] = middle_x + step * away_x, middle_y + step * away_y
            corners[2, 2] = value
        rounds += 1
    return corners[0, 0], corners[0, 1], problem


@compiled
def _sort(corners: np.ndarray) -> None:
    """By the last column, rising; those alike stay in order."""
    for last in (1, 2):
        for k in range(last, 0, -1):
            if corners[k, 2] < corners[k - 1, 2]:
                for axis in range(3):
                    one = corners[k, axis]
                    corners[k, axis] = corners[k - 1, axis]
                    corners[k - 1, axis] = one
