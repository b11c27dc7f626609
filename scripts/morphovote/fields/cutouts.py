"""From a source list to cutouts: sky, segments, neighbours, missing pixels, flags, S/N.

Each source is treated by itself, on a section somewhat larger than its cutout. What comes out
depends on that section, the source's position and its id, never on other rows.
"""

import hashlib
import multiprocessing
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np
from astropy.table import Table

from morphovote.errors import InputError
from morphovote.fields.arcs import arc_pixels
from morphovote.fields.detection import NO_SCATTER, extract_sources, sky_level, smoothed
from morphovote.fields.images import read_section
from morphovote.fields.missing import missing_pixels
from morphovote.fields.noise import open_tile
from morphovote.fields.planes import plane_shape
from morphovote.fields.resampling import blur_cutout, native_side, resample_cutout, same_scale
from morphovote.fields.sky import Sky, sky_section
from morphovote.fields.tiles import of_tile, of_tiles
from morphovote.fields.trails import find_trail
from morphovote.flags import (
    BLEND,
    EDGE,
    LOW_SNR,
    MISSING,
    NEIGHBOUR,
    NO_DATA,
    OFF_CENTRE,
    OWN,
    TRAIL,
)
from morphovote.logs import log, progress

# Pixels around the cutout that are read too, for the sky and for neighbours' wings.
BORDER = 25
# Neighbours' segments grow by this radius (px): their wings lie below the threshold.
WINGS = 3
# A source without a segment at its position takes one that comes within this distance (arcsec).
REACH = 0.3
# Noise cuts faint arms, tails and clumps off into segments of their own. A fainter one that comes
# within GAP arcsec of the galaxy's, and whose peak is below FAINT times the threshold, is taken as
# a part of the galaxy; what stands out more is a source of its own. Both were set on simulated
# galaxies among neighbours, weighing own light lost against others' let in.
GAP, FAINT = 0.24, 4.0
# With a piece of more than this share of its flux the galaxy is flagged as a blend: it may be two.
RIVAL = 0.3
# Radius (px) of the stand-in segment of a source that was not detected.
APERTURE = 4
# A trail over more than this share of the segment crosses the galaxy.
CROSSED = 0.01
# The light centroid of a galaxy should lie this close to its position: the larger of the two.
OFF_CENTRE_ARCSEC, OFF_CENTRE_PIXELS = 0.3, 3.0

# A noise map below this share of the sky's own scatter is none. Pixels have no signal-to-noise
# ratio of one over QUIETEST: with less noise than that the noise is not known.
TOO_QUIET, QUIETEST = 1e-3, 1e-7

UNITS = {"x": "pix", "y": "pix"}


def make_cutouts(
    sources: Table,
    tiles: Table,
    size: int,
    neighbours: str = "mask",
    threads: int = 1,
    target: float | None = None,
    sky: Sky | None = None,
    kernel: Callable[[int, float, float], np.ndarray | None] | None = None,
) -> dict[str, np.ndarray]:
    """Cut sources from their tiles.

    Parameters
    ----------
    sources : Table
        Rows of a source list (`sources.read_sources`), N of them.
    tiles : Table
        All tiles, with `meta["PIXSCALE"]` or a scale of each (`tiles.of_tile`).
    size : int
        Side of a cutout (px).
    neighbours : {'mask', 'keep'}
        Whether neighbours' pixels are replaced by sky.
    threads : int
        Processes to use; the result does not depend on it.
    target : float, optional
        Pixel scale (arcsec) of the cutouts where it is not that of the field: each that comes from
        other pixels is cut so much larger or smaller, and resampled (`resampling.resample_cutout`).
    sky : Sky, optional
        Of the field's images (`sky.read_sky`). Without it the sky is that of each cutout.
    kernel : callable, optional
        Tile, x, y -> kernel in pixels of the cutouts that brings the PSF there to that of all
        cutouts (`psf_matching.match_kernels`), None where none is needed.

    Returns
    -------
    dict of ndarray
        In the order of `sources`: row, id, image, rms, mask, arcs (N, size, size), flags, snr, x, y
        (px in the cutout), neighbours (N,). Images are in the units of their tile, sky subtracted;
        `arcs` is what they lack where neighbours like arcs are masked (see `arcs`), else zero.
        A row without data has zeros as image, ones as rms, and MISSING everywhere.
    """
    count = len(sources)
    arrays = _empty(count, size)
    arrays["row"] = np.asarray(sources["ROW"], dtype=np.int64)
    arrays["id"] = np.array([str(value) for value in sources["ID"].tolist()], dtype=object)
    jobs = _jobs(sources)
    target = target or float(tiles.meta["PIXSCALE"])
    held = np.asarray(sources["TILE"])
    for scale in np.unique(of_tiles(tiles, "PIXSCALE", held[held >= 0])):
        if not same_scale(scale, target):
            log.info("resampled from %.4g to %.4g arcsec a pixel, light kept", scale, target)
    common = (sources, tiles, size, neighbours, target, sky, kernel)
    for rows, part in progress(_run(jobs, common, threads), len(jobs), "batches of cutouts"):
        for name, values in part.items():
            arrays[name][rows] = values
    for bit, what in ((NO_DATA, "without data"), (EDGE, "at an edge"), (BLEND, "blended"),
                      (LOW_SNR, "of low S/N"), (OFF_CENTRE, "off centre"),
                      (TRAIL, "crossed by a trail")):  # fmt: skip
        log.info("%d of %d %s", np.count_nonzero(arrays["flags"] & bit), count, what)
    return arrays


