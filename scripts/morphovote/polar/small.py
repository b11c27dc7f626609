"""Small pictures: polar images as few numbers, in which galaxies can be compared as they look."""

import numpy as np

# Numbers of a small picture: radii, and the waves 0 to 4 of 8 angles.
RADII, ANGLES = 16, 8
WAVES = ANGLES // 2 + 1


def shrink(image: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Shrink polar images to pictures that do not change when a galaxy turns or is mirrored.

    An encoder turns shapes that it never saw into shapes that it knows; these pictures keep them.
    The image is averaged over 16 ranges of radius and 8 of angle. Of the square root of each ring,
    in which faint outskirts count, only the amplitudes of its waves in angle remain.

    Parameters
    ----------
    image : ndarray, shape (N, R, A)
        Rows are radii outwards, columns angles all around; in [0, 1].
    usable : ndarray of bool, shape (N,)
        Galaxies with data.

    Returns
    -------
    ndarray of float16, shape (N, 80)
        Of norm 1, so that the brightness does not count; NaN where not usable.
    """
    count, radii, angles = image.shape
    rows, columns = _starts(radii, RADII), _starts(angles, ANGLES)
    area = np.outer(np.diff(rows, append=radii), np.diff(columns, append=angles))
    total = np.add.reduceat(image, columns, axis=2, dtype=np.float64)
    mean = np.add.reduceat(total, rows, axis=1) / area
    waves = np.abs(np.fft.rfft(np.sqrt(np.clip(mean, 0, None)), axis=2))
    # Each of these waves stands for two, of either sign.
    waves[..., 1:] *= np.sqrt(2)
    flat = waves.reshape(count, RADII * WAVES)
    norm = np.sqrt((flat**2).sum(axis=1, keepdims=True))
    return np.where(usable[:, None], flat / np.maximum(norm, 1e-12), np.nan).astype(np.float16)


def _starts(length: int, parts: int) -> np.ndarray:
    """Where each of `parts` ranges of `length` pixels begins, as alike as possible."""
    return np.arange(parts) * length // parts
