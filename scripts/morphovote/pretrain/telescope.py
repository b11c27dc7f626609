"""A telescope for the training's galaxies: PSF, neighbours, noise, display, missing pixels."""

import math
from functools import cache

import numpy as np
import torch

from morphovote.simulate.layered.images import SIZE, bulge_light

# Fourier transforms are padded, so that light does not wrap around to the other side.
PADDED = 128
NEIGHBOURS = 3


def take_images(
    light: torch.Tensor, view: dict[str, torch.Tensor], seed: int
) -> tuple[np.ndarray, torch.Tensor, torch.Tensor]:
    """Images of galaxies as seen through a telescope.

    Parameters
    ----------
    light : Tensor
        Shape (N, 100, 100): the light of the galaxies before the telescope, without noise. The
        light of neighbours is in units of the galaxy's, so its sum should be about 1.
    view : dict of Tensor
        Shape (N, ...), from `views`: PSF, noise, depth, neighbours, missing pixels.
    seed : int
        Of the noise.

    Returns
    -------
    ndarray
        Shape (N, 100, 100), float32: with neighbours and noise; NaN where pixels are missing.
    Tensor
        The same without noise.
    Tensor
        The galaxies alone, without noise, at high resolution.
    """
    count = len(view["scale"])
    shape = (PADDED, PADDED)
    spectrum = torch.fft.rfft2(light, shape)
    transfer = psf_transfer(view)
    seen = torch.fft.irfft2(spectrum * transfer, shape)[:, :SIZE, :SIZE]
    k2 = frequencies()[2]
    sharp = (0.08 * view["scale"]).clamp(min=0.6)[:, None, None]
    clean = torch.fft.irfft2(spectrum * torch.exp(-0.5 * k2 * sharp**2), shape)
    # Matched-filter signal-to-noise ratio of the galaxy alone, in noise of rms 1.
    power = seen.square().sum((1, 2)).sqrt()
    factor = torch.where(power > 1e-9, view["snr"] / power.clamp(min=1e-9), 0.0)[:, None, None]
    near = torch.fft.rfft2(_neighbours(view), shape)
    near = torch.fft.irfft2(near * transfer, shape)[:, :SIZE, :SIZE]
    signal = (seen + near) * factor
    peak = signal.amax((1, 2), keepdim=True).clamp(min=1e-6)
    noise = _noise(count, view["correlation"], seed)
    bright = 1 + view["poisson"][:, None, None] * (signal / peak).clamp(min=0)
    image = signal + noise * torch.sqrt(bright)
    white = image.flatten(1).quantile(0.999, 1)[:, None, None].clamp(min=3.0)
    image, signal = _display(image, white, view).numpy(), _display(signal, white, view)
    for i in torch.nonzero(view["missing"] > 0)[:, 0].tolist():
        width = int(view["missing"][i] * SIZE)
        np.rot90(image[i], int(view["missing_side"][i]))[:width] = np.nan
    return image, signal, clean[:, :SIZE, :SIZE].contiguous()


def _display(image: torch.Tensor, white: torch.Tensor, view) -> torch.Tensor:
    """Display images, as some surveys deliver: asinh-stretched, clipped, in about 200 levels."""
    soft = view["stretch"][:, None, None]
    shown = torch.asinh((image / white).clamp(min=-0.3) / soft) / torch.asinh(1 / soft)
    shown = (shown.clamp(max=1.0) * 200).round()
    return torch.where(view["stretched"][:, None, None], shown, image)


@cache
def frequencies(side: int = PADDED) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Angular frequencies (rad/px) of a transform of some side: along x, along y, squared."""
    k_y = torch.fft.fftfreq(side)[:, None] * 2 * math.pi
    k_x = torch.fft.rfftfreq(side)[None] * 2 * math.pi
    return k_x, k_y, k_x**2 + k_y**2


def psf_transfer(view) -> torch.Tensor:
    """Transfer function of slightly elliptical PSFs with a Gaussian core and a Gaussian wing."""
    k_x, k_y, k2 = frequencies()
    e1, e2 = (view["stretch_e"][:, i, None, None].clamp(-0.3, 0.3) for i in (0, 1))
    k2 = k2 + e1 * (k_x**2 - k_y**2) + 2 * e2 * k_x * k_y
    sigma = (view["fwhm"] / 2.355)[:, None, None]
    wing, size = view["wing"][:, None, None], view["wing_size"][:, None, None]
    core = torch.exp(-0.5 * k2 * sigma**2)
    return (1 - wing) * core + wing * torch.exp(-0.5 * k2 * (size * sigma) ** 2)


def _neighbours(view) -> torch.Tensor:
    """Light of neighbouring sources, relative to the galaxy's: Sersic profiles around it."""
    count = len(view["scale"])
    image = torch.zeros(count, SIZE * SIZE)
    grid = torch.arange(SIZE, dtype=torch.float32)
    x, y = grid.expand(SIZE, SIZE).flatten(), grid[:, None].expand(SIZE, SIZE).flatten()
    for k in range(NEIGHBOURS):
        some = torch.nonzero(view["near_flux"][:, k] > 0)[:, 0]
        if not len(some):
            continue
        near = {name: view[f"near_{name}"][some, k][:, None] for name in ("n", "q")}
        near |= {"r_e": torch.ones_like(near["n"]), "boxiness": torch.full_like(near["n"], 2.0)}
        near["bulge_turn"] = view["near_turn"][some, k][:, None]
        size = view["near_size"][some, k][:, None].clamp(min=1.0)
        distance = view["near_distance"][some, k] + 1.5 * view["scale"][some]
        angle = view["near_angle"][some, k]
        u = x - (view["x"][some] + distance * torch.cos(angle))[:, None]
        v = y - (view["y"][some] + distance * torch.sin(angle))[:, None]
        # Softened within a pixel, because neighbours are sampled once per pixel.
        u, v = (torch.sign(w) * torch.hypot(w, torch.tensor(0.3)) for w in (u, v))
        flux = view["near_flux"][some, k][:, None] / size**2
        image[some] += flux * bulge_light(near, u / size, v / size)
    return image.reshape(count, SIZE, SIZE)


def _noise(count: int, correlation: torch.Tensor, seed: int) -> torch.Tensor:
    """Gaussian noise of unit variance, smoothed with sigma `correlation` (px) if above 0."""
    generator = torch.Generator().manual_seed(seed + 7)
    white = torch.randn(count, PADDED, PADDED, generator=generator)
    noise = white[:, :SIZE, :SIZE].clone()
    some = torch.nonzero(correlation > 0)[:, 0]
    if not len(some):
        return noise
    kernel = torch.exp(-0.5 * frequencies()[2] * correlation[some, None, None] ** 2)
    smooth = torch.fft.irfft2(torch.fft.rfft2(white[some]) * kernel, (PADDED, PADDED))
    smooth = smooth / smooth.std((1, 2), keepdim=True)
    noise[some] = smooth[:, :SIZE, :SIZE]
    return noise
