"""Simulated galaxies of known type, injected into a survey's own images at empty positions.

Each galaxy is added by itself to a copy of the section around its position, so that injections do
not crowd each other and the images on disk stay unchanged. Everything else in its cutout is real:
noise, neighbours, artefacts.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

import galsim
import numpy as np
from astropy.table import Table

from morphovote.errors import InputError
from morphovote.fields.cutouts import BORDER, complete_noise, cut_source, find_once
from morphovote.fields.images import read_section
from morphovote.fields.missing import missing_pixels
from morphovote.fields.noise import open_tile
from morphovote.fields.planes import plane_shape
from morphovote.fields.sky import Sky, sky_section
from morphovote.logs import log, progress
from morphovote.simulate.galaxies import ZERO_POINT, hst_psf, make_galaxy
from morphovote.simulate.population import BRIGHT, FAINT, KINDS, draw_properties

# A position is empty if no detected source reaches within this distance (arcsec).
CLEAR = 0.6
# A detection within this distance (arcsec, and at least 2 px) is that of the injected galaxy.
REACH = 0.3
# Positions tried for one galaxy.
TRIES = 60
# Percentiles of the field's magnitudes between which injected magnitudes are drawn.
LIMITS = (2, 98)


def plan_injections(count: int, magnitudes: np.ndarray, seed: int) -> list[dict]:
    """Types, magnitudes and sizes of galaxies to inject.

    Types take turns. Magnitudes are uniform between the 2nd and the 98th percentile of the field's
    own, or between 20 and 25 if it has none. Drawn from the number counts, nearly all would be
    faint. Sizes follow the mass-size relation at the drawn magnitude.

    Parameters
    ----------
    count : int
    magnitudes : ndarray
        AB magnitudes of the field's galaxies; NaNs are left out.
    seed : int
        Galaxy i has its own random stream, whatever the number of galaxies.

    Returns
    -------
    list of dict
        TYPE, MAG, R_E (arcsec), and `stream`, the seed of the galaxy's light.
    """
    finite = np.asarray(magnitudes, float)[np.isfinite(magnitudes)]
    low, high = np.percentile(finite, LIMITS) if len(finite) > 10 else (BRIGHT, FAINT)
    plan = []
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        kind, magnitude = KINDS[i % len(KINDS)], float(rng.uniform(low, high))
        radius = draw_properties(kind, magnitude, rng)["R_E"]
        plan.append({"TYPE": kind, "MAG": magnitude, "R_E": radius, "stream": [seed, i, 1]})
    return plan


def draw_light(
    planned: dict,
    place: tuple[float, float],
    side: int,
    pixel_scale: float,
    zero_point: float,
    psf: np.ndarray | None,
) -> tuple[np.ndarray, dict]:
    """Light of one galaxy on a section of an image.

    Parameters
    ----------
    planned : dict
        From `plan_injections`.
    place : (float, float)
        x and y in the section (px).
    side : int
        Side of the section (px).
    pixel_scale : float
        Arcsec per pixel.
    zero_point : float
        AB magnitude of one unit of flux.
    psf : ndarray or None
        PSF at the image's pixel scale, with the pixel response, of sum 1; None is that of HST/ACS.

    Returns
    -------
    light : ndarray, shape (side, side), float32
        In the unit of the image, without noise.
    truth : dict
        From `galaxies.make_galaxy`.
    """
    rng = np.random.default_rng(planned["stream"])
    profile, truth = make_galaxy(planned["TYPE"], rng, planned["MAG"], planned["R_E"])
    profile *= 10 ** (0.4 * (zero_point - ZERO_POINT))
    return draw_profile_light(profile, place, side, pixel_scale, psf), truth


def draw_profile_light(
    profile: galsim.GSObject,
    place: tuple[float, float],
    side: int,
    pixel_scale: float,
    psf: np.ndarray | None,
) -> np.ndarray:
    """Light of a profile on a section of an image (side, side); see `draw_light`."""
    image = galsim.ImageF(galsim.BoundsI(0, side - 1, 0, side - 1), scale=pixel_scale)
    centre = galsim.PositionD(*place)
    if psf is None:
        galsim.Convolve(profile, hst_psf()).drawImage(image, center=centre)
    else:
        stamp = galsim.Image(np.ascontiguousarray(psf), scale=pixel_scale)
        seen = galsim.Convolve(profile, galsim.InterpolatedImage(stamp, flux=1.0))
        seen.drawImage(image, center=centre, method="no_pixel")
    return image.array


def is_detected(
    section: np.ndarray, rms: np.ndarray | None, place: tuple[float, float], reach: float
) -> bool:
    """Whether the workflow's detection finds a source within `reach` (px) of a position."""
    missing = missing_pixels(section, rms)
    labels = find_once(section, complete_noise(section, rms, missing), missing)[3]
    y, x = np.ogrid[: labels.shape[0], : labels.shape[1]]
    near = (x - place[0]) ** 2 + (y - place[1]) ** 2 <= reach**2
    return bool((labels[near] > 0).any())


