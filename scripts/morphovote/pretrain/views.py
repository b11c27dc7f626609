"""From simulated light to the encoder's input: telescope, noise, and the workflow's own steps.

A view is one galaxy as one survey might have seen it. Two views of a galaxy differ in rotation,
mirroring, size, position, PSF, noise and neighbours.
"""

import math
from functools import cache

import numpy as np
import torch

from morphovote import flags
from morphovote.fields.cutouts import cut_source
from morphovote.polar import moments
from morphovote.pretrain.blur import adaptive_blur
from morphovote.pretrain.telescope import NEIGHBOURS, take_images
from morphovote.simulate.layered.galaxies import draw_galaxies
from morphovote.simulate.layered.images import SIZE, draw_galaxy_light
from morphovote.simulate.layered.kinds import Draw

# Simulated surveys, each with its own PSF, noise correlation and stretch. A sixth is held out.
SURVEYS, HELD_OUT = 600, 6
# A polar image reaches about this many half-light radii.
REACHED = 1.7 * 2.3
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
        first = draw_view_parameters(Draw(seed + 1, galaxies), held_out)
        second = draw_view_parameters(Draw(seed + 2, galaxies), held_out)
        # Similar size and depth, or half of the pairs would no longer look alike.
        near = Draw(seed + 3, galaxies)
        second["scale"] = (first["scale"] * near.log(0.7, 1.4)).clamp(1.5, 35.0)
        second["snr"] = (first["snr"] * near.log(0.4, 2.5)).clamp(10.0, 1200.0)
        views = [
            observe_polar(draw_galaxy_light(drawn, view), view, seed + 10 * i)
            for i, view in enumerate((first, second))
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


def draw_view_parameters(
    draw: Draw, held_out: bool, scale: torch.Tensor | None = None
) -> dict[str, torch.Tensor]:
    """Draw how galaxies are seen: orientation, size, position, survey, depth, neighbours.

    `scale` (px) is drawn, too, unless it is given.
    """
    count = draw.count
    survey = draw.integers(0, SURVEYS // HELD_OUT) * HELD_OUT
    if not held_out:
        survey = survey + draw.integers(1, HELD_OUT)
    view = {name: value[survey] for name, value in survey_table().items()}
    if scale is None:
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


def observe_polar(
    light: torch.Tensor, view: dict[str, torch.Tensor], seed: int
) -> dict[str, np.ndarray]:
    """Polar images and Fourier codes of galaxies as seen in one view.

    Parameters
    ----------
    light, view, seed
        See `telescope.take_images`; `view` also has `given_x` and `given_y`, the position (px) that
        a catalogue would give.

    Returns
    -------
    dict of ndarray
        `image` (N, 64, 96) uint8, `code` (N, 56) float32.
    """
    noisy, expected, clean = take_images(light, view, seed)
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
        "code": fourier_code(sample_again(clean, frame)).numpy().astype(np.float32),
    }


def sample_again(clean: torch.Tensor, frame: dict[str, np.ndarray]) -> torch.Tensor:
    """Polar images of the noiseless light in the frame found on the noisy one."""
    pole = torch.from_numpy(np.stack([frame["pole_x"], frame["pole_y"]], 1))
    hand = torch.where(torch.from_numpy(frame["mirrored"]), -1.0, 1.0)
    angle, radius = torch.from_numpy(frame["angle"]), torch.from_numpy(frame["radius"])
    sampled = moments.sample_polar(clean, pole, radius, angle, hand)
    return moments.stretch_to_peak(sampled, clean.amax((1, 2)))


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
