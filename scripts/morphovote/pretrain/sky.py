"""Views of real galaxies, without labels: as they are, and as they would look further away.

A galaxy's denoised cutout stands for its light. Seen from further away it is smaller, fainter and
less sharp, in other noise, with other neighbours, in another orientation; it stays the same galaxy.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn.functional import grid_sample

from morphovote.logs import progress
from morphovote.polar import moments
from morphovote.pretrain.telescope import PADDED, frequencies
from morphovote.pretrain.views import (
    REACHED,
    draw_view_parameters,
    fourier_code,
    observe_polar,
    sample_again,
)
from morphovote.simulate.layered.images import SIZE
from morphovote.simulate.layered.kinds import Draw

# Views per galaxy: as it is; further away; and two further away of the galaxy in another stretch.
VIEWS = 4
# Smallest factor on the size, and smallest half-light radius (px) that a galaxy is shrunk to.
SHRINK, LEAST_RADIUS = 0.35, 2.0
# Share of the galaxies that the last two views stretch, and by how much (see `stretch_light`).
STRETCHED, STRETCH = 0.6, (0.3, 2.5)
BATCH = 32
NEEDED = ("denoised", "mask", "image", "pole_x", "pole_y", "radius", "angle", "mirrored")
SEED_STRIDE = 64


def draw_sky_views(
    galaxies: dict[str, np.ndarray], seed: int
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Views of real galaxies, in batches.

    Parameters
    ----------
    galaxies : dict of ndarray
        N galaxies as the stages leave them: `denoised` and `mask` (N, S, S), `image` (N, 64, 96),
        `pole_x`, `pole_y`, `radius`, `angle`, `mirrored` (N,), NaN where a galaxy has no data.
    seed : int

    Yields
    ------
    rows : ndarray of int
        Galaxies of the batch; those without data are left out.
    views : dict of ndarray
        `image` (B, 4, 64, 96), uint8, and `code` (B, 4, 56), float32, as in `views.draw_views`: of
        the galaxy as it is, of the same further away, and of two more further away that show it in
        one other stretch of its brightness.
    """
    usable = np.flatnonzero(np.isfinite(galaxies["radius"]))
    for start in range(0, len(usable), BATCH):
        rows = usable[start : start + BATCH]
        with torch.inference_mode():
            some = {name: galaxies[name][rows] for name in NEEDED}
            yield rows, _batch_views(some, seed + start // BATCH * SEED_STRIDE)


def view_bank(galaxies: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """All batches of `draw_sky_views` together, with `row` and `id` of the galaxies."""
    total = -(-np.count_nonzero(np.isfinite(galaxies["radius"])) // BATCH)
    batches = progress(draw_sky_views(galaxies, seed), total, f"batches of {BATCH} galaxies")
    parts = [{"row": galaxies["row"][rows], "id": galaxies["id"][rows]} | v for rows, v in batches]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _batch_views(some: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    light = galaxy_light(some["denoised"], some["mask"])
    draw = Draw(seed, len(light))
    stretch = torch.where(draw.chance(STRETCHED), draw.uniform(*STRETCH), 0.0)
    other = stretch_light(light, stretch)
    frame = {name: some[name] for name in ("pole_x", "pole_y", "angle", "radius", "mirrored")}
    as_is = {
        "image": np.rint(some["image"] * 255).astype(np.uint8),
        "code": fourier_code(sample_again(light, frame)).numpy().astype(np.float32),
    }
    views = [as_is]
    for i in range(1, VIEWS):
        view = draw_distance(Draw(seed + i, len(light)), torch.from_numpy(some["radius"]))
        moved = move_away(light if i == 1 else other, frame, view)
        views.append(observe_polar(moved, view, seed + i))
    return {name: np.stack([view[name] for view in views], 1) for name in as_is}


def galaxy_light(denoised: np.ndarray, mask: np.ndarray) -> torch.Tensor:
    """Light of galaxies (N, SIZE, SIZE) in units of the peak, others' light taken out."""
    image = torch.from_numpy(np.ascontiguousarray(denoised, np.float32))
    bits = torch.from_numpy(np.ascontiguousarray(mask, np.uint8))
    image, own, alien = moments.without_sky(image, bits)
    image = torch.where(alien, 0.0, image)
    return image / moments.brightness_peak(image, own).clamp(min=1e-9)[:, None, None]


def stretch_light(light: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """Undo an asinh stretch of some strength (N,): sinh(k I) / sinh(k); 0 leaves light as it is.

    Pictures with a display stretch look more like fluxes by it, and fluxes more concentrated: the
    encoder meets both.
    """
    k = strength[:, None, None]
    stretched = torch.sinh(k * light.clamp(-1.0, 1.5)) / torch.sinh(k.clamp(min=1e-3))
    return torch.where(k > 0, stretched, light)


def draw_distance(draw: Draw, radius: torch.Tensor) -> dict[str, torch.Tensor]:
    """How galaxies of these polar radii (N,), in px, are seen from further away."""
    # The polar image reaches REACHED half-light radii, roughly.
    half_light = (radius / REACHED).clamp(min=1.5)
    shrink = torch.maximum(draw.log(SHRINK, 1.0), (LEAST_RADIUS / half_light).clamp(max=1.0))
    view = draw_view_parameters(draw, held_out=False, scale=half_light * shrink)
    # The light has a PSF of its own already.
    view["fwhm"] = torch.minimum(view["fwhm"], view["scale"] / 1.2).clamp(min=0.7)
    view["snr"] = torch.where(draw.chance(0.75), draw.log(50.0, 700.0), draw.log(15.0, 120.0))
    view["stretched"] = torch.zeros_like(view["stretched"])
    return view | {"shrink": shrink, "missing": torch.zeros_like(shrink)}


def move_away(
    light: torch.Tensor, frame: dict[str, np.ndarray], view: dict[str, torch.Tensor]
) -> torch.Tensor:
    """Light (N, S, S) of sum 1, turned, mirrored, shrunk by `view["shrink"]`, at its place."""
    count, size = len(light), light.shape[-1]
    shrink = view["shrink"][:, None, None]
    # Smoothed first by what a smaller image cannot show.
    sigma = 0.45 * torch.sqrt(1 / shrink**2 - 1)
    shape = (max(PADDED, size), max(PADDED, size))
    spectrum = torch.fft.rfft2(light, shape)
    spectrum = spectrum * torch.exp(-0.5 * frequencies(shape[0])[2] * sigma**2)
    smooth = torch.fft.irfft2(spectrum, shape)[:, :size, :size]
    grid = torch.arange(SIZE, dtype=torch.float32)
    dx = ((grid[None, None, :] - view["x"][:, None, None]) / shrink).expand(count, SIZE, SIZE)
    dy = ((grid[None, :, None] - view["y"][:, None, None]) / shrink).expand(count, SIZE, SIZE)
    cosine, sine = torch.cos(view["turn"])[:, None, None], torch.sin(view["turn"])[:, None, None]
    u = (dx * cosine + dy * sine) * view["hand"][:, None, None]
    v = dy * cosine - dx * sine
    pole = [torch.from_numpy(frame[name])[:, None, None] for name in ("pole_x", "pole_y")]
    points = torch.stack([u + pole[0], v + pole[1]], -1) * (2 / (size - 1)) - 1
    moved = grid_sample(smooth[:, None], points, mode="bilinear", align_corners=True)[:, 0]
    return moved / moved.clamp(min=0).sum((1, 2)).clamp(min=1e-9)[:, None, None]