def inject(
    plan: list[dict],
    tiles: Table,
    size: int,
    neighbours: str,
    psf: Callable[[int, float, float], np.ndarray] | None,
    seed: int,
    sky: Sky | None = None,
) -> dict[str, np.ndarray]:
    """Inject every planned galaxy into the images, and cut it out like the field's own galaxies.

    Parameters
    ----------
    plan : list of dict
        From `plan_injections`.
    tiles : Table
        From `sources.read_sources`, with pixel scale and zero point.
    size : int
        Side of a cutout (px).
    neighbours : {'mask', 'keep'}
    psf : callable or None
        Tile, x, y -> the PSF there (`draw_light`), from `psf.field_psf`; None is that of HST/ACS.
    seed : int
        For the positions and the noise.
    sky : Sky, optional
        Of the images, as for `cutouts.make_cutouts`.

    Returns
    -------
    dict of ndarray, shape (N, ...)
        row, id, image, rms, mask, flags, snr, x, y as from `cutouts.make_cutouts`; type, mag, r_e
        (arcsec), axis_ratio; tile, tile_x, tile_y (px); detected. Galaxies for which no empty
        position was found are left out.

    Raises
    ------
    InputError
        If the field has no zero point, so that magnitudes cannot be converted to flux.
    """
    scale, zero_point = float(tiles.meta["PIXSCALE"]), float(tiles.meta["ZEROPT"])
    if not np.isfinite(zero_point):
        raise InputError(
            "config, inject.galaxies: the field has no zero_point, expected one to convert "
            "magnitudes to flux. Give fields.<field>.zero_point, or set inject.galaxies: 0."
        )
    side = size + 2 * BORDER
    found: list[dict] = []
    with ExitStack() as stack:
        find = image_places(stack, tiles, side, CLEAR / scale, sky)
        for i in progress(range(len(plan)), len(plan), "injected galaxies"):
            rng = np.random.default_rng([seed, i, 2])
            place = find(rng)
            if place is None:
                continue
            x, y = place.corner[0] + place.centre[0], place.corner[1] + place.centre[1]
            seen = psf and psf(place.tile, x, y)
            light, truth = draw_light(plan[i], place.centre, side, scale, zero_point, seen)
            section, rms, cutout = cut_light(
                place, light, rng, size, neighbours, f"injected {i}", scale
            )
            found.append(
                cutout
                | {"row": i, "id": str(i), "type": plan[i]["TYPE"], "mag": plan[i]["MAG"]}
                | {"r_e": truth["R_E"], "axis_ratio": truth["AXIS_RATIO"], "tile": place.tile}
                | {"tile_x": x, "tile_y": y}
                | {"detected": is_detected(section, rms, place.centre, max(REACH / scale, 2))}
            )
    log.info("%d of %d galaxies injected at empty positions", len(found), len(plan))
    return {name: np.array([one[name] for one in found]) for name in found[0]} if found else {}


class Place(NamedTuple):
    """A section of sky on which a galaxy can be put.

    Attributes
    ----------
    section : ndarray, shape (side, side)
    rms : ndarray or None
    relative : bool
        Whether `rms` is known only up to a factor.
    sky : ndarray or None
        The sky's level, where it is known.
    centre : (float, float)
        x and y of the position in the section (px).
    variance : float
        Photon noise, from `photon_noise`.
    tile : int
    corner : (int, int)
        x and y of the section in its tile (px).
    """

    section: np.ndarray
    rms: np.ndarray | None
    relative: bool
    sky: np.ndarray | None
    centre: tuple[float, float]
    variance: float
    tile: int
    corner: tuple[int, int]