def cut_source(
    section: np.ndarray,
    rms: np.ndarray | None,
    position: tuple[float, float],
    size: int,
    *,
    name: str,
    pixel_scale: float,
    neighbours: str = "mask",
    relative: bool = False,
    sky: np.ndarray | None = None,
    inside: tuple[slice, slice] | None = None,
) -> dict[str, np.ndarray | float]:
    """Make the cutout of one source from the section around it.

    Parameters
    ----------
    section : ndarray
        Shape (size + 2 border, size + 2 border), NaN where there is no data.
    rms : ndarray, optional
        Noise of each pixel, same shape; the scatter of the sky where left out.
    position : tuple of float
        x and y of the source in the section (px).
    size : int
        Side of the cutout (px), the middle of the section.
    name : str
        The source's id: seeds the noise that fills its pixels.
    pixel_scale : float
        Arcsec.
    neighbours : {'mask', 'keep'}
    relative : bool
        Whether only the shape of `rms` is to be trusted, as for a weight map: it is scaled to the
        scatter of the sky (as SExtractor does with MAP_WEIGHT).
    sky : ndarray, optional
        Sky of each pixel of the section, where that of the image is known. Without it, it is the
        level of the section's own pixels, which a large galaxy's halo raises.
    inside : tuple of slice, optional
        Rows and columns of the section that a ready-made cutout covers: only there are pixels
        missed.

    Returns
    -------
    dict
        image, rms, mask, arcs (size, size), flags, snr, x, y, neighbours. Without data, too, where
        the noise is neither given nor to be measured, as in a sky of a single value.
    """
    border = (len(section) - size) // 2
    middle = (slice(border, border + size),) * 2
    x, y = position
    missing = missing_pixels(section, rms)
    result = {"x": x - border, "y": y - border}
    if _hopeless(missing, middle, x, y, inside):
        return result | _no_data(size)
    scene = find_scene(section, rms, missing, sky, relative)
    if not has_noise(scene):
        return result | _no_data(size)
    image, labels = scene.image, scene.labels
    own, rival = own_segment(scene, x, y, pixel_scale)
    others = (labels > 0) & ~own
    masked = hidden_pixels(scene, own)
    if neighbours == "mask" or missing.any():
        objects = grow(labels > 0, WINGS) | missing
        fill = missing | masked if neighbours == "mask" else missing
        image = fill_with_sky(image, fill, ~objects, scene.pixel_noise, name)

    own_cut = own[middle]
    flags = 0
    flags |= EDGE if missing[middle].any() else 0
    flags |= BLEND if rival or (grow(own, 1) & others).any() else 0
    flux = float(image[middle][own_cut].sum(dtype=float))
    snr = flux / np.sqrt((scene.rms[middle][own_cut].astype(float) ** 2).sum())
    flags |= LOW_SNR if not snr >= 10 else 0
    tolerance = max(OFF_CENTRE_ARCSEC / pixel_scale, OFF_CENTRE_PIXELS)
    crossed = 0 if scene.trail is None else np.count_nonzero(scene.trail & own)
    flags |= TRAIL if crossed > CROSSED * np.count_nonzero(own) else 0
    flags |= OFF_CENTRE if _offset(image, own, x, y) > tolerance else 0
    mask = own * OWN | masked * NEIGHBOUR | missing * MISSING
    arcs = arc_pixels(others, labels, scene.image, missing, x, y)
    arcs = np.where(arcs, scene.image - image, 0)
    return result | {
        "image": image[middle],
        "rms": scene.rms[middle],
        "mask": mask[middle].astype(np.uint8),
        "arcs": arcs[middle],
        "flags": flags,
        "snr": snr,
        "neighbours": len(np.unique(labels[middle][others[middle]])),
    }


