"""Polar unwrapping: removes a galaxy's position, orientation, handedness, size and flux.

Angles are in radians from the x (column) axis towards the y (row) axis, positions in 0-based
pixels, radii in pixels. Inclination is not removed: an edge-on disc stays an edge-on disc.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import grid_sample, pad

from morphovote import flags
from morphovote.logs import progress

RADII, ANGLES = 64, 96
# Galaxies per batch. Every batch has this size (the last is padded), so that the result for a
# galaxy never depends on the number of others.
BATCH = 16
# The outermost sample lies at REACH times the radius that encloses LIGHT_SHARE of the light.
REACH, LIGHT_SHARE = 1.7, 0.95
SMALLEST_RADIUS = 6.0
# Arcs around a galaxy count as far out as this many times the radius of the outermost sample; the
# picture with them ends at WIDER times the radius that encloses LIGHT_SHARE of their light.
ARC_REACH, WIDER = 2.0, 1.1
# Radii and angles from which the frame is found: it takes no more than four waves an angle.
FRAME = 32, 48
# Brightness below about this share of the peak is shown linearly, above it logarithmically.
SOFTENING = 0.05
# Width of the centroid's window, in half-light radii, and number of iterations.
WINDOW, STEPS = 1.5, 20
# (end, hand): which end of the axis is the zero angle, and whether the image is mirrored.
FRAMES = ((1, 1), (1, -1), (-1, 1), (-1, -1))


def unwrap(
    images: np.ndarray,
    mask: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    empty: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Unwrap cutouts into polar images, in a frame that follows the galaxy.

    The frame rotates, mirrors, shifts and scales with the galaxy. Its pole is the windowed centroid
    of the light. The zero angle is the m = 2 phase, at the end of the axis that the odd moments
    favour. The handedness follows from the sense in which the m = 2 phase winds with radius,
    together with the asymmetry across the axis.

    Parameters
    ----------
    images : ndarray, shape (N, S, S)
        Background-subtracted, denoised cutouts, in any unit of flux.
    mask : ndarray of uint8, shape (N, S, S)
        Bits `flags.OWN`, `flags.NEIGHBOUR`, `flags.MISSING`.
    x, y : ndarray, shape (N,)
        Position of each galaxy in its cutout (px).
    empty : ndarray of bool, shape (N,), optional
        Galaxies without data; their images are zero and their scalars NaN.

    Returns
    -------
    dict of ndarray
        `image` (N, 64, 96) float32 in [0, 1]: rows are radii, columns angles, which wrap.
        Sample (i, j) lies at (i + 0.5) / 63.5 times `radius` from the pole, at the angle
        `angle` + 2 pi j / 96, or minus 2 pi j / 96 where `mirrored`.
        `pole_x`, `pole_y` (px), `angle` (rad, in [0, 2 pi)), `radius` (px), float32;
        `mirrored` bool.
    """
    count = len(images)
    empty = np.zeros(count, bool) if empty is None else np.asarray(empty, bool)
    result = {
        "image": np.zeros((count, RADII, ANGLES), np.float32),
        **{k: np.full(count, np.nan, np.float32) for k in ("pole_x", "pole_y", "angle", "radius")},
        "mirrored": np.zeros(count, bool),
    }
    full = np.flatnonzero(~empty)
    with torch.inference_mode():
        batches = progress(_batches(full), -(-len(full) // BATCH), f"batches of {BATCH} galaxies")
        for rows, padded in batches:
            batch = _unwrap_batch(
                torch.from_numpy(np.ascontiguousarray(images[padded], np.float32)),
                torch.from_numpy(np.ascontiguousarray(mask[padded], np.uint8)),
                torch.from_numpy(np.stack([x[padded], y[padded]], 1).astype(np.float32)),
            )
            for name, values in batch.items():
                result[name][rows] = values[: len(rows)].numpy()
    return result


def unwrap_with_arcs(
    images: np.ndarray,
    arcs: np.ndarray,
    mask: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    unwrapped: dict[str, np.ndarray],
) -> np.ndarray:
    """Polar images with the arcs around galaxies, which their cutouts hide as neighbours.

    Pole, angle and brightness are those without the arcs; the radius grows to hold them.

    Parameters
    ----------
    images, mask, x, y
        See `unwrap`.
    arcs : ndarray, shape (N, S, S)
        Light of the arcs, in the unit of the images; zero elsewhere.
    unwrapped : dict of ndarray
        What `unwrap` found for these galaxies.

    Returns
    -------
    ndarray, shape (N, 64, 96)
        As `image` of `unwrap`, which it is where there are no arcs.
    """
    result = unwrapped["image"].copy()
    some = np.flatnonzero(arcs.any(axis=(1, 2)) & np.isfinite(unwrapped["angle"]))
    with torch.inference_mode():
        for rows, padded in _batches(some):
            given = (images, arcs, mask, np.stack([x, y], 1))
            frame = [unwrapped[name] for name in ("pole_x", "pole_y", "radius", "angle")]
            image, arc, bits, position, pole_x, pole_y, radius, angle = (
                torch.from_numpy(np.ascontiguousarray(one[padded])) for one in (*given, *frame)
            )
            image, own, _ = _without_sky(image.float(), bits, position.float())
            pole = torch.stack([pole_x, pole_y], 1)
            hand = torch.from_numpy(np.where(unwrapped["mirrored"][padded], -1, 1)).float()
            dx, dy = _offsets(image.shape[-1], pole)
            near = dx**2 + dy**2 <= (ARC_REACH * radius)[:, None, None] ** 2
            lit = [lit_pixels(one) for one in torch.where(near, arc, 0.0).clamp(min=0).numpy()]
            edge = enclosing_radius(lit, pole, LIGHT_SHARE)
            reach = torch.minimum(pole, image.shape[-1] - 1 - pole).amin(1)
            wide = torch.maximum(radius, torch.minimum(WIDER * edge, reach))
            peak = brightness_peak(image, own)
            polar = sample_polar(image + arc, pole, wide, angle, hand)
            result[rows] = stretch_to_peak(polar, peak)[: len(rows)].numpy()
    return result


def _batches(rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        yield part, np.concatenate([part, np.full(BATCH - len(part), part[-1])])


def _unwrap_batch(
    image: torch.Tensor, mask: torch.Tensor, position: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Unwrap (B, S, S) images around sources at (B, 2) positions."""
    image, own, alien = _without_sky(image, mask, position)
    light = torch.where(alien & ~own, 0.0, image)
    segment = torch.where(own, image, 0.0).clamp(min=0)
    pixels = [lit_pixels(one) for one in segment.numpy()]
    pole = find_pole(light, pixels, position)
    size = image.shape[-1]
    reach = torch.minimum(pole, size - 1 - pole).amin(1).clamp(min=SMALLEST_RADIUS)
    # Without light it is zero, and nothing is to be divided by it.
    edge = enclosing_radius(pixels, pole, LIGHT_SHARE).clamp(min=0.01)
    radius = torch.minimum((REACH * edge).clamp(min=SMALLEST_RADIUS), reach)
    start = torch.zeros_like(radius), torch.ones_like(radius)
    first = sample_polar(light, pole, radius, *start, FRAME)
    angle, hand = find_frame(first, edge / radius)
    peak = brightness_peak(image, own)
    polar = sample_polar(image, pole, radius, angle, hand)
    return {
        "image": stretch_to_peak(polar, peak),
        "pole_x": pole[:, 0],
        "pole_y": pole[:, 1],
        "angle": angle,
        "radius": radius,
        "mirrored": hand < 0,
    }


def _without_sky(
    image: torch.Tensor, mask: torch.Tensor, position: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    image, own, alien = without_sky(image, mask)
    return image, _with_core(own, position), alien


def without_sky(
    image: torch.Tensor, mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images (B, S, S) without the sky that was left, the galaxies' own pixels, those of no use."""
    own = (mask & flags.OWN) > 0
    alien = (mask & (flags.NEIGHBOUR | flags.MISSING)) > 0
    return image - residual_sky(image, own | alien)[:, None, None], own, alien


def residual_sky(image: torch.Tensor, occupied: torch.Tensor) -> torch.Tensor:
    """Median (B,) of the pixels outside all sources; 0 if they are fewer than a tenth."""
    levels = torch.zeros(len(image))
    for i, (values, free) in enumerate(zip(image.numpy(), ~occupied.numpy(), strict=True)):
        sky = values[free]
        if len(sky) > 0.1 * free.size:
            middle = (len(sky) - 1) // 2
            levels[i] = float(np.partition(sky, middle)[middle])
    return levels


def _with_core(own: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """Add the pixels within 2 px of the galaxy's position, so that no segment is empty."""
    dx, dy = _offsets(own.shape[-1], position)
    return own | (dx**2 + dy**2 <= 4.0)


def _offsets(size: int, centre: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixel offsets from a centre (B, 2): dx of shape (B, 1, S), dy of shape (B, S, 1)."""
    grid = torch.arange(size, dtype=centre.dtype, device=centre.device)
    return grid - centre[:, :1, None], grid[:, None] - centre[:, 1:, None]


class Lit(NamedTuple):
    """Pixels (n,) of a galaxy's segment that have light: positions (px) and light, float64."""

    x: np.ndarray
    y: np.ndarray
    light: np.ndarray


def lit_pixels(segment: np.ndarray) -> Lit:
    """Pixels of a segment (S, S) that have light."""
    place = np.flatnonzero(segment > 0)
    rows, columns = np.divmod(place, segment.shape[1])
    return Lit(columns.astype(float), rows.astype(float), segment.ravel()[place].astype(float))


def find_pole(light: torch.Tensor, pixels: list[Lit], start: torch.Tensor) -> torch.Tensor:
    """Gaussian-windowed centroid of the light.

    The window follows the centroid, like XWIN_IMAGE of Bertin & Arnouts 1996, and is as wide as the
    galaxy. So all light of an irregular counts, not only its brightest clump, while residuals of a
    neighbour far out do not.

    Parameters
    ----------
    light : Tensor, shape (B, S, S)
        The galaxy's light; other sources are set to zero.
    pixels : list of Lit
        Those of the galaxies' own segments.
    start : Tensor, shape (B, 2)
        First guess, x and y (px).

    Returns
    -------
    Tensor, shape (B, 2)
        x and y (px).
    """
    centre = torch.tensor(
        [_centroid(one, *first) for one, first in zip(pixels, start.tolist(), strict=True)],
        dtype=start.dtype,
    )
    width = enclosing_radius(pixels, centre, 0.5).clamp(min=1.5) * WINDOW
    centre = _follow_window(light.numpy(), centre.numpy(), width.numpy())
    # Reject a centroid that left its segment.
    farthest = [
        np.hypot(one.x - x, one.y - y).max(initial=0) + 1.5
        for one, (x, y) in zip(pixels, start.tolist(), strict=True)
    ]
    lost = (centre - start).norm(dim=1) > torch.tensor(farthest)
    return torch.where(lost[:, None], start, centre)


def _follow_window(light: np.ndarray, centre: np.ndarray, width: np.ndarray) -> torch.Tensor:
    """Move Gaussian windows (B,) wide from centres (B, 2) until they lie on their light's centroid.

    In numpy, whose calls on few numbers take a quarter of torch's time.
    """
    grid = np.arange(light.shape[-1], dtype=light.dtype)
    for _ in range(STEPS):
        # The window is a product of one of columns and one of rows: sums are products of matrices.
        offset = grid - centre[:, :, None]
        # Far out it is zero; numbers next to it would be slow.
        window = np.exp(-0.5 * np.clip(offset / width[:, None, None], -9, 9) ** 2)
        across, along = np.stack([window, window * offset], 2).swapaxes(0, 1)
        sums = (along @ light) @ across.swapaxes(1, 2)
        total = sums[:, 0, 0]
        step = sums[:, (0, 1), (1, 0)] / np.where(total > 0, total, np.inf)[:, None]
        # For a Gaussian as wide as its window, twice the step would be Newton's.
        step *= 1.5
        length = np.maximum(np.sqrt((step**2).sum(1)), 1e-6)
        centre = centre + step * np.minimum(0.5 * width / length, 1)[:, None]
    return torch.from_numpy(centre)


def _centroid(pixels: Lit, x: float, y: float) -> tuple[float, float]:
    """Centroid of a segment's light; (x, y) if there is none."""
    total = pixels.light.sum()
    if total == 0:
        return x, y
    return pixels.x @ pixels.light / total, pixels.y @ pixels.light / total


def enclosing_radius(pixels: list[Lit], centre: torch.Tensor, share: float) -> torch.Tensor:
    """Radius of the circle that encloses a share of the light.

    Parameters
    ----------
    pixels : list of Lit
        Of B galaxies.
    centre : Tensor, shape (B, 2)
        x and y (px).
    share : float
        Between 0 and 1.

    Returns
    -------
    Tensor, shape (B,)
        Radius (px); 0 where there is no light.
    """
    result = torch.zeros(len(pixels))
    for i, (one, (x, y)) in enumerate(zip(pixels, centre.tolist(), strict=True)):
        if len(one.light):
            distance = np.sqrt((one.x - x) ** 2 + (one.y - y) ** 2)
            result[i] = _radius_of(distance, one.light, share)
    return result


def _radius_of(distance: np.ndarray, light: np.ndarray, share: float) -> float:
    """Radius that encloses a share of the light of pixels, from their distances."""
    # A pixel enters gradually, so that the radius is continuous in the light's position: while the
    # circle grows from half a pixel before its centre to half a pixel behind it.
    edge = np.concatenate([distance - 0.5, distance + 0.5])
    order = np.argsort(edge)
    edge = edge[order]
    entering = np.cumsum(np.concatenate([light, -light])[order])
    inside = np.concatenate([[0.0], np.cumsum(entering[:-1] * np.diff(edge))])
    return max(float(np.interp(share * light.sum(), inside, edge)), 0.0)


def sample_polar(
    image: torch.Tensor,
    pole: torch.Tensor,
    radius: torch.Tensor,
    angle: torch.Tensor,
    hand: torch.Tensor,
    shape: tuple[int, int] = (RADII, ANGLES),
) -> torch.Tensor:
    """Sample images on polar grids.

    The interpolation is bicubic. The inner half of a small galaxy is sampled ten times finer than
    its pixels, where bilinear interpolation shows the pixel grid as facets that do not rotate with
    the galaxy. Samples outside the cutout are zero; only galaxies within 6 px of its edge have any.

    Parameters
    ----------
    image : Tensor, shape (B, S, S)
    pole : Tensor, shape (B, 2)
        x and y (px).
    radius : Tensor, shape (B,)
        Of the outermost sample (px).
    angle : Tensor, shape (B,)
        Of the first column (rad).
    hand : Tensor, shape (B,)
        1, or -1 for columns in the direction of falling angle.
    shape : tuple of int
        Radii and angles.

    Returns
    -------
    Tensor, shape (B, *shape)
    """
    size, (radii, angles) = image.shape[-1], shape
    r = radius[:, None, None] * _radii(radii)[None, :, None]
    turn = torch.arange(angles) * (2 * np.pi / angles)
    phi = (angle[:, None] + hand[:, None] * turn)[:, None, :]
    points = torch.stack(
        [pole[:, 0, None, None] + r * torch.cos(phi), pole[:, 1, None, None] + r * torch.sin(phi)],
        dim=-1,
    )
    # align_corners: -1 and 1 are the centres of the first and last pixel.
    grid = points * (2.0 / (size - 1)) - 1.0
    return grid_sample(image[:, None], grid, mode="bicubic", align_corners=True)[:, 0]


def _radii(count: int) -> torch.Tensor:
    """Radii of the samples, in units of the outermost one's."""
    return (torch.arange(count) + 0.5) / (count - 0.5)


def find_frame(polar: torch.Tensor, edge: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Zero angle and handedness of galaxies, from the angular harmonics of their light.

    Parameters
    ----------
    polar : Tensor, shape (B, radii, angles)
        Light around the pole; columns start at angle 0 and are not mirrored.
    edge : Tensor, shape (B,)
        Radius of the galaxy, in units of the outermost sample's.

    Returns
    -------
    angle : Tensor, shape (B,)
        Zero angle (rad, in [0, 2 pi)).
    hand : Tensor, shape (B,)
        1, or -1 if the image has to be mirrored.

    Notes
    -----
    Let A_m(r) be the sum over angle of I exp(i m phi). The axis is half the phase of the sum of A_2
    over the disc. Four frames share this axis: either end can be the zero angle, with either
    handedness. Three asymmetries distinguish them: along the axis and across it (m = 1 and 3, real
    and imaginary part), and the chirality, by which the m = 2 and 4 phases of the outer light lead
    the axis; in a spiral this is the winding of its arms. A rotation by 180 degrees changes the
    sign of the first two, mirroring that of the last two. The frame with the largest sum of the
    three is chosen, so that a weak asymmetry is outweighed by the others.
    """
    radii, angles = polar.shape[1:]
    harmonic = torch.arange(angles)[:, None] * (2 * np.pi / angles) * torch.arange(1, 5)
    real, imaginary = polar @ torch.cos(harmonic), polar @ torch.sin(harmonic)
    r = _radii(radii) / edge[:, None]
    # Area of a sample times a soft edge, because there is only noise outside the galaxy.
    weight = r * torch.exp(-0.5 * r**4)

    def moment(m: int, power: int) -> torch.Tensor:
        factor = weight * r**power
        return torch.complex(
            (real[..., m - 1] * factor).sum(1), (imaginary[..., m - 1] * factor).sum(1)
        )

    axis = moment(2, 0).angle() / 2

    def seen(m: int) -> torch.Tensor:
        """The m-th moment of the outer light in the frame of the axis, up to a factor."""
        return moment(m, 1) * torch.polar(torch.ones_like(axis), -m * axis)

    odd, even = seen(1) + seen(3), seen(2) + seen(4)
    scores = torch.stack(
        [end * odd.real + hand * end * odd.imag + hand * even.imag for end, hand in FRAMES], 1
    )
    end, hand = torch.tensor(FRAMES, dtype=axis.dtype, device=axis.device)[scores.argmax(1)].T
    return torch.where(end < 0, axis + np.pi, axis) % (2 * np.pi), hand


def brightness_peak(image: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Highest mean (B,) of 3 x 3 pixels centred in the segment, robust against single pixels."""
    rows = pad(image, (0, 0, 1, 1))
    rows = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    both = pad(rows, (1, 1))
    both = both[..., :-2] + both[..., 1:-1] + both[..., 2:]
    return torch.where(own, both, -torch.inf).amax((1, 2)) / 9


def stretch_to_peak(polar: torch.Tensor, peak: torch.Tensor) -> torch.Tensor:
    """Asinh stretch (Lupton et al. 2004, eq. 2) to [0, 1] of brightness in units of the peak."""
    peak = peak[:, None, None]
    share = torch.where(peak > 0, polar / peak, 0.0).clamp(0, 1)
    share = share / SOFTENING
    # Several times faster than torch.asinh.
    return torch.log(share + torch.sqrt(share**2 + 1)) / np.arcsinh(1 / SOFTENING)
