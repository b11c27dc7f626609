"""The images of a field as tiles: what belongs together, and which tile holds a source best."""

from collections.abc import Sequence
from contextlib import ExitStack
from logging import INFO, WARNING

import numpy as np
from astropy.table import Row, Table

from morphovote.errors import InputError
from morphovote.fields.footprints import check_footprints
from morphovote.fields.images import (
    Image,
    inspect_image,
    pixel_to_sky,
    read_section,
    sky_to_pixel,
    unit_vectors,
)
from morphovote.fields.missing import missing_pixels
from morphovote.fields.noise import check_noise, open_tile
from morphovote.fields.pairing import pair_files
from morphovote.logs import log, progress

# Side of the square around a source (px) whose valid pixels decide between overlapping tiles.
BOX = 100
# Pixel scales (arcsec) of images that show galaxies: no survey's are outside the first, few are
# outside the second.
POSSIBLE_SCALES, USUAL_SCALES = (0.001, 30.0), (0.001, 10.0)


def inspect_tiles(
    images: Sequence[str],
    rms: Sequence[str] = (),
    weight: Sequence[str] = (),
    forgiving: bool = False,
    planes: dict[str, str] | None = None,
    psfs: Sequence[str] = (),
) -> tuple[list[Image], Table]:
    """Read the headers of a field's images and pair them with their noise maps and PSFs.

    These are paired with the images by their paths (`pairing.pair_files`); each noise map must have
    its image's shape. Which plane was taken is logged.

    Parameters
    ----------
    images, rms, weight : sequence of str
        Paths. At most one of `rms` and `weight` (inverse variance) is not empty.
    forgiving : bool
        Leave out images that cannot be read, with a warning, instead of stopping at the first.
    planes : dict of str, optional
        The user's choice of a plane for `images`, `rms` and `weight`, by name or number.
    psfs : sequence of str
        Paths of PSFs with their planes, where each image has one of its own.

    Returns
    -------
    list of Image
    Table
        One row a tile: IMAGE, HDU, RMS, RMS_HDU, WEIGHT, WEIGHT_HDU; '' and -1 where none. With a
        column VARIANCE, where true the rms is the square root of the plane, and a column PSF where
        `psfs` are given. `meta["PLANES"]` has a sentence on each plane that was taken.

    Raises
    ------
    InputError
        If there is no image, both kinds of noise map, a pair that does not fit, a map that cannot
        be the noise of its image, or images of the same sky that are not of one kind.
    """
    if not images:
        raise InputError("No image file was found. Correct `images` or `cutouts` of the field.")
    if len(rms) and len(weight):
        raise InputError("The field has both `rms` and `weight`: keep one (`rms` is better).")
    images = sorted(map(str, images))
    given = {"rms": sorted(map(str, rms)), "weight": sorted(map(str, weight))}
    key = next((key for key in given if given[key]), "")
    if key and len(given[key]) != len(images):
        raise InputError(
            f"`{key}`: found {len(given[key])} files for {len(images)} images "
            f"({given[key][0]}, ...), expected one for each."
        )
    maps = pair_files(images, given[key], key) if key else [""] * len(images)
    stars = pair_files(images, sorted(map(str, psfs)), "psf") if len(psfs) else []
    found, rows, own, notes, wrong = [], [], [], {}, None
    for number in progress(range(len(images)), len(images), "image headers"):
        try:
            image, noise = _inspect_pair(images[number], maps[number], key, planes or {})
        except InputError as error:
            if not forgiving:
                raise
            wrong = wrong or error
            log.warning("%s is left out: %s", images[number], error)
            continue
        found.append(image)
        rows.append(_row(image, noise))
        own += stars[number : number + 1]
        for one in (image, noise):
            for note in one.notes if one else ():
                notes.setdefault(note, []).append(one.path)
    if not found:
        raise InputError(
            f"None of the {len(images)} images can be read. Of the first: {wrong}\n"
            "Correct the pattern, or fetch them again."
        )
    told = []
    for note, paths in notes.items():
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        told.append(f"{paths[0]}{more}: {note}")
        log.log(WARNING if "RADESYS" in note else INFO, "%s", told[-1])
    check_footprints(found, bool(planes and planes.get("images")))
    names = ("IMAGE", "HDU", "RMS", "RMS_HDU", "WEIGHT", "WEIGHT_HDU", "VARIANCE")
    tiles = Table(rows=rows, names=names, meta={"PLANES": told})
    if not tiles["VARIANCE"].any():
        tiles.remove_column("VARIANCE")
    if own:
        tiles["PSF"] = own
    if key:
        check_noise(tiles, forgiving)
    return found, tiles


def _inspect_pair(
    path: str, noise_path: str, key: str, planes: dict[str, str]
) -> tuple[Image, Image | None]:
    """An image and its noise map, if it has one."""
    image = inspect_image(path, "image", planes.get("images", ""))
    if not noise_path:
        return image, None
    noise = inspect_image(noise_path, key, planes.get(key, ""))
    _check_pair(image, noise, key)
    return image, noise


