"""Find sources: the sky level, segments and their deblending, and whole mosaics in blocks."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import sep
from astropy.table import Row, Table
from scipy import ndimage
from scipy.spatial import cKDTree

from morphovote.errors import InputError
from morphovote.fields.images import Image, pixel_to_sky, read_section, unit_vectors
from morphovote.fields.missing import missing_pixels
from morphovote.fields.noise import open_tile
from morphovote.fields.pairing import short_names
from morphovote.fields.tiles import assign_tiles, check_detectable, inspect_tiles
from morphovote.logs import log, progress
from morphovote.storage.files import replacing

# The image is smoothed with a Gaussian of this sigma (px) before detection: arms and clumps that
# noise has cut off at the isophote stay together better than at a sharp PSF's own width.
SMOOTHING = 1.5
# A source has at least MIN_AREA connected pixels above THRESHOLD times the scatter of the
# smoothed sky. That scatter is measured, so the isophote means the same in images whose noise is
# correlated between pixels (drizzled ones) and in those where it is not.
THRESHOLD, MIN_AREA = 3.0, 7
# A branch is a source of its own if it holds this share of the light (Bertin & Arnouts 1996).
# SExtractor's default of 0.005 cuts galaxies with clumps and arms to pieces.
CONTRAST = 0.03
# Whole mosaics: blocks of CORE px are read with OVERLAP px around them.
CORE, OVERLAP = 1024, 128
# Mesh of the background map (px): larger than galaxies, smaller than gradients.
MESH = 128
# Scatter of a sky that has none, as an image of a single value.
NO_SCATTER = 1e-30
# Sources below this signal-to-noise ratio in their segment are not listed.
LEAST_SNR = 5.0
# One source, seen in two blocks or tiles, lies within this distance (px) of itself.
SAME_SOURCE = 3.0

UNITS = {
    "RA": "deg",
    "DEC": "deg",
    "X": "pix",
    "Y": "pix",
    "MAG": "mag",
    "A": "pix",
    "B": "pix",
    "THETA": "deg",
}


def sky_level(
    image: np.ndarray, noise: np.ndarray | None, excluded: np.ndarray
) -> tuple[float, float]:
    """Level and scatter of the sky, by clipping at three sigma until nothing changes.

    Parameters
    ----------
    image : ndarray
        Shape (height, width).
    noise : ndarray, optional
        Noise of each pixel up to a factor, same shape; 1 where left out.
    excluded : ndarray of bool
        Pixels that are missing or belong to objects.

    Returns
    -------
    level : float
        In units of the image.
    scatter : float
        Standard deviation of image / noise; at least what rounding to the image's steps leaves, and
        NO_SCATTER.
    """
    values = np.sort((image if noise is None else image / noise)[~excluded])
    if len(values) == 0:
        return 0.0, 1.0
    start, end = 0, len(values)
    for _ in range(20):
        n = end - start
        level = values[start + n // 2]
        # From the lower half, which objects do not reach: median minus lower quartile.
        scatter = 1.4826 * (level - values[start + n // 4])
        clipped = np.searchsorted(values, (level - 3 * scatter, level + 3 * scatter))
        clipped[1] = max(clipped[1], clipped[0] + 1)
        if (start, end) == tuple(clipped):
            break
        start, end = clipped
    scatter = max(scatter, _step_at(values, level) / np.sqrt(12), NO_SCATTER)
    unit = 1 if noise is None else np.median(noise[~excluded])
    return float(level * unit), float(scatter)


def _step_at(values: np.ndarray, level: float) -> float:
    """Distance from a level to the next other one of sorted values; 0 where there is none.

    In pictures of 8 bits the sky can be a single level, which does not make it exact:
    rounding to steps of q leaves an error of q / sqrt(12).
    """
    below, above = np.searchsorted(values, level, "left"), np.searchsorted(values, level, "right")
    gaps = [level - values[below - 1]] if below > 0 else []
    gaps += [values[above] - level] if above < len(values) else []
    return float(min(gaps, default=0.0))


def find_sources(
    image: np.ndarray,
    noise: np.ndarray,
    missing: np.ndarray,
    objects: np.ndarray | None = None,
    level: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Detect and deblend the sources of a sky-subtracted image.

    Parameters
    ----------
    image : ndarray
        Shape (height, width), float32; zero where missing.
    noise : ndarray
        Noise of each pixel up to a factor, same shape.
    missing : ndarray of bool
    objects : ndarray of bool, optional
        Pixels already known to belong to objects: left out of the sky's scatter.
    level : float, optional
        Of the sky, in units of `noise`, where it is known; otherwise that of the smoothed image.

    Returns
    -------
    found : structured ndarray
        sep's measurements on the smoothed image in units of `noise`, one row a source.
    labels : ndarray of int32
        Shape (height, width); 0 is sky, n the n-th row of `found`.
    """
    return extract_sources(smoothed(image, noise), missing, objects, level)