class Scene(NamedTuple):
    """A section without its sky, and what is in it.

    `image`, `rms`, `pixel_noise` (the scatter of the sky, with the shape of the noise map) and
    `labels` (0 is sky, n the n-th row of `found`) have the shape of the section. So has `trail`,
    the pixels of a straight trail, whose light was taken off; None where there is none.
    """

    image: np.ndarray
    rms: np.ndarray
    pixel_noise: np.ndarray
    missing: np.ndarray
    found: np.ndarray
    labels: np.ndarray
    trail: np.ndarray | None = None


def hidden_pixels(scene: Scene, own: np.ndarray) -> np.ndarray:
    """Pixels that are not to be measured: of other sources, with their wings, and of a trail."""
    hidden = grow((scene.labels > 0) & ~own, WINGS)
    if scene.trail is not None:
        hidden |= scene.trail
    return hidden & ~(own | scene.missing)


def has_noise(scene: Scene) -> bool:
    """Whether the noise of a scene is known: given, or measured in a sky that scatters."""
    there = ~scene.missing
    noise = float(np.median(scene.rms[there]))
    # A single hot pixel is no light.
    bright = float(np.percentile(np.abs(scene.image[there]), 99.5))
    return noise > max(2 * NO_SCATTER, QUIETEST * bright)


def find_scene(
    section: np.ndarray,
    rms: np.ndarray | None,
    missing: np.ndarray,
    sky: np.ndarray | None = None,
    relative: bool = False,
) -> Scene:
    """Take the sky off a section and find its sources, in two passes.

    Parameters
    ----------
    section, rms, sky, relative
        See `cut_source`.
    missing : ndarray of bool
        Pixels without data, not all of them.
    """
    noise = complete_noise(section, rms, missing)
    known = None if sky is None else 0.0
    image, smooth, found, labels, scatter = find_once(section, noise, missing, sky)
    trail = find_trail(image, scatter * noise, labels > 0, missing)
    if trail is not None:
        once = find_once(section - trail[0], noise, missing, sky)
        image, smooth, found, labels, scatter = once
    # Once more without the objects' light.
    objects = grow(labels > 0, WINGS)
    free = ~(objects | missing)
    if np.count_nonzero(free) > 0.05 * free.size:
        shift, scatter = sky_level(image, noise, ~free)
        if sky is None:
            image = np.where(missing, 0, image - shift).astype(np.float32)
            smooth = smoothed(image, noise)
        found, labels = extract_sources(smooth, missing, objects, level=known)
    pixel_noise = (scatter * noise).astype(np.float32)
    given = rms is not None and not relative
    # A map of 1e-30 and the like is no noise: the measured scatter takes its place.
    given = given and np.median(noise[~missing]) > TOO_QUIET * np.median(pixel_noise[~missing])
    rms_map = noise if given else pixel_noise
    return Scene(image, rms_map, pixel_noise, missing, found, labels, trail and trail[1])


def complete_noise(section: np.ndarray, rms: np.ndarray | None, missing: np.ndarray) -> np.ndarray:
    """Noise of each pixel of a section up to a factor, also where it is not known."""
    noise = np.ones_like(section) if rms is None else rms.astype(np.float32)
    return np.where(missing, np.median(noise[~missing]), noise)


