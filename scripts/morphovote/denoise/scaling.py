"""Scaling a cutout to its own minimum and maximum, with or without the published code's 8 bits."""

import numpy as np


def scale_to_bytes(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scale each image linearly to its own minimum and maximum, in 8 bits.

    Parameters
    ----------
    images : ndarray, shape (N, H, W)
        Finite, in any unit.

    Returns
    -------
    scaled : ndarray of uint8, shape (N, H, W)
        0 at the minimum, 255 at the maximum, rounded down. A flat image is all zero.
    low, high : ndarray, shape (N,), float32
        Minimum and maximum.
    """
    share, low, high = scale_to_range(images)
    return (255 * share).astype(np.uint8), low, high


def scale_to_range(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same without the 8 bits: float32 from 0 to 1, and minimum and maximum (N,)."""
    images = np.asarray(images, np.float32)
    low, high = images.min(axis=(1, 2)), images.max(axis=(1, 2))
    span = np.where(high > low, high - low, 1)[:, None, None]
    return (images - low[:, None, None]) / span, low, high


def scale_through_bytes(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same through 8 bits: float32 from 0 to 1 in 256 steps, and minimum and maximum (N,)."""
    scaled, low, high = scale_to_bytes(images)
    return scaled.astype(np.float32) / 255, low, high


# Scaling of the dense autoencoder's input, by the config's `cutout.scaling`.
SCALINGS = {"flux": scale_to_range, "published": scale_through_bytes}
