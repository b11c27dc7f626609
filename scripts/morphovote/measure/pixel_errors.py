"""Errors of Gini, M20, C, A and S, from a short bootstrap with the section's own noise.

Noise like that of the section, with the autocorrelation of its sky, is added to the galaxy
`REPLICAS` times, and the scatter of what is measured then is the error. The ellipse, the Petrosian
radius and all that follows from it are found anew, and A about a centre that moves with the noise;
the detected segment stays. Each replica is noisier than the galaxy, so their mean lies off, by as
much again as noise has moved the galaxy itself; the scatter is about their own mean.
"""

import zlib
from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage

from morphovote.measure import cas
from morphovote.measure.centre import ellipse
from morphovote.measure.compiled import compiled
from morphovote.measure.gini_m20 import SMOOTHING, gini, m20
from morphovote.measure.petrosian import ETA, STEPS, WIDTH
from morphovote.measure.stamps import Stamp

ERRORS = {f"{name}_err": "" for name in ("gini", "m20", "concentration", "asymmetry", "smoothness")}
REPLICAS = 8
# Largest shift (px) at which the noise's autocorrelation is measured; fewest pixels of sky.
LAGS, LEAST_SKY = 3, 200
# Width of rings (px), half of `petrosian.WIDTH`; parts of a pixel along x and y.
STEP, PARTS = 0.5, 2
# What is looked at, in Petrosian radii: 1.5 of them, where noise makes them larger too.
EXTENT, APERTURE = 1.8, 1.5
# Farthest that noise may move the centre (px).
FARTHEST = 3.0


class _Galaxy(NamedTuple):
    """The part of a stamp that is measured: arrays of shape (height, width)."""

    image: np.ndarray
    hidden: np.ndarray
    own: np.ndarray
    # x, y of the centre (px).
    centre: tuple[float, float]
    # Petrosian radius of circles (px).
    radius: float
    # Largest radius that is looked at, and the number of rings.
    farthest: float
    count: int


def pixel_errors(
    stamp: Stamp, sky: np.ndarray, centre: tuple[float, float], radii: tuple[float, float]
) -> dict[str, float]:
    """Errors (standard deviations) of what the pixels of a galaxy tell.

    Parameters
    ----------
    stamp : Stamp
    sky : ndarray of bool, shape of the stamp
        Pixels free of sources.
    centre : (float, float)
        x, y in the stamp (px).
    radii : (float, float)
        Petrosian radius of circles and of ellipses, along the major axis (px).

    Returns
    -------
    dict of float
        Keys of `ERRORS`; NaN where the galaxy is not measured.
    """
    nothing = dict.fromkeys(ERRORS, np.nan)
    if not np.isfinite([*centre, *radii]).all() or min(radii) <= 0:
        return nothing
    reach = int(np.ceil(EXTENT * max(radii))) + 2
    across, up = (
        slice(max(int(at) - reach, 0), max(min(int(at) + reach + 1, size), 0))
        for at, size in zip(centre, stamp.image.shape[::-1], strict=True)
    )
    parts = (stamp.image, stamp.rms, stamp.hidden, stamp.own)
    image, rms, hidden, own = (np.ascontiguousarray(part[up, across]) for part in parts)
    if hidden.all() or min(image.shape) <= 2 * LAGS:
        return nothing
    seed = zlib.crc32(np.ascontiguousarray(image, np.float32).tobytes())
    height, width = image.shape
    # Below the galaxy's noise, that of the box of sky.
    shape = (height + cas.BOX, max(width, cas.BOX))
    shared = autocorrelation(stamp.image, stamp.rms, sky)
    noise = correlated_noise(shape, shared, seed)
    level = float(np.median(stamp.rms[sky] if sky.any() else rms[~hidden]))
    added = np.where(hidden, 0, rms * noise[:, :height, :width]).astype(np.float32)
    galaxy = _Galaxy(
        image, hidden, own, (centre[0] - across.start, centre[1] - up.start), radii[0],
        float(np.hypot(*stamp.image.shape)), int(np.ceil(np.hypot(*image.shape) / STEP)),
    )  # fmt: skip
    found = _measure(galaxy, added, level * noise[:, height:, : cas.BOX], shared, level)
    with np.errstate(invalid="ignore"):
        spread = np.std(found, axis=0, ddof=1)
    return dict(zip(ERRORS, map(float, spread), strict=True))


