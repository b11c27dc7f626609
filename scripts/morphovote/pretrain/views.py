"""From simulated light to the encoder's input: telescope, noise, and the workflow's own steps.

A view is one galaxy as one survey might have seen it. Two views of a galaxy differ in rotation,
mirroring, size, position, PSF, noise and neighbours.
"""

import math
from functools import cache

import numpy as np
import torch
from torch.nn.functional import avg_pool2d

from morphovote import flags
from morphovote.fields.cutouts import cut_source
from morphovote.polar import moments
from morphovote.simulate.layered.galaxies import draw_galaxies
from morphovote.simulate.layered.images import SIZE, bulge_light, draw_galaxy_light
from morphovote.simulate.layered.kinds import Draw

# Simulated surveys, each with its own PSF, noise correlation and stretch. A sixth is held out.
SURVEYS, HELD_OUT = 600, 6
# Fourier transforms are padded, so that light does not wrap around to the other side.
PADDED = 128
# Gaussian filters (sigma in px) that the adaptive blur mixes.
SIGMAS = (0.0, 0.8, 1.5, 2.7, 5.0)
NEIGHBOURS = 3
# Harmonics and rings of the angular Fourier code.
HARMONICS, RINGS = 7, 8


def draw_views(seed: int, galaxies: int, held_out: bool = False) -> dict[str, np.ndarray]:
    """Simulate galaxies and two views of each.

    Parameters
    ----------
    seed : int
    galaxies : int
    held_out : bool
        Whether to use the surveys that training never uses.

    Returns
    -------
    dict of ndarray
        `image`, shape (galaxies, 2, 64, 96), uint8: polar images times 255. `code`, shape
        (galaxies, 2, 56), float32: angular Fourier amplitudes of the noiseless light in the same
        frame. Also the truth from `galaxies.draw_galaxies`, shape (galaxies,) each.
    """
    with torch.inference_mode():
        drawn = draw_galaxies(seed, galaxies)
        first = draw_view_parameters(Draw(seed + 1, galaxies), drawn, held_out)
        second = draw_view_parameters(Draw(seed + 2, galaxies), drawn, held_out)
        # Similar size and depth, or half of the pairs would no longer look alike.
        near = Draw(seed + 3, galaxies)
        second["scale"] = (first["scale"] * near.log(0.7, 1.4)).clamp(1.5, 35.0)
        second["snr"] = (first["snr"] * near.log(0.4, 2.5)).clamp(10.0, 1200.0)
        views = [
            observe_polar(drawn, view, seed + 10 * i) for i, view in enumerate((first, second))
        ]
    result = {name: np.stack([view[name] for view in views], 1) for name in views[0]}
    return result | truth_table(drawn)


