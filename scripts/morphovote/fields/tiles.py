"""The images of a field as tiles: what belongs together, and which tile holds a source best."""

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
from astropy.table import Row, Table

from morphovote.errors import InputError
from morphovote.fields.images import (
    Image,
    inspect_image,
    missing_pixels,
    open_image,
    pixel_to_sky,
    read_section,
    sky_to_pixel,
    weight_to_rms,
)
from morphovote.logs import log, progress

# Side of the square around a source (px) whose valid pixels decide between overlapping tiles.
BOX = 100
# Tiles whose noise maps are held against the pixels, and the factor by which both may differ.
PROBED, NOISE_FACTOR = 12, 10


def inspect_tiles(
    images: Sequence[str],
    rms: Sequence[str] = (),
    weight: Sequence[str] = (),
    forgiving: bool = False,
) -> tuple[list[Image], Table]:
    """Read the headers of a field's images and pair them with their noise maps.

    Noise maps are paired with the images in sorted order; each must have its image's shape.

    Parameters
    ----------
    images, rms, weight : sequence of str
        Paths. At most one of `rms` and `weight` (inverse variance) is not empty.
    forgiving : bool
        Leave out images that cannot be read, with a warning, instead of stopping at the first.

    Returns
    -------
    list of Image
    Table
        One row a tile: IMAGE, HDU, RMS, RMS_HDU, WEIGHT, WEIGHT_HDU; '' and -1 where none.

    Raises
    ------
    InputError
        If there is no image, both kinds of noise map, a pair that does not fit, or an rms map that
        cannot be the noise of its image.
    """
    if not images:
        raise InputError("No image file was found. Correct `images` or `cutouts` of the field.")
    if len(rms) and len(weight):
        raise InputError("The field has both `rms` and `weight`: keep one (`rms` is better).")
    images = sorted(map(str, images))
    paths = {"image": images, "rms": sorted(map(str, rms)), "weight": sorted(map(str, weight))}
    for kind in ("rms", "weight"):
        if paths[kind] and len(paths[kind]) != len(images):
            raise InputError(
                f"`{kind}`: found {len(paths[kind])} files for {len(images)} images "
                f"({paths[kind][0]}, ...), expected one for each, in the same sorted order."
            )
    found, rows = [], []
    for number in progress(range(len(images)), len(images), "image headers"):
        try:
            image = inspect_image(images[number])
            row = [image.path, image.hdu]
            for kind in ("rms", "weight"):
                noise = inspect_image(paths[kind][number], kind) if paths[kind] else None
                if noise:
                    _check_pair(image, noise, kind)
                row += [noise.path, noise.hdu] if noise else ["", -1]
        except InputError as error:
            if not forgiving:
                raise
            log.warning("%s is left out: %s", images[number], error)
            continue
        found.append(image)
        rows.append(row)
    if not found:
        raise InputError(
            f"None of the {len(images)} images can be read, such as {images[0]}.\n"
            "Fetch them again, or correct the pattern."
        )
    names = ("IMAGE", "HDU", "RMS", "RMS_HDU", "WEIGHT", "WEIGHT_HDU")
    tiles = Table(rows=rows, names=names)
    if paths["rms"] or paths["weight"]:
        _check_noise(tiles)
    return found, tiles


def common_pixel_scale(images: Sequence[Image], given: float | None) -> float:
    """Pixel scale (arcsec) of a field: from the config, else from the images' WCS.

    Raises
    ------
    InputError
        If neither says it, or the images differ by more than 1 %.
    """
    scales = {image.path: image.pixel_scale for image in images if image.pixel_scale}
    if given:
        for path, scale in scales.items():
            if abs(scale / given - 1) > 0.01:
                log.warning(
                    "%s: its WCS has %.4g arcsec a pixel; the config's pixel_scale, %.4g, is used",
                    path, scale, given,
                )  # fmt: skip
                break
        return float(given)
    if not scales:
        raise InputError(
            f"{images[0].path}: no WCS in the header, so the pixel scale is unknown.\n"
            "Give the field a `pixel_scale` (arcsec a pixel)."
        )
    smallest, largest = min(scales, key=scales.get), max(scales, key=scales.get)
    if scales[largest] > 1.01 * scales[smallest]:
        raise InputError(
            f"The images differ in pixel scale: {smallest} has {scales[smallest]:.4g} arcsec, "
            f"{largest} has {scales[largest]:.4g}.\nMake a field of each, or resample them."
        )
    return float(np.median(list(scales.values())))


