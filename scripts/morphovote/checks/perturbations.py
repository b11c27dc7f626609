"""Rotate or mirror cutouts, add noise, or widen the PSF.

Angles are in degrees from the x (column) axis towards the y (row) axis. Cutouts are those of
`cutouts.make_cutouts`: dicts of `image`, `rms`, `mask` (N, S, S), `x`, `y` (N,) and others.
"""

import numpy as np
import torch
from scipy import ndimage

from morphovote.denoise.noise import draw_noise, noise_amplitude
from morphovote.denoise.recorrupted import noise_scale
from morphovote.flags import MISSING, OWN

# Full width at half maximum of a Gaussian in units of its standard deviation.
FWHM = 2 * np.sqrt(2 * np.log(2))


def turn(
    cutouts: dict[str, np.ndarray], degrees: float, mirrored: bool = False
) -> dict[str, np.ndarray]:
    """Rotate cutouts about their centre, after mirroring them along x.

    Quarter turns only move pixels and are exact. For other angles the image is interpolated by
    cubic splines, the noise map linearly, and the mask by the nearest pixel; this lowers the noise
    on the finest scales. Corners that lie outside the original cutout show its reflection and are
    marked as missing, so that nothing is measured there.

    Parameters
    ----------
    cutouts : dict of ndarray
    degrees : float
    mirrored : bool

    Returns
    -------
    dict of ndarray
        `image`, `rms`, `mask`, `x`, `y`, in the shapes and dtypes of the input.
    """
    arrays = {name: np.asarray(cutouts[name]) for name in ("image", "rms", "mask")}
    middle = (arrays["image"].shape[-1] - 1) / 2
    dx, dy = cutouts["x"] - middle, cutouts["y"] - middle
    if mirrored:
        arrays = {name: array[:, :, ::-1] for name, array in arrays.items()}
        dx = -dx
    angle = np.deg2rad(degrees)
    quarters = degrees / 90
    if quarters == int(quarters):
        arrays = {name: np.rot90(array, -int(quarters), (1, 2)) for name, array in arrays.items()}
    else:
        arrays = _interpolate(arrays, angle)
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()} | {
        "x": (middle + dx * np.cos(angle) - dy * np.sin(angle)).astype(np.float32),
        "y": (middle + dx * np.sin(angle) + dy * np.cos(angle)).astype(np.float32),
    }


def _interpolate(arrays: dict[str, np.ndarray], angle: float) -> dict[str, np.ndarray]:
    size = arrays["image"].shape[-1]
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    # Where each pixel of the rotated cutout comes from.
    source = (
        np.stack([y * np.cos(angle) - x * np.sin(angle), x * np.cos(angle) + y * np.sin(angle)])
        + (size - 1) / 2
    )
    outside = ((source < -0.5) | (source > size - 0.5)).any(axis=0)
    result = {}
    for name, order in (("image", 3), ("rms", 1), ("mask", 0)):
        result[name] = np.stack(
            [
                ndimage.map_coordinates(array, source, order=order, mode="mirror")
                for array in arrays[name]
            ]
        )
    result["mask"][:, outside] = (result["mask"][:, outside] & ~np.uint8(OWN)) | MISSING
    return result


def add_noise(
    cutouts: dict[str, np.ndarray], factor: float, covariance: np.ndarray, seeds: np.ndarray
) -> dict[str, np.ndarray]:
    """Raise the sky noise to `factor` times its level.

    Parameters
    ----------
    cutouts : dict of ndarray
    factor : float
        At least 1. New noise of sqrt(factor^2 - 1) times the sky noise is added.
    covariance : ndarray, shape (L, L)
        Of the sky noise, from `noise.noise_correlation`.
    seeds : ndarray of int, shape (N,)
        One per galaxy, so that its noise does not depend on the others.

    Returns
    -------
    dict of ndarray
        The cutouts with new `image` and `rms`.
    """
    image, rms = cutouts["image"], cutouts["rms"]
    amplitude = noise_amplitude(covariance, *image.shape[1:])
    level = noise_scale(rms)[:, None, None]
    more = np.sqrt(factor**2 - 1) * level
    noise = _draw(amplitude, image.shape, seeds)
    return dict(cutouts) | {
        "image": (image + more * noise).astype(np.float32),
        "rms": np.sqrt(rms**2 + more**2).astype(np.float32),
    }


def widen_psf(
    cutouts: dict[str, np.ndarray], fwhm: float, covariance: np.ndarray, seeds: np.ndarray
) -> dict[str, np.ndarray]:
    """Convolve with a Gaussian, and restore the sky noise that this removes.

    A wider PSF does not lower the sky noise of a survey. The added noise has the power that the
    convolution removed at each scale, so that level and correlation stay the same.

    Parameters
    ----------
    cutouts : dict of ndarray
    fwhm : float
        Of the Gaussian (px); it adds to the FWHM of the PSF in quadrature.
    covariance, seeds : ndarray
        As for `add_noise`.

    Returns
    -------
    dict of ndarray
        The cutouts with a new `image`.
    """
    image = cutouts["image"]
    sigma = fwhm / FWHM
    smooth = ndimage.gaussian_filter(image, (0, sigma, sigma), mode="mirror", truncate=5)
    amplitude = noise_amplitude(covariance, *image.shape[1:])
    height, width = amplitude.shape[0], 2 * (amplitude.shape[1] - 1)
    squared = np.fft.fftfreq(height)[:, None] ** 2 + np.fft.rfftfreq(width) ** 2
    passed = np.exp(-2 * np.pi**2 * sigma**2 * squared)
    lost = torch.from_numpy(np.sqrt(1 - passed**2).astype(np.float32))
    noise = _draw(amplitude * lost, image.shape, seeds)
    level = noise_scale(cutouts["rms"])[:, None, None]
    return dict(cutouts) | {"image": (smooth + level * noise).astype(np.float32)}


def _draw(amplitude: torch.Tensor, shape: tuple[int, ...], seeds: np.ndarray) -> np.ndarray:
    parts = [
        draw_noise(amplitude, (1, *shape[1:]), torch.Generator().manual_seed(int(seed)))
        for seed in seeds
    ]
    return torch.cat(parts).numpy()
