"""Denoising about as well as the workflow's denoiser, without a network to train."""

import torch
from torch.nn.functional import avg_pool2d

from morphovote.pretrain.telescope import PADDED, frequencies

# Gaussian filters (sigma in px) that the adaptive blur mixes.
SIGMAS = (0.0, 0.8, 1.5, 2.7, 5.0)


def adaptive_blur(
    image: torch.Tensor,
    expected: torch.Tensor,
    rms: torch.Tensor,
    correlation: torch.Tensor,
    strength: torch.Tensor,
    quiet: torch.Tensor,
    residue: torch.Tensor,
) -> torch.Tensor:
    """Denoise about as well as the workflow's denoiser, without a network.

    The denoiser mixes Gaussian filters and zero, with weights for each pixel (see
    `network.Denoiser`). Here the weights follow from the expected squared error of each filter: its
    noise, and its bias, which is known because the noiseless image is known.

    Parameters
    ----------
    image, expected, rms : Tensor
        Shape (N, S, S): the noisy image, the noiseless image, and the noise map.
    correlation : Tensor
        Shape (N,): sigma (px) of the Gaussian that correlates the noise.
    strength : Tensor
        Shape (N,): factor on the noise, by which some images become smoother than others.
    quiet, residue : Tensor
        Shape (N,), 0 to 1: how strongly the faintest light is set to zero, and what share of the
        noise remains, except for that on the smallest scale.

    Returns
    -------
    Tensor
        Shape (N, S, S).
    """
    size = image.shape[-1]
    both = torch.cat([image, expected])
    shape = (PADDED, PADDED)
    spectrum = torch.fft.rfft2(both, shape)
    k2 = frequencies()[2]
    sky = (rms.median(2).values.median(1).values * strength)[:, None, None]
    correlation = correlation[:, None, None]
    bank, risk = [], []
    for sigma in SIGMAS:
        smooth, truth = image, expected
        if sigma:
            smooth = torch.fft.irfft2(spectrum * torch.exp(-0.5 * k2 * sigma**2), shape)
            smooth, truth = smooth[:, :size, :size].chunk(2)
        # Smoothing by sigma reduces the variance of white noise to about 1 / (4 pi sigma^2).
        noise = (correlation**2 + 0.08) / (sigma**2 + correlation**2 + 0.08) * sky**2
        bank.append(smooth)
        risk.append(_local_mean((truth - expected) ** 2, 5) + noise)
    risk.append(_local_mean(expected**2, 7))
    risk = torch.stack(risk)
    weight = (risk.amin(0).clamp(min=1e-6 * sky**2) / risk.clamp(min=1e-6 * sky**2)) ** 2
    weight[-1] *= quiet[:, None, None]
    weight = _local_mean(weight.flatten(0, 1), 3).reshape(weight.shape)
    mixed = sum(w * b for w, b in zip(weight[:-1], bank, strict=True))
    mixed = mixed / weight.sum(0)
    return mixed + residue[:, None, None] * (bank[1] - mixed)


def _local_mean(image: torch.Tensor, side: int = 7) -> torch.Tensor:
    pad = side // 2
    return avg_pool2d(image[:, None], side, stride=1, padding=pad, count_include_pad=False)[:, 0]