def assign_tiles(
    images: Sequence[Image], tiles: Table, ra: np.ndarray, dec: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give each source the tile that holds it best.

    That is the tile with the most valid pixels in a square of `BOX` pixels around the source (to
    1 %), among equals the one where it lies farthest from the border, among those the first.

    Parameters
    ----------
    images, tiles
        From `inspect_tiles`; every image has a WCS.
    ra, dec : ndarray
        Shape (N,), ICRS degrees; NaN where unknown.

    Returns
    -------
    tile : ndarray of int64
        Shape (N,); -1 outside all tiles.
    x, y : ndarray of float64
        Pixel position in that tile; NaN outside all tiles.
    """
    ra, dec = np.asarray(ra, dtype=float), np.asarray(dec, dtype=float)
    candidates = []
    count = np.zeros(len(ra), dtype=int)
    for number, image in enumerate(images):
        inside = _near(image, ra, dec)
        x, y = sky_to_pixel(image.wcs, ra[inside], dec[inside])
        margin = _margin(image, x, y)
        held = margin >= 0
        candidates.append((number, inside[held], x[held], y[held], margin[held]))
        count[inside[held]] += 1
    tile = np.full(len(ra), -1, dtype=np.int64)
    best_x, best_y = np.full(len(ra), np.nan), np.full(len(ra), np.nan)
    best_score = np.full((2, len(ra)), -1.0)
    for number, source, x, y, margin in candidates:
        valid = np.ones(len(source))
        contested = count[source] > 1
        if contested.any():
            valid[contested] = _valid_share(tiles[number], x[contested], y[contested])
        valid = np.round(valid, 2)
        before = best_score[:, source]
        better = (valid > before[0]) | ((valid == before[0]) & (margin > before[1]))
        won = source[better]
        tile[won], best_x[won], best_y[won] = number, x[better], y[better]
        best_score[:, won] = valid[better], margin[better]
    return tile, best_x, best_y


def unit_vectors(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Positions (deg) as vectors of shape (N, 3), so that distances need no care at the poles."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def open_tile(stack: ExitStack, tile: Row):
    """Open a tile's image and noise map, to be closed by `stack`.

    Returns
    -------
    image : ImageHDU
        For `read_section`.
    noise : ImageHDU or None
    convert : callable
        Turns a section of `noise` into rms.
    relative : bool
        Whether the noise is known up to a factor only: a weight map's.
    """
    image = stack.enter_context(open_image(str(tile["IMAGE"]), int(tile["HDU"])))
    if tile["RMS"]:
        noise = stack.enter_context(open_image(str(tile["RMS"]), int(tile["RMS_HDU"])))
        return image, noise, np.asarray, False
    if tile["WEIGHT"]:
        noise = stack.enter_context(open_image(str(tile["WEIGHT"]), int(tile["WEIGHT_HDU"])))
        return image, noise, weight_to_rms, True
    return image, None, np.asarray, False


def cutout_side(sources: Table, tiles: Table) -> int | None:
    """Median side (px) of a field's ready-made cutouts, whose sources lie in their centres."""
    if tiles.meta["KIND"] != "cutouts":
        return None
    centre = np.fmin(np.asarray(sources["X"]), np.asarray(sources["Y"]))
    return int(2 * np.nanmedian(centre) + 1)


def _check_pair(image: Image, noise: Image, kind: str) -> None:
    if image.shape != noise.shape:
        raise InputError(
            f"{noise.path}: {noise.shape} pixels, but its image {image.path} has {image.shape}.\n"
            f"Files of `{kind}` are paired with the images in sorted order: check the names."
        )
    if image.wcs and noise.wcs:
        y, x = (side / 2 for side in image.shape)
        apart = np.hypot(
            *np.subtract(sky_to_pixel(noise.wcs, *pixel_to_sky(image.wcs, x, y)), (x, y))
        )
        if not apart < 1:
            raise InputError(
                f"{noise.path}: lies {apart:.0f} pixels from its image {image.path} on the sky.\n"
                f"Files of `{kind}` are paired with the images in sorted order: check the names."
            )


def _check_noise(tiles: Table) -> None:
    """Stop where noise maps are empty, or rms maps are far off the scatter of the pixels.

    A weight map given as rms, or one of another unit, would go unnoticed: everything is scaled by
    it. Looked at are a few sections of some tiles.
    """
    ratios, empty = [], None
    for number in np.unique(np.linspace(0, len(tiles) - 1, PROBED).astype(int)):
        tile = tiles[int(number)]
        with ExitStack() as stack:
            image, noise, convert, relative = open_tile(stack, tile)
            for place in _probes(image.shape):
                pixels, rms = read_section(image, *place), convert(read_section(noise, *place))
                if missing_pixels(pixels).mean() > 0.5:
                    continue
                if missing_pixels(pixels, rms).mean() > 0.5:
                    empty = str(noise.fileinfo()["file"].name)
                    continue
                # Differences between pixels hold little of the galaxies' light.
                difference = np.abs(pixels[:, 2:] - pixels[:, :-2])
                scatter = 1.05 * np.median(difference[np.isfinite(difference)])
                ratios.append((scatter, float(np.median(rms[rms > 0])), tile))
    if not ratios and empty:
        raise InputError(
            f"{empty}: no positive numbers where its image has data, expected the noise there.\n"
            "Give another map, or leave `rms` or `weight` out."
        )
    if not ratios or relative:
        return
    ratios.sort(key=lambda found: found[0] / found[1])
    scatter, rms, tile = ratios[len(ratios) // 2]
    if not 1 / NOISE_FACTOR < scatter / rms < NOISE_FACTOR and scatter > 0:
        raise InputError(
            f"{tile['RMS']}: says a noise of {rms:.3g}, but the pixels of {tile['IMAGE']} scatter "
            f"by {scatter:.3g}.\nExpected the rms in the image's unit. If it holds 1 / variance, "
            "give it as `weight:`; else convert it."
        )


def _probes(shape: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Sections (y, x, height, width) in a grid of 3 x 3 over an image."""
    sides = [min(side, BOX) for side in shape]
    starts = [[int(part * (side - box)) for part in (0.1, 0.5, 0.9)]
              for side, box in zip(shape, sides, strict=True)]  # fmt: skip
    return [(y, x, *sides) for y in starts[0] for x in starts[1]]


def _near(image: Image, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Indices of the sources within the circle around a tile's corners."""
    height, width = image.shape
    x = np.array([width / 2, 0, width, 0, width])
    y = np.array([height / 2, 0, 0, height, height])
    corners = unit_vectors(*pixel_to_sky(image.wcs, x, y))
    radius_cosine = (corners[1:] @ corners[0]).min()
    if not np.isfinite(radius_cosine):  # a corner that is not on the sky: an all-sky projection
        return np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    with np.errstate(invalid="ignore"):
        # The circle is widened by a hundredth, for the bend of the borders.
        return np.flatnonzero(
            unit_vectors(ra, dec) @ corners[0] > 1 - 1.02 * (1 - radius_cosine) - 1e-12
        )


def _margin(image: Image, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance (px) to the nearest border, negative outside."""
    height, width = image.shape
    sides = np.stack([x + 0.5, width - 0.5 - x, y + 0.5, height - 0.5 - y])
    return np.where(np.isfinite(sides).all(axis=0), sides.min(axis=0), -1)


def _valid_share(tile: Row, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Share of valid pixels in the square around each position of one tile."""
    share = np.empty(len(x))
    left, bottom = (np.floor(v - (BOX - 1) / 2 + 0.5).astype(int) for v in (x, y))
    with ExitStack() as stack:
        hdu, noise, convert, _ = open_tile(stack, tile)
        for i in np.argsort(y, kind="stable"):
            place = (bottom[i], left[i], BOX, BOX)
            rms = convert(read_section(noise, *place)) if noise else None
            share[i] = 1 - missing_pixels(read_section(hdu, *place), rms).mean()
    return share
