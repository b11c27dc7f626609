"""Sky noise: measure its correlation between pixels, and draw more with the same correlation."""

from collections.abc import Sequence

import numpy as np
import torch

from morphovote.logs import log

# Largest lag (px) at which the correlation is measured, and the minimum number of sky pixels.
MAX_LAG = 8
MIN_SKY_PIXELS = 2000


def noise_correlation(
    images: np.ndarray, rms: np.ndarray, mask: np.ndarray, max_lag: int = MAX_LAG
) -> np.ndarray:
    """Covariance of the sky noise between pixels, in units of the rms map.

    Parameters
    ----------
    images, rms : ndarray
        Shape (N, H, W): background-subtracted images, and the noise of each pixel.
    mask : ndarray
        Shape (N, H, W), bits of `flags`. Pixels that have no bit, and lie more than 3 px from
        pixels that do, are sky.
    max_lag : int
        Largest lag (px).

    Returns
    -------
    ndarray
        Shape (2 max_lag + 1, 2 max_lag + 1), float64, point-symmetric. Lag (0, 0), in the middle,
        holds the variance, which is 1 if the rms map is right. With too little sky to measure,
        white noise of variance 1.
    """
    side = 2 * max_lag + 1
    total, pairs = np.zeros((side, side)), np.zeros((side, side))
    height, width = mask.shape[1:]
    # Padding keeps opposite edges from correlating in the periodic transform.
    shape = (height + max_lag, width + max_lag)
    lags = np.arange(-max_lag, max_lag + 1)
    for image, noise, bits in zip(images, rms, mask, strict=True):
        sky = ~_grow(bits != 0, 3)
        if sky.sum() < 50:
            continue
        value = np.where(sky, image / noise, 0.0)
        # Faint sources, bad pixels and a residual background would look like correlated noise.
        spread = 1.4826 * np.median(np.abs(value[sky] - np.median(value[sky])))
        sky &= np.abs(value - np.median(value[sky])) < 4 * spread
        if sky.sum() < 50:
            continue
        value = np.where(sky, value - value[sky].mean(), 0.0)
        for sums, array in ((total, value), (pairs, sky.astype(float))):
            power = np.abs(np.fft.rfft2(array, shape)) ** 2
            sums += np.fft.irfft2(power, shape)[np.ix_(lags, lags)]
    centre = (max_lag, max_lag)
    if pairs[centre] < MIN_SKY_PIXELS or total[centre] <= 1e-6 * pairs[centre]:
        log.warning(
            "the cutouts have too little sky (%d pixels) to measure the noise correlation: white "
            "noise with the rms of the rms map is assumed",
            int(pairs[centre]),
        )
        white = np.zeros((side, side))
        white[centre] = 1.0
        return white
    covariance = total / np.maximum(pairs, 1.0)
    # Correlation at lags near MAX_LAG comes from faint sources and background, not from noise.
    reach = np.hypot(*np.meshgrid(lags, lags)) / max_lag
    covariance -= covariance[(reach > 0.8) & (reach <= 1)].mean()
    # The measured tail is mostly error, so it is tapered to zero.
    return covariance * np.where(reach < 1, np.cos(0.5 * np.pi * np.minimum(reach, 1)) ** 0.5, 0)


def _grow(mask: np.ndarray, pixels: int) -> np.ndarray:
    for _ in range(pixels):
        grown = mask.copy()
        grown[1:] |= mask[:-1]
        grown[:-1] |= mask[1:]
        grown[:, 1:] |= mask[:, :-1]
        grown[:, :-1] |= mask[:, 1:]
        mask = grown
    return mask


def noise_amplitude(covariance: np.ndarray, height: int, width: int) -> torch.Tensor:
    """Fourier amplitude of noise with a given covariance, for `draw_noise`.

    Parameters
    ----------
    covariance : ndarray
        Shape (L, L), from `noise_correlation`.
    height, width : int
        Size of the images (px).

    Returns
    -------
    Tensor
        Shape (height + p, (width + p) / 2 + 1), float32, where p is the padding.
    """
    lag = len(covariance) // 2
    # Even sides, padded so that opposite edges of an image are independent.
    shape = [size + lag + (size + lag) % 2 for size in (height, width)]
    shape = [max(size, 2 * lag + 2) for size in shape]
    wrapped = np.zeros(shape)
    lags = np.arange(-lag, lag + 1)
    wrapped[np.ix_(lags % shape[0], lags % shape[1])] = covariance
    power = np.maximum(np.fft.fft2(wrapped).real, 0.0)
    # Clipping negative power adds variance; scale it back.
    power *= covariance[lag, lag] / power.mean()
    return torch.from_numpy(np.sqrt(power[:, : shape[1] // 2 + 1]).astype(np.float32))


def draw_noise(
    amplitude: torch.Tensor, shape: Sequence[int], generator: torch.Generator
) -> torch.Tensor:
    """Draw Gaussian noise with the covariance that `amplitude` describes.

    Parameters
    ----------
    amplitude : Tensor
        From `noise_amplitude`, for images of at least this shape.
    shape : sequence of int
        (N, H, W).
    generator : torch.Generator

    Returns
    -------
    Tensor
        Shape (N, H, W), float32.
    """
    count, height, width = shape
    padded = (amplitude.shape[0], 2 * (amplitude.shape[1] - 1))
    white = torch.randn((count, *padded), generator=generator)
    return torch.fft.irfft2(torch.fft.rfft2(white) * amplitude, s=padded)[:, :height, :width]