def smoothed(image: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Image in units of its noise, smoothed for detection, float32."""
    smooth = ndimage.gaussian_filter(image / noise, SMOOTHING, mode="nearest", truncate=3)
    return np.ascontiguousarray(smooth, dtype=np.float32)


def extract_sources(
    smooth: np.ndarray,
    missing: np.ndarray,
    objects: np.ndarray | None = None,
    level: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Detect and deblend the sources of an image from `smoothed`; see `find_sources`."""
    excluded = missing if objects is None else missing | objects
    found_level, scatter = sky_level(smooth, None, excluded)
    smooth = smooth - np.float32(found_level if level is None else level)
    options = {
        "mask": missing,
        "minarea": MIN_AREA,
        "filter_kernel": None,
        "segmentation_map": True,
    }
    # sep allocates this many pixels on each call, and never needs more than there are.
    sep.set_extract_pixstack(max(smooth.size, 1000))
    try:
        return sep.extract(smooth, THRESHOLD * scatter, deblend_cont=CONTRAST, **options)
    except Exception as error:
        if "deblending" not in str(error):
            raise
        # A place too crowded for sep's deblending buffers is better blended than lost.
        return sep.extract(smooth, THRESHOLD * scatter, deblend_cont=1.0, **options)


def detect_sources(
    images: Sequence[str],
    rms: Sequence[str] = (),
    weight: Sequence[str] = (),
    pixel_scale: float | None = None,
    zero_point: float | None = None,
    planes: dict[str, str] | None = None,
) -> Table:
    """Detect and deblend the sources of a field's images, each once.

    A mosaic is read in overlapping blocks; a source belongs to the block that holds its peak.
    Where tiles overlap, it is taken from the tile that holds it best (`tiles.assign_tiles`).

    Parameters
    ----------
    images, rms, weight, planes
        See `tiles.inspect_tiles`.
    pixel_scale, zero_point : float, optional
        Arcsec a pixel; AB magnitude of one count.

    Returns
    -------
    Table
        ID (from 1), RA, DEC (ICRS deg, NaN without WCS), X, Y (px in FILE, 0-based), FILE (the
        file's name, or its path where names do not differ), MAG (NaN without zero point), FLUX,
        FLUX_ERR (in a Kron ellipse of 2.5 radii, image units), SNR (in the segment), A, B (px,
        second moments), THETA (deg, from x to y).

    Raises
    ------
    InputError
        If the images cannot be read, or nothing is found in them.
    """
    found, tiles = inspect_tiles(images, rms, weight, planes=planes)
    check_detectable(found, pixel_scale)
    parts = [_detect_tile(image, tile) for image, tile in zip(found, tiles, strict=True)]
    number = np.repeat(np.arange(len(parts)), [len(part["X"]) for part in parts])
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if len(number) == 0:
        raise InputError(f"{images[0]}: no source was found above the sky's noise.")
    if len(found) > 1 and found[0].wcs is not None:
        once = _once(columns["RA"], columns["DEC"], number, found, tiles)
        log.info("%d sources seen again where tiles overlap", np.count_nonzero(~once))
        columns, number = {name: column[once] for name, column in columns.items()}, number[once]
    flux = columns["FLUX"]
    with np.errstate(invalid="ignore", divide="ignore"):
        magnitude = -2.5 * np.log10(np.where(flux > 0, flux, np.nan))
    magnitude += np.nan if zero_point is None else zero_point
    names = np.array(short_names([image.path for image in found]))
    log.info("%d sources in %d images", len(number), len(found))
    table = Table({"ID": np.arange(1, len(number) + 1), "FILE": names[number], "MAG": magnitude})
    for name, column in columns.items():
        table[name] = column
    for name, unit in UNITS.items():
        table[name].unit = unit
    return table["ID", "RA", "DEC", "X", "Y", "FILE", "MAG", *list(columns)[4:]]


def write_catalogue(path: str | Path, catalogue: Table) -> None:
    """Write a table as FITS, whole or not at all."""
    with replacing(path) as partial:
        catalogue.write(partial, format="fits", overwrite=True)


def _detect_tile(image: Image, tile: Row) -> dict[str, np.ndarray]:
    """Columns of the sources of one tile, by rows of blocks."""
    height, width = image.shape
    corners = [(y, x) for y in range(0, height, CORE) for x in range(0, width, CORE)]
    parts = []
    with ExitStack() as stack:
        hdu, noise, convert, relative = open_tile(stack, tile)
        for y, x in progress(corners, len(corners), f"blocks of {Path(image.path).name}"):
            bottom, left = max(y - OVERLAP, 0), max(x - OVERLAP, 0)
            rows = min(y + CORE + OVERLAP, height) - bottom
            columns = min(x + CORE + OVERLAP, width) - left
            section = read_section(hdu, bottom, left, rows, columns)
            rms = convert(read_section(noise, bottom, left, rows, columns)) if noise else None
            part = _detect_block(section, rms, relative)
            part["X"], part["Y"] = part["X"] + left, part["Y"] + bottom
            peak_x, peak_y = part.pop("XPEAK") + left, part.pop("YPEAK") + bottom
            # A little more than the core: no source is lost for a peak that differs by a pixel.
            inside = (peak_x >= x - 2) & (peak_x < x + CORE + 2)
            inside &= (peak_y >= y - 2) & (peak_y < y + CORE + 2)
            part["block"] = np.full(len(inside), len(parts))
            parts.append({name: column[inside] for name, column in part.items()})
    merged = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    keep = np.ones(len(merged["X"]), dtype=bool)
    tree = cKDTree(np.stack([merged["X"], merged["Y"]], axis=1))
    for first, second in tree.query_pairs(SAME_SOURCE, output_type="ndarray"):
        if merged["block"][first] != merged["block"][second]:
            keep[max(first, second)] = False
    del merged["block"]
    merged = {name: column[keep] for name, column in merged.items()}
    sky = np.full((2, len(merged["X"])), np.nan)
    if image.wcs is not None and sky.size:
        sky[:] = pixel_to_sky(image.wcs, merged["X"], merged["Y"])
    return {"RA": sky[0], "DEC": sky[1]} | merged


def _detect_block(
    section: np.ndarray, rms: np.ndarray | None, relative: bool
) -> dict[str, np.ndarray]:
    """Sources of one piece of an image, positions in the piece."""
    missing = missing_pixels(section, rms)
    names = ("X", "Y", "FLUX", "FLUX_ERR", "SNR", "A", "B", "THETA", "XPEAK", "YPEAK")
    if missing.mean() > 0.99:
        return {name: np.zeros(0) for name in names}
    data = np.where(missing, 0, section)
    shape = np.ones_like(data) if rms is None else np.where(missing, 1, rms)
    background = sep.Background(data, mask=missing, bw=MESH, bh=MESH)
    image = np.where(missing, 0, data - background.back())
    objects = find_sources(image, shape, missing)[1] > 0
    # Once more without the objects' light.
    objects = ndimage.maximum_filter(objects, 9)
    if (objects | missing).mean() < 0.95:
        background = sep.Background(data, mask=missing | objects, bw=MESH, bh=MESH)
        image = np.where(missing, 0, data - background.back())
    if rms is None:
        shape = np.maximum(background.rms(), NO_SCATTER).astype(np.float32)
    found, labels = find_sources(image, shape, missing, objects)
    noise = shape
    if relative:
        noise = shape * np.float32(sky_level(image, shape, missing | objects)[1])
    count = len(found)
    flux = np.bincount(labels.ravel(), weights=image.ravel(), minlength=count + 1)[1:]
    variance = np.bincount(
        labels.ravel(), weights=noise.astype(float).ravel() ** 2, minlength=count + 1
    )[1:]
    snr = flux / np.sqrt(np.maximum(variance, 1e-60))
    good = (snr >= LEAST_SNR) & (found["a"] > 0) & (found["b"] > 0)
    found, numbers, flux = found[good], np.flatnonzero(good) + 1, flux[good]
    kron, error = _kron_flux(image, noise, missing, labels, found, numbers)
    # A Kron ellipse that fails (all masked, or at the border) leaves the segment's flux.
    failed = ~np.isfinite(kron)
    kron[failed], error[failed] = flux[failed], np.sqrt(variance[good][failed])
    columns = (found["x"], found["y"], kron, error, snr[good], found["a"], found["b"],
               np.degrees(found["theta"]), found["xpeak"], found["ypeak"])  # fmt: skip
    return dict(zip(names, map(np.asarray, columns), strict=True))


def _kron_flux(image, noise, missing, labels, found, numbers) -> tuple[np.ndarray, np.ndarray]:
    """Flux in 2.5 Kron radii (Kron 1980; Bertin & Arnouts 1996), neighbours masked."""
    if len(found) == 0:
        return np.zeros(0), np.zeros(0)
    ellipse = (found["x"], found["y"], found["a"], found["b"], found["theta"])
    common = {"mask": missing, "segmap": labels, "seg_id": numbers.astype(np.int32)}
    radius, _ = sep.kron_radius(image, *ellipse, 6.0, **common)
    # At least the aperture that the isophote suggests, for sources of few pixels.
    radius = np.maximum(np.nan_to_num(2.5 * radius), 3.5)
    flux, error, flag = sep.sum_ellipse(image, *ellipse, radius, err=noise, subpix=1, **common)
    flux[(flag & sep.APER_ALLMASKED) > 0] = np.nan
    return flux, error


def _once(
    ra: np.ndarray, dec: np.ndarray, tile: np.ndarray, images: list[Image], tiles: Table
) -> np.ndarray:
    """Which detections to keep so that overlapping tiles give each source once."""
    best = assign_tiles(images, tiles, ra, dec)[0]
    keep = best == tile
    # A source on the line between two tiles may be seen on either side of it by both.
    radius = np.radians(SAME_SOURCE * max(image.pixel_scale for image in images) / 3600)
    tree = cKDTree(unit_vectors(ra, dec))
    for first, second in np.sort(tree.query_pairs(radius, output_type="ndarray"), axis=1):
        if tile[first] == tile[second]:
            continue
        if keep[first] and keep[second]:
            keep[second] = False
        elif best[first] == tile[second] and best[second] == tile[first]:
            keep[first] = True
    return keep