def find_once(
    section: np.ndarray, noise: np.ndarray, missing: np.ndarray, sky: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Image without its sky, the same smoothed, its sources, labels, scatter of image / noise."""
    level, scatter = sky_level(section if sky is None else section - sky, noise, missing)
    image = np.where(missing, 0, section - (level if sky is None else sky)).astype(np.float32)
    known = None if sky is None else 0.0
    smooth = smoothed(image, noise)
    return image, smooth, *extract_sources(smooth, missing, level=known), scatter


def _empty(count: int, size: int) -> dict[str, np.ndarray]:
    return {
        "row": np.zeros(count, np.int64),
        "id": np.zeros(count, object),
        "image": np.zeros((count, size, size), np.float32),
        "rms": np.ones((count, size, size), np.float32),
        "mask": np.full((count, size, size), MISSING, np.uint8),
        "arcs": np.zeros((count, size, size), np.float32),
        "flags": np.full(count, NO_DATA, np.int32),
        "snr": np.zeros(count, np.float32),
        "x": np.full(count, (size - 1) / 2, np.float32),
        "y": np.full(count, (size - 1) / 2, np.float32),
        "neighbours": np.zeros(count, np.int16),
    }


def _no_data(size: int) -> dict[str, np.ndarray | float]:
    empty = _empty(1, size)
    names = ("image", "rms", "mask", "arcs", "flags", "snr", "neighbours")
    return {name: empty[name][0] for name in names}


def _jobs(sources: Table) -> list[np.ndarray]:
    """Rows of the table in reading order: by tile, then in rows of pixels; 32 a batch."""
    tile, y = np.asarray(sources["TILE"]), np.asarray(sources["Y"])
    held = np.flatnonzero(tile >= 0)
    order = held[np.lexsort((y[held], tile[held]))]
    return [order[start : start + 32] for start in range(0, len(order), 32)]


def _run(jobs: list[np.ndarray], common: tuple, threads: int) -> Iterator:
    # sep holds the interpreter's lock, so threads would wait for each other. Forked processes are
    # safe on Linux only; elsewhere one process does it all.
    if threads == 1 or len(jobs) == 1 or not sys.platform.startswith("linux"):
        yield from ((rows, _cut_batch(rows, *common)) for rows in jobs)
        return
    context = multiprocessing.get_context("fork")
    with context.Pool(threads, initializer=_set_common, initargs=common) as pool:
        yield from pool.imap_unordered(_cut_job, jobs)


_common: list = []


def _set_common(*common) -> None:
    _common[:] = common


def _cut_job(rows: np.ndarray):
    return rows, _cut_batch(rows, *_common)


def _cut_batch(
    rows: np.ndarray,
    sources: Table,
    tiles: Table,
    size: int,
    neighbours: str,
    target: float,
    sky: Sky | None,
    kernel: Callable[[int, float, float], np.ndarray | None] | None,
) -> dict[str, np.ndarray]:
    part = _empty(len(rows), size)
    del part["row"], part["id"]
    current, stack, stamps = None, ExitStack(), tiles.meta["KIND"] == "cutouts"
    with stack:
        for i, row in enumerate(rows):
            tile = int(sources["TILE"][row])
            scale = of_tile(tiles, "PIXSCALE", tile)
            kept = same_scale(scale, target)
            native = size if kept else native_side(size, scale, target)
            side = native + 2 * BORDER
            x, y = float(sources["X"][row]), float(sources["Y"][row])
            left, bottom = (int(np.floor(v - (native - 1) / 2 + 0.5)) - BORDER for v in (x, y))
            try:
                if tile != current:
                    stack.close()
                    hdu, noise, convert, relative = open_tile(stack, tiles[tile])
                    current = tile
                section = read_section(hdu, bottom, left, side, side)
                rms = noise and convert(read_section(noise, bottom, left, side, side))
            except InputError as error:
                if not stamps:
                    raise
                # One broken file among many costs one galaxy.
                log.warning("%s: no data (%s)", sources["ID"][row], error)
                current = None
                continue
            result = cut_source(
                section,
                rms,
                (x - left, y - bottom),
                native,
                name=str(sources["ID"][row]),
                pixel_scale=scale,
                neighbours=neighbours,
                relative=relative,
                sky=sky and sky_section(sky, tile, bottom, left, side, side),
                inside=covered(plane_shape(hdu), bottom, left) if stamps else None,
            )
            if not kept:
                result = resample_cutout(result, size, scale / target)
            wider = kernel and kernel(tile, x, y)
            if wider is not None:
                result = blur_cutout(result, wider)
            for key, value in result.items():
                part[key][i] = value
    return part


def covered(shape: tuple[int, int], bottom: int, left: int) -> tuple[slice, slice]:
    """Rows and columns of a section that its image covers, from the section's corner in it."""
    return tuple(
        slice(max(-start, 0), max(side - start, 0))
        for side, start in zip(shape, (bottom, left), strict=True)
    )


def _hopeless(
    missing: np.ndarray, middle: tuple, x: float, y: float, inside: tuple[slice, slice] | None
) -> bool:
    column, row = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
    centre = missing[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
    there = np.zeros(missing.shape, dtype=bool)
    there[inside or middle] = True
    there = missing[middle][there[middle]]
    return bool(there.size == 0 or there.mean() > 0.75 or centre.mean() > 0.5)


def grow(pixels: np.ndarray, radius: int) -> np.ndarray:
    """Dilate by a square, which is separable and so several times faster than a disc."""
    for axis in (0, 1):
        grown = pixels.copy()
        before, after = np.moveaxis(pixels, axis, 0), np.moveaxis(grown, axis, 0)
        for step in range(1, radius + 1):
            after[step:] |= before[:-step]
            after[:-step] |= before[step:]
        pixels = grown
    return pixels


def own_segment(scene: Scene, x: float, y: float, pixel_scale: float) -> tuple[np.ndarray, bool]:
    """Pixels of the segment at a position, with the fainter pieces that lie close to it.

    Also whether one of the pieces is a rival in brightness.
    """
    labels, found, missing = scene.labels, scene.found, scene.missing
    rows, columns = np.ogrid[: labels.shape[0], : labels.shape[1]]
    distance2 = (columns - x) ** 2 + (rows - y) ** 2
    # Equal distances are settled by the order of the pixels, always alike.
    nearest = np.where(labels > 0, distance2, np.inf)
    at = np.unravel_index(nearest.argmin(), labels.shape)
    if nearest[at] > max(REACH / pixel_scale, 2) ** 2:
        return (distance2 <= APERTURE**2) & (labels == 0) & ~missing, False
    own = labels == labels[at]
    near = np.flatnonzero(np.bincount(labels[grow(own, max(round(GAP / pixel_scale), 1))]))
    main, flux = labels[at], found["flux"]
    faint = (flux <= flux[main - 1]) & (found["peak"] < FAINT * found["thresh"])
    pieces = [n for n in near if n > 0 and n != main and faint[n - 1]]
    if not pieces:
        return own, False
    rival = any(flux[n - 1] > RIVAL * flux[main - 1] for n in pieces)
    return np.isin(labels, [main, *pieces]), rival


def _offset(image: np.ndarray, own: np.ndarray, x: float, y: float) -> float:
    """Distance (px) of the own light's centroid from the source's position."""
    rows, columns = np.nonzero(own)
    light = np.maximum(image[own].astype(float), 0)
    if light.sum() <= 0:
        return 0.0
    centre = (columns @ light / light.sum(), rows @ light / light.sum())
    return float(np.hypot(centre[0] - x, centre[1] - y))


def fill_with_sky(
    image: np.ndarray, fill: np.ndarray, sky: np.ndarray, noise: np.ndarray, name: str
) -> np.ndarray:
    """Replace pixels by sky copied from elsewhere in the section.

    Noise of drizzled images is correlated between pixels. Independent noise in its place would
    show where the neighbours were, so whole pieces of sky are copied, by shifts drawn from a
    generator that the source's id seeds; what no shift reaches gets independent noise. Pixels are
    scaled by the ratio of the noise at both places.
    """
    if not fill.any():
        return image
    seed = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
    random = np.random.default_rng(seed)
    filled = image.copy()
    rows, columns = np.nonzero(fill)
    filled[rows, columns] = random.standard_normal(len(rows), dtype=np.float32) * noise[fill]
    if np.count_nonzero(sky) < 0.05 * sky.size:
        return filled
    height, width = image.shape
    shifts = np.stack([random.integers(0, height, 40), random.integers(0, width, 40)], axis=1)
    for down, right in shifts:
        from_rows, from_columns = (rows + down) % height, (columns + right) % width
        good = sky[from_rows, from_columns]
        to, source = (rows[good], columns[good]), (from_rows[good], from_columns[good])
        filled[to] = image[source] * (noise[to] / noise[source])
        rows, columns = rows[~good], columns[~good]
        if len(rows) == 0:
            break
    return filled
