"""Adaptive polar coordinates, as published: one pixel sets the pole, another the zero angle.

As in Fang et al. 2025 (A&A 693, A141), Fang et al. 2023 (arXiv:2212.06981), and the code released
with them. Its faults are kept on purpose, so that a user can reproduce the results and see what the
faults cost; `checks.published_faults` lists them.
"""

import numpy as np

ANGLES, ANGLE_STEP = 125, 0.05
RADII, RADIUS_STEP = 100, 0.5


def unwrap(
    images: np.ndarray,
    limits: tuple[np.ndarray, np.ndarray] | None = None,
    empty: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Unwrap cutouts into polar images, as published.

    Parameters
    ----------
    images : ndarray, shape (N, S, S)
        Denoised cutouts.
    limits : tuple of ndarray, optional
        Brightness (N,) mapped to 0 and to 1. Default: each image's own minimum and maximum.
    empty : ndarray of bool, shape (N,), optional
        Galaxies without data; their images are zero and their scalars NaN.

    Returns
    -------
    dict of ndarray
        As from `moments.unwrap`, except that `image` is (N, 125, 200) float32 in [0, 1]. Rows are
        angles in steps of 0.05 rad. Columns are radii in steps of half a pixel, outwards from the
        pole in column 100 and mirrored to its left.
    """
    count = len(images)
    empty = np.zeros(count, bool) if empty is None else np.asarray(empty, bool)
    result = {
        "image": np.zeros((count, ANGLES, 2 * RADII), np.float32),
        **{k: np.full(count, np.nan, np.float32) for k in ("pole_x", "pole_y", "angle", "radius")},
        "mirrored": np.zeros(count, bool),
    }
    for i in np.flatnonzero(~empty):
        image = np.asarray(images[i], np.float32)
        low, high = (image.min(), image.max()) if limits is None else (limits[0][i], limits[1][i])
        share = np.clip((image - low) / (high - low if high > low else 1), 0, 1)
        x, y, angle = find_pixels(image)
        result["image"][i] = mirror_radii(sample_pixels(share, x, y, angle))
        result["pole_x"][i], result["pole_y"][i] = x, y
        result["angle"][i] = angle % (2 * np.pi)
        result["radius"][i] = RADIUS_STEP * (RADII - 1)
    return result


def find_pixels(image: np.ndarray) -> tuple[int, int, float]:
    """Pole (x, y) at the brightest pixel, and the angle (rad) from it to the faintest."""
    y, x = np.unravel_index(image.argmax(), image.shape)
    faint_y, faint_x = np.unravel_index(image.argmin(), image.shape)
    return int(x), int(y), float(np.arctan2(float(faint_y - y), float(faint_x - x)))


def sample_pixels(image: np.ndarray, x: float, y: float, angle: float) -> np.ndarray:
    """Nearest pixels around a pole, shape (125, 100): angles by radii.

    Negative indices wrap around, as in Python. Beyond the far edges the value is zero.
    """
    phi = angle + ANGLE_STEP * np.arange(ANGLES)[:, None]
    radius = RADIUS_STEP * np.arange(RADII)[None, :]
    columns = np.floor(x + radius * np.cos(phi) + 0.5).astype(int)
    rows = np.floor(y + radius * np.sin(phi) + 0.5).astype(int)
    height, width = image.shape
    inside = (-height <= rows) & (rows < height) & (-width <= columns) & (columns < width)
    result = np.zeros(inside.shape, np.float32)
    result[inside] = image[rows[inside], columns[inside]]
    return result


def mirror_radii(polar: np.ndarray) -> np.ndarray:
    """Put the mirrored half to the left of the pole: (125, 100) to (125, 200), one column off."""
    result = np.zeros((len(polar), 2 * polar.shape[1]), polar.dtype)
    middle = polar.shape[1]
    result[:, middle:] = polar
    # Correct would be column middle - 1 - j for radius j.
    result[:, 1 : middle + 1] = polar[:, ::-1]
    return result