def truth_table(galaxies: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Truths that the encoder learns to predict, shape (N,) each."""
    names = ("kind", "arms", "pitch", "contrast", "bar", "ring", "flocculence")
    truth = {name: galaxies[name] for name in (*names, "clumpiness", "tails")}
    for name in ("bulge", "n", "q", "cos_i", "dust"):
        truth[name] = galaxies[name][:, 0]
    truth["companion"] = galaxies["flux"][:, 1] * galaxies["present"][:, 1]
    return {name: value.numpy() for name, value in truth.items()}


@cache
def survey_table() -> dict[str, torch.Tensor]:
    """Settings of all simulated surveys, shape (600,) each."""
    draw = Draw(20_250_101, SURVEYS)
    return {
        "fwhm": torch.where(draw.chance(0.8), draw.log(1.0, 4.0), draw.log(2.0, 6.0)),
        "wing": draw.uniform(0.0, 0.35),
        "wing_size": draw.uniform(1.6, 3.0),
        "stretched": draw.chance(0.3),
        "stretch": draw.log(0.02, 0.5),
        "correlation": torch.where(draw.chance(0.4), draw.uniform(0.3, 1.0), 0.0),
        "poisson": torch.where(draw.chance(0.4), draw.log(0.3, 8.0), 0.0),
        "blur": draw.log(0.6, 1.7),
        "residue": draw.chance(0.5) * draw.uniform(0.0, 0.3),
        "quiet": draw.chance(0.6) * draw.uniform(0.1, 1.0),
    }


def draw_view_parameters(draw: Draw, galaxies, held_out: bool) -> dict[str, torch.Tensor]:
    """Draw how galaxies are seen: orientation, size, position, survey, depth, neighbours."""
    count = draw.count
    survey = draw.integers(0, SURVEYS // HELD_OUT) * HELD_OUT
    if not held_out:
        survey = survey + draw.integers(1, HELD_OUT)
    view = {name: value[survey] for name, value in survey_table().items()}
    scale = torch.where(draw.chance(0.5), draw.log(3.0, 12.0), draw.log(6.0, 28.0))
    # Few catalogued galaxies are smaller than the PSF.
    scale = torch.where(draw.chance(0.85), torch.maximum(scale, 1.5 * view["fwhm"]), scale)
    wander = torch.where(draw.chance(0.15), 3.0, 0.7)
    middle = (SIZE - 1) / 2
    nearby = draw.uniform(0, 1, NEIGHBOURS) < draw.uniform(0, 0.5, 1)
    return view | {
        "scale": scale,
        "turn": draw.uniform(0, 2 * math.pi),
        "hand": torch.where(draw.chance(0.5), 1.0, -1.0),
        "x": middle + wander * draw.normal(),
        "y": middle + wander * draw.normal(),
        "given_x": torch.full((count,), middle) + 0.5 * draw.normal(),
        "given_y": torch.full((count,), middle) + 0.5 * draw.normal(),
        # With a matched filter; inside the segment it is about half of that.
        "snr": torch.where(draw.chance(0.75), draw.log(60.0, 1200.0), draw.log(12.0, 120.0)),
        "stretch_e": 0.12 * draw.normal(2),
        "near_flux": draw.log(0.03, 3.0, NEIGHBOURS) * nearby,
        "near_distance": draw.log(12.0, 60.0, NEIGHBOURS),
        "near_angle": draw.uniform(0, 2 * math.pi, NEIGHBOURS),
        "near_size": draw.log(0.5, 6.0, NEIGHBOURS),
        "near_n": draw.log(0.7, 4.0, NEIGHBOURS),
        "near_q": draw.uniform(0.25, 1.0, NEIGHBOURS),
        "near_turn": draw.uniform(0, math.pi, NEIGHBOURS),
        "missing": torch.where(draw.chance(0.05), draw.uniform(0.03, 0.45), 0.0),
        "missing_side": draw.integers(0, 4),
    }


def observe_polar(galaxies, view: dict[str, torch.Tensor], seed: int) -> dict[str, np.ndarray]:
    """Polar images and Fourier codes of galaxies as seen in one view.

    Returns
    -------
    dict of ndarray
        `image` (N, 64, 96) uint8, `code` (N, 56) float32.
    """
    noisy, expected, clean = take_images(galaxies, view, seed)
    prepared = [
        cut_source(
            image,
            None,
            (float(view["given_x"][i]), float(view["given_y"][i])),
            SIZE,
            name=f"{seed} {i}",
            pixel_scale=0.03,
        )
        for i, image in enumerate(noisy)
    ]
    mask = np.stack([cut["mask"] for cut in prepared])
    image = torch.from_numpy(np.stack([cut["image"] for cut in prepared]))
    rms = torch.from_numpy(np.stack([cut["rms"] for cut in prepared]))
    expected = torch.where(torch.from_numpy(mask) > flags.OWN, 0.0, expected)
    how = (view["correlation"], view["blur"], view["quiet"], view["residue"])
    blurred = adaptive_blur(image, expected, rms, *how).numpy()
    x, y = view["given_x"].numpy(), view["given_y"].numpy()
    frame = moments.unwrap(blurred, mask, x, y)
    return {
        "image": np.rint(frame["image"] * 255).astype(np.uint8),
        "code": fourier_code(_sample_again(clean, frame)).numpy().astype(np.float32),
    }


def _sample_again(clean: torch.Tensor, frame: dict[str, np.ndarray]) -> torch.Tensor:
    """Polar images of the noiseless light in the frame found on the noisy one."""
    pole = torch.from_numpy(np.stack([frame["pole_x"], frame["pole_y"]], 1))
    hand = torch.where(torch.from_numpy(frame["mirrored"]), -1.0, 1.0)
    angle, radius = torch.from_numpy(frame["angle"]), torch.from_numpy(frame["radius"])
    sampled = moments.sample_polar(clean, pole, radius, angle, hand)
    return moments.stretch_to_peak(sampled, clean.amax((1, 2)))


def take_images(galaxies, view, seed: int) -> tuple[np.ndarray, torch.Tensor, torch.Tensor]:
    """Images of galaxies as seen through a telescope.

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
    light = draw_galaxy_light(galaxies, view)
    shape = (PADDED, PADDED)
    spectrum = torch.fft.rfft2(light, shape)
    transfer = psf_transfer(view)
    seen = torch.fft.irfft2(spectrum * transfer, shape)[:, :SIZE, :SIZE]
    k2 = _frequencies()[2]
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
def _frequencies() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Angular frequencies (rad/px) of the padded transform: along x, along y, squared."""
    k_y = torch.fft.fftfreq(PADDED)[:, None] * 2 * math.pi
    k_x = torch.fft.rfftfreq(PADDED)[None] * 2 * math.pi
    return k_x, k_y, k_x**2 + k_y**2


def psf_transfer(view) -> torch.Tensor:
    """Transfer function of slightly elliptical PSFs with a Gaussian core and a Gaussian wing."""
    k_x, k_y, k2 = _frequencies()
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
    kernel = torch.exp(-0.5 * _frequencies()[2] * correlation[some, None, None] ** 2)
    smooth = torch.fft.irfft2(torch.fft.rfft2(white[some]) * kernel, (PADDED, PADDED))
    smooth = smooth / smooth.std((1, 2), keepdim=True)
    noise[some] = smooth[:, :SIZE, :SIZE]
    return noise


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
    k2 = _frequencies()[2]
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


def fourier_code(image: torch.Tensor) -> torch.Tensor:
    """Angular Fourier amplitudes of polar images, invariant under rotation and mirroring.

    Parameters
    ----------
    image : Tensor
        Shape (N, 64, 96).

    Returns
    -------
    Tensor
        Shape (N, 7 harmonics x 8 rings). Amplitudes are divided by the width of the image, so
        that harmonic 0 of a ring is its mean brightness.
    """
    amplitude = torch.fft.rfft(image, dim=2).abs()[..., :HARMONICS] / image.shape[2]
    rings = amplitude.reshape(len(image), RINGS, -1, HARMONICS).mean(2)
    return rings.transpose(1, 2).flatten(1)