def autocorrelation(image: np.ndarray, rms: np.ndarray, sky: np.ndarray) -> np.ndarray:
    """Autocorrelation of the noise, 1 without a shift.

    Parameters
    ----------
    image, rms : ndarray, shape (height, width)
    sky : ndarray of bool, same shape
        Pixels free of sources.

    Returns
    -------
    ndarray, shape (2 LAGS + 1, 2 LAGS + 1)
        By shift along y and x; that of white noise where there is too little sky to tell.
    """
    found = np.zeros((2 * LAGS + 1,) * 2)
    found[LAGS, LAGS] = 1.0
    if np.count_nonzero(sky) < LEAST_SKY or min(sky.shape) <= 2 * LAGS:
        return found
    ratio = np.divide(image, rms, out=np.zeros(image.shape, np.float32), where=sky & (rms > 0))
    middle = float(np.median(ratio[sky]))
    scatter = 1.4826 * float(np.median(np.abs(ratio[sky] - middle)))
    # Light too faint to be detected would pass for noise that pixels share.
    ratio = np.where(sky, np.clip(ratio - middle, -4 * scatter, 4 * scatter), 0)
    ratio, there = ratio.astype(np.float32), sky.astype(np.float32)
    variance = float((ratio**2).sum() / there.sum())
    height, width = sky.shape
    for down in range(LAGS + 1):
        for right in range(-LAGS if down else 1, LAGS + 1):
            one = slice(0, height - down), slice(max(-right, 0), width - max(right, 0))
            other = slice(down, height), slice(max(right, 0), width - max(-right, 0))
            pairs = np.vdot(there[one], there[other])
            if pairs >= LEAST_SKY / 2 and variance > 0:
                value = float(np.vdot(ratio[one], ratio[other]) / pairs / variance)
                found[LAGS + down, LAGS + right] = found[LAGS - down, LAGS - right] = value
    return found


def correlated_noise(shape: tuple[int, int], shared: np.ndarray, seed: int) -> np.ndarray:
    """Noise of variance 1 with a given autocorrelation: shape (REPLICAS, height, width)."""
    white = np.random.default_rng(seed).standard_normal((REPLICAS, *shape), dtype=np.float32)
    grid = np.zeros(shape, np.float32)
    half = shared.shape[0] // 2
    rows, columns = (np.arange(-half, half + 1) % size for size in shape)
    grid[np.ix_(rows, columns)] = shared
    # What a cut autocorrelation has below zero is no power.
    power = np.maximum(fft.rfft2(grid).real, 0)
    noise = fft.irfft2(fft.rfft2(white) * np.sqrt(power), shape)
    return noise / noise.std()


def _measure(
    galaxy: _Galaxy, added: np.ndarray, empty: np.ndarray, shared: np.ndarray, level: float
) -> np.ndarray:
    """Gini, M20, C, A, S (REPLICAS, 5) of a galaxy with noise (REPLICAS, height, width) added.

    `empty` are boxes of sky, `shared` is the noise's autocorrelation, `level` that of the sky.
    """
    images = galaxy.image.astype(np.float32) + added
    circles = (galaxy.hidden, *galaxy.centre, 1.0, 0.0, galaxy.count)
    most = min(galaxy.hidden.shape) / 2 / APERTURE
    light, area = ring_sums(images, *circles)
    circle = _petrosian(light, area, galaxy.farthest, most)
    values = []
    for image in images:
        segment = _segment(image, galaxy, 2 * most)
        values.append([gini(image[segment]), m20(np.where(segment, image, 0.0).astype(float))])
    edges = APERTURE * circle
    c = _concentration(light, edges)
    a = _asymmetry(images, galaxy, _moves(galaxy, added), edges, shared, level)
    s = _smoothness(images, light, empty, circle, circles)
    return np.column_stack([values, c, a, s])