def _row(image: Image, noise: Image | None) -> tuple:
    """A row of the table of tiles: the map is filed by what its plane holds, whatever its key."""
    rms, weight = ("", -1), ("", -1)
    if noise and noise.kind == "weight":
        weight = (noise.path, noise.hdu)
    elif noise:
        rms = (noise.path, noise.hdu)
    return (image.path, image.hdu, *rms, *weight, bool(noise) and noise.kind == "variance")


def common_pixel_scale(images: Sequence[Image], given: float | None) -> float:
    """Pixel scale (arcsec) of a field: from the config, else from the images' WCS.

    Raises
    ------
    InputError
        If neither says it, the images differ by more than 1 %, or no survey has such pixels.
    """
    scale = _common_scale(images, given)
    low, high = POSSIBLE_SCALES
    found = f"config, pixel_scale: found {given:g}" if given else (
        f"{images[0].path}: its WCS has {scale:.4g} arcsec a pixel")  # fmt: skip
    if not low <= scale <= high:
        degrees = low <= scale * 3600 <= high and scale < low
        advice = (
            f"If it is in degrees, write pixel_scale: {scale * 3600:.4g}" if degrees else
            "Correct it" if given else "Correct the header, or give the field a `pixel_scale`"
        )  # fmt: skip
        raise InputError(f"{found}, expected arcsec a pixel, {low} to {high:g}. {advice}.")
    low, high = USUAL_SCALES
    if not low <= scale <= high:
        log.warning("%s, expected %g to %g arcsec in a survey that shows the shapes of galaxies: "
                    "is it right? If not, correct `pixel_scale`", found, low, high)  # fmt: skip
    return scale


def _common_scale(images: Sequence[Image], given: float | None) -> float:
    """The scale as it is given or as the headers have it, whether it can be or not."""
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


def check_detectable(images: Sequence[Image], pixel_scale: float | None) -> float:
    """Pixel scale (arcsec) of images in which sources are to be detected.

    Raises
    ------
    InputError
        If it cannot be known, or only some of the images have a WCS.
    """
    scale = common_pixel_scale(images, pixel_scale)
    if len(images) > 1 and 0 < sum(image.wcs is None for image in images) < len(images):
        without = next(image.path for image in images if image.wcs is None)
        raise InputError(
            f"{without}: no WCS in the header, though other images of the field have one, so "
            "overlaps cannot be seen.\nGive all images a WCS, or make it a field of its own."
        )
    return scale


def of_tile(tiles: Table, name: str, number: int) -> float:
    """PIXSCALE (arcsec) or ZEROPT (AB mag, NaN if unknown) of one tile: its own, or the field's."""
    return float(tiles[name][number] if name in tiles.colnames else tiles.meta[name])


def of_tiles(tiles: Table, name: str, numbers: np.ndarray) -> np.ndarray:
    """As `of_tile`, for tiles (N,); what the field has where there is no tile (-1)."""
    if name not in tiles.colnames:
        return np.full(len(numbers), float(tiles.meta[name]))
    own = np.append(np.asarray(tiles[name], dtype=float), float(tiles.meta[name]))
    return own[np.where(np.asarray(numbers) < 0, -1, numbers)]


def count_inside(images: Sequence[Image], ra: np.ndarray, dec: np.ndarray) -> int:
    """How many positions (N,), ICRS degrees, lie in an image that has a WCS."""
    inside = np.zeros(len(ra), dtype=bool)
    for image in images:
        if image.wcs is not None:
            near = _near(image, ra, dec)
            inside[near] |= _margin(image, *sky_to_pixel(image.wcs, ra[near], dec[near])) >= 0
    return int(inside.sum())


def compare_zero_points(images: Sequence[Image], given: float | None) -> list[str]:
    """Say where the zero point of the config is not that of a header; a sentence, or none."""
    others = [i for i in images if given and i.zero_point and abs(i.zero_point - given) > 0.005]
    if not others:
        return []
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return [
        f"{others[0].path}{more}: MAGZERO = {others[0].zero_point:g} in the header; the config's "
        f"zero_point, {given:g}, is used"
    ]


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
            f"Files of `{kind}` are paired with the images by their names: check these."
        )
    if image.wcs and noise.wcs:
        y, x = (side / 2 for side in image.shape)
        apart = np.hypot(
            *np.subtract(sky_to_pixel(noise.wcs, *pixel_to_sky(image.wcs, x, y)), (x, y))
        )
        if not apart < 1:
            raise InputError(
                f"{noise.path}: lies {apart:.0f} pixels from its image {image.path} on the sky.\n"
                f"Files of `{kind}` are paired with the images by their names: check these."
            )


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