def image_places(
    stack: ExitStack, tiles: Table, side: int, clear: float, sky: Sky | None
) -> Callable[[np.random.Generator], Place | None]:
    """A function that finds an empty position with data all around it, in a tile drawn by area.

    It returns None where it finds none.

    Parameters
    ----------
    stack : ExitStack
        Keeps the tiles open.
    tiles : Table
    side : int
        Side of the section (px).
    clear : float
        No detected source reaches within this distance (px).
    sky : Sky or None
    """
    opened = [open_tile(stack, tile) for tile in tiles]
    area = np.array([np.prod(plane_shape(image), dtype=float) for image, *_ in opened])

    def find(rng: np.random.Generator) -> Place | None:
        for _ in range(TRIES):
            number = int(rng.choice(len(opened), p=area / area.sum()))
            hdu, noise, convert, relative = opened[number]
            height, width = plane_shape(hdu)
            if min(height, width) <= side:
                continue
            left, bottom = int(rng.integers(width - side)), int(rng.integers(height - side))
            centre = tuple(side / 2 + rng.uniform(-0.5, 0.5, 2))
            section = read_section(hdu, bottom, left, side, side)
            rms = noise and convert(read_section(noise, bottom, left, side, side))
            missing = missing_pixels(section, rms)
            if not missing.any() and not is_detected(section, rms, centre, clear):
                level = sky and sky_section(sky, number, bottom, left, side, side)
                variance = photon_noise(hdu.header)
                return Place(
                    section, rms, relative, level, centre, variance, number, (left, bottom)
                )
        return None

    return find


def cut_light(
    place: Place,
    light: np.ndarray,
    rng: np.random.Generator,
    size: int,
    neighbours: str,
    name: str,
    scale: float,
) -> tuple[np.ndarray, np.ndarray | None, dict]:
    """Put light on a section of sky, and cut it out like the field's own galaxies.

    Parameters
    ----------
    place : Place
    light : ndarray, shape (side, side)
    rng : numpy.random.Generator
        For the photon noise.
    size : int
        Side of the cutout (px).
    neighbours : {'mask', 'keep'}
    name : str
        Seeds the noise that fills neighbours.
    scale : float
        Arcsec per pixel.

    Returns
    -------
    section, rms : ndarray, shape (side, side)
        With the light; `rms` may be None.
    cutout : dict
        From `cutouts.cut_source`.
    """
    section, rms = add_light(place.section, place.rms, light, place.variance, place.relative, rng)
    cutout = cut_source(
        section,
        rms,
        place.centre,
        size,
        name=name,
        pixel_scale=scale,
        neighbours=neighbours,
        relative=place.relative,
        sky=place.sky,
    )
    return section, rms, cutout


def photon_noise(header) -> float:
    """Variance of the photon noise per unit of light, from an image's header; 0 if unknown.

    It is known for images in electrons per second with an exposure time. For other units the
    photon noise is left out; except for the brightest galaxies it is small compared with the
    sky noise.
    """
    unit = str(header.get("BUNIT", "")).replace(" ", "").lower()
    exposure = header.get("EXPTIME", 0)
    per_second = unit in ("electron/s", "electrons/s", "e-/s", "e/s")
    return 1 / float(exposure) if per_second and exposure else 0.0


def add_light(
    section: np.ndarray,
    rms: np.ndarray | None,
    light: np.ndarray,
    variance: float,
    relative: bool,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Add light and its photon noise to a section and its noise map.

    Parameters
    ----------
    section, light : ndarray, shape (S, S)
    rms : ndarray or None
    variance : float
        Per unit of light, from `photon_noise`.
    relative : bool
        Whether `rms` is known only up to a factor; it is then left unchanged.
    rng : numpy.random.Generator

    Returns
    -------
    section, rms
        New arrays, float32.
    """
    extra = variance * np.clip(light, 0, None)
    noisy = section + light + np.sqrt(extra) * rng.normal(size=light.shape)
    if rms is not None and not relative:
        rms = np.sqrt(rms.astype(float) ** 2 + extra).astype(np.float32)
    return noisy.astype(np.float32), rms