def ring_sums(
    images: np.ndarray,
    hidden: np.ndarray,
    x: float,
    y: float,
    elongation: float,
    angle: float,
    count: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Light (images, count + 1) and area inside `count` radii, `STEP` apart and from 0 on.

    Pixels are cut in `PARTS` by `PARTS`; hidden ones have no area. See `apertures.rings`.
    """
    planes = np.ascontiguousarray(np.moveaxis(np.asarray(images, np.float32), 0, -1))
    light, area = _ring_sums(planes, hidden, x, y, elongation, angle, count)
    return light.T, area


@compiled
def _ring_sums(
    planes: np.ndarray,
    hidden: np.ndarray,
    x: float,
    y: float,
    elongation: float,
    angle: float,
    count: int,
) -> tuple[np.ndarray, np.ndarray]:
    height, width, number = planes.shape
    light, area = np.zeros((count + 1, number)), np.zeros(count + 1)
    cos, sin, share = np.cos(angle), np.sin(angle), 1 / PARTS**2
    for row in range(height):
        for column in range(width):
            if hidden[row, column]:
                continue
            for i in range(PARTS):
                for j in range(PARTS):
                    dx = column + (j + 0.5) / PARTS - 0.5 - x
                    dy = row + (i + 0.5) / PARTS - 0.5 - y
                    u, v = dx * cos + dy * sin, elongation * (dy * cos - dx * sin)
                    ring = int(np.sqrt(u * u + v * v) / STEP) + 1
                    if ring <= count:
                        area[ring] += share
                        for k in range(number):
                            light[ring, k] += share * planes[row, column, k]
    for ring in range(count):
        area[ring + 1] += area[ring]
        light[ring + 1] += light[ring]
    return light, area


def _within(sums: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Sums (..., rings) inside radii (px), which are the same for all."""
    place = np.minimum(radius / STEP, sums.shape[-1] - 1.000001)
    ring = place.astype(int)
    return sums[..., ring] + (place - ring) * (sums[..., ring + 1] - sums[..., ring])


def _within_own(sums: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Sums (images, rings) inside a radius (px) of each."""
    place = np.minimum(radius / STEP, sums.shape[-1] - 1.000001)
    ring, each = place.astype(int), np.arange(len(sums))
    low, high = sums[each, ring], sums[each, ring + 1]
    return low + (place - ring) * (high - low)


def _petrosian(light: np.ndarray, area: np.ndarray, farthest: float, most: float) -> np.ndarray:
    """Petrosian radii (px) as `petrosian.petrosian_radius` finds them, at most `most`.

    `light` (images, rings) and `area` (rings) are from `ring_sums`.
    """
    radius = np.linspace(WIDTH, max(farthest, 2 * WIDTH), STEPS)
    radius = radius[radius <= most]
    if len(radius) < 2:
        return np.full(len(light), most)
    inner, outer = np.maximum(radius - WIDTH / 2, 0), radius + WIDTH / 2
    ring = np.abs(_within(light, outer) - _within(light, inner))
    ring /= np.maximum(_within(area, outer) - _within(area, inner), 1e-9)
    mean = np.abs(_within(light, radius)) / np.maximum(_within(area, radius), 1e-9)
    above = ring - ETA * mean
    first = np.argmax(above <= 0, axis=1)
    each = np.arange(len(light))
    last = np.maximum(first - 1, 0)
    high, low = above[each, last], above[each, first]
    found = radius[last] + (radius[first] - radius[last]) * high / np.where(first, high - low, 1)
    found = np.where(first, found, WIDTH)
    return np.where((above <= 0).any(axis=1), found, most)


def _segment(image: np.ndarray, galaxy: _Galaxy, most: float) -> np.ndarray:
    """As `gini_m20.petrosian_segment`, with an ellipse and a Petrosian radius of its own."""
    light = np.where(galaxy.own, image, 0.0).astype(float)
    elongation, angle, _ = ellipse(light, *galaxy.centre)
    shape = (*galaxy.centre, min(elongation, 20.0), angle, galaxy.count)
    sums, area = ring_sums(image[None], galaxy.hidden, *shape)
    radius = _petrosian(sums, area, galaxy.farthest * shape[2], most)
    smooth = ndimage.gaussian_filter(
        image, SMOOTHING * float(radius[0]), mode="constant", truncate=3.0
    )
    y, x = np.indices(image.shape)
    dx, dy, cos, sin = x - shape[0], y - shape[1], np.cos(angle), np.sin(angle)
    distance = np.hypot(dx * cos + dy * sin, shape[2] * (dy * cos - dx * sin))
    ring = np.abs(distance - radius) < WIDTH / 2
    segment = smooth >= (smooth[ring].mean() if ring.any() else 0)
    pieces, number = ndimage.label(segment, np.ones((3, 3)))
    return pieces == pieces.flat[np.argmax(smooth)] if number > 1 else segment


def _moves(galaxy: _Galaxy, added: np.ndarray) -> np.ndarray:
    """By how much noise moves the centre along x and y (px): the shift most like it."""
    smooth = ndimage.gaussian_filter(galaxy.image, 1.0)
    y, x = np.indices(smooth.shape)
    inside = np.hypot(x - galaxy.centre[0], y - galaxy.centre[1]) < galaxy.radius
    up, across = (np.where(inside & ~galaxy.hidden, one, 0) for one in np.gradient(smooth))
    slopes = np.stack([across.ravel(), up.ravel()])
    alike = added.reshape(len(added), -1).astype(float) @ slopes.T
    return np.clip(-alike @ np.linalg.pinv(slopes @ slopes.T), -FARTHEST, FARTHEST)


def _asymmetry(
    images: np.ndarray,
    galaxy: _Galaxy,
    moves: np.ndarray,
    edges: np.ndarray,
    shared: np.ndarray,
    level: float,
) -> np.ndarray:
    """As `asymmetry.asymmetry`, each about a centre of its own."""
    apart, whole, noise = np.zeros_like(images), np.zeros_like(images), []
    used = np.zeros(images.shape, bool)
    for k, move in enumerate(moves):
        (left, fx), (low, fy) = (
            (int(np.floor(2 * c)), 2 * c % 1) for c in np.add(galaxy.centre, move)
        )
        noise.append(_pair_noise(shared, fy, fx))
        height, width = galaxy.hidden.shape
        # Pixels whose four partners are in the image, as rows and columns, first to last.
        rows = slice(max(low + 2 - height, 0), min(low, height - 1) + 1)
        columns = slice(max(left + 2 - width, 0), min(left, width - 1) + 1)
        if rows.stop <= rows.start or columns.stop <= columns.start:
            continue
        turned, blocked = 0.0, galaxy.hidden[rows, columns].copy()
        for i, down in ((0, 1 - fy), (1, fy)):
            for j, right in ((0, 1 - fx), (1, fx)):
                partner = (
                    slice(low - rows.stop + 1 + i, low - rows.start + 1 + i),
                    slice(left - columns.stop + 1 + j, left - columns.start + 1 + j),
                )
                turned = turned + np.float32(down * right) * images[k][partner][::-1, ::-1]
                if down * right > 1e-6:
                    blocked |= galaxy.hidden[partner][::-1, ::-1]
        here = images[k, rows, columns]
        apart[k, rows, columns] = np.abs(here - turned) * ~blocked
        whole[k, rows, columns] = np.abs(here) * ~blocked
        used[k, rows, columns] = ~blocked
    planes = np.concatenate([apart, whole, used])
    sums, _ = ring_sums(planes, galaxy.hidden, *galaxy.centre, 1.0, 0.0, galaxy.count)
    differs, total, area = (_within_own(one, edges) for one in np.split(sums, 3))
    differs = differs - area * level * np.array(noise)
    return np.where(total > 0, differs / np.where(total > 0, total, 1), np.nan)


def _pair_noise(shared: np.ndarray, fy: float, fx: float) -> float:
    """Mean absolute difference of a pixel and an interpolated one, in noise of variance 2."""
    weights, half = np.outer((1 - fy, fy), (1 - fx, fx)), len(shared) // 2
    near = shared[half - 1 : half + 2, half - 1 : half + 2]
    pairs = sum(
        weights[i, j] * weights[k, m] * near[1 + k - i, 1 + m - j]
        for i, j, k, m in np.ndindex(2, 2, 2, 2)
    )
    return float(np.sqrt(2 / np.pi * 2 * (1 + pairs)))


def _concentration(light: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """As `engines`: 5 log10(r80 / r20)."""
    total, radii, each = _within_own(light, edges), [], np.arange(len(light))
    for share in (0.2, 0.8):
        wanted = share * total
        ring = np.maximum(np.argmax(light > wanted[:, None], axis=1), 1)
        low, high = light[each, ring - 1], light[each, ring]
        radii.append(ring - 1 + (wanted - low) / np.where(high > low, high - low, np.inf))
    good = (total > 0) & (radii[0] > 0)
    ratio = np.divide(radii[1], radii[0], out=np.ones(len(total)), where=good)
    return np.where(good, 5 * np.log10(ratio), np.nan)


def _smoothness(
    images: np.ndarray, light: np.ndarray, empty: np.ndarray, radii: np.ndarray, circles: tuple
) -> np.ndarray:
    """As `cas.smoothness`."""
    widths = [max(int(cas.FRACTION * radius), 1) for radius in radii]
    rough = [cas.excess(image, width) for image, width in zip(images, widths, strict=True)]
    sums, _ = ring_sums(np.array(rough), *circles)
    inner, outer = cas.FRACTION * radii, APERTURE * radii
    above, total = (_within_own(one, outer) - _within_own(one, inner) for one in (sums, light))
    noise = [cas.excess(one, width).mean() for one, width in zip(empty, widths, strict=True)]
    above -= np.pi * (outer**2 - inner**2) * np.array(noise)
    return np.where(total > 0, above / np.where(total > 0, total, 1), np.nan)
