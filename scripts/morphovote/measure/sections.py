"""Measure galaxies on sections of the images, each as large as the galaxy needs.

The encoder's cutouts are of one size, and cut large galaxies short. Here the section grows until it
holds `NEEDED` half-light radii and what else is measured, or the image ends.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from astropy.table import Table

from morphovote.errors import InputError
from morphovote.fields.cutouts import (
    WINGS,
    Scene,
    find_scene,
    grow,
    has_noise,
    hidden_pixels,
    own_segment,
)
from morphovote.fields.images import read_section
from morphovote.fields.missing import missing_pixels
from morphovote.fields.noise import open_tile
from morphovote.fields.sky import Sky, sky_section
from morphovote.fields.tiles import of_tiles
from morphovote.flags import (
    BEYOND_CUTOUT,
    FAILED,
    FILLS_IMAGE,
    MISSING,
    NEIGHBOUR,
    NO_DATA,
    NO_SERSIC,
    OWN,
    SERSIC_SUSPECT,
)
from morphovote.measure.bulge_disc import fit_bulge_disc, least_radius
from morphovote.measure.morphology import (
    TIME_LIMIT,
    UNITS,
    measure_all,
    measure_galaxy,
    prepare_psf,
    psf_radii,
)
from morphovote.measure.neighbours import subtract_neighbours
from morphovote.measure.on_sky import angles_on_sky, magnitudes
from morphovote.measure.sersic import Kernel, prepare_kernel
from morphovote.measure.sersic_errors import UNKNOWN_ANGLE, shared_noise
from morphovote.measure.sersic_fit import fit_sersic
from morphovote.storage import shards

# Side of a section in half-light radii, along the major axis.
NEEDED = 8.0
# Its first side: so many isophotal radii, and at least so many px; it grows by GROWTH. On 80 px
# steep small galaxies among neighbours came out 6 % too large: halos of those beyond came in.
ISOPHOTES, SMALLEST, GROWTH = 5.0, 128, 1.6
# What is read: so many times the first side, between limits (px).
READ, LEAST_READ, MOST_READ = 3.0, 320, 1600
# Cutouts read at once: some 10 MB.
BATCH = 64


def first_sides(area: np.ndarray) -> tuple[list[int], list[int]]:
    """Sides (px) that galaxies of these segments (pixels) are measured on first, and are read."""
    first = [max(int(ISOPHOTES * np.sqrt(pixels / np.pi)), SMALLEST) for pixels in area]
    return first, [int(np.clip(READ * one, LEAST_READ, max(MOST_READ, one))) for one in first]


def sections(
    sources: Table, tiles: Table, sky: Sky | None, rows: np.ndarray, area: np.ndarray
) -> Iterator[tuple | None]:
    """Read the pixels around each source.

    Parameters
    ----------
    sources, tiles : Table
        From `sources.read_sources`.
    sky : Sky or None
        Of the images.
    rows : ndarray of int
        Rows of `sources`, in the order wanted.
    area : ndarray of int
        Pixels of the segment of each, from which the first side follows.

    Yields
    ------
    section, rms, sky : ndarray or None
        Shape (side, side); NaN where there are no data.
    x, y : float
        Place of the source in it (px).
    side : int
        To measure on first.
    relative : bool
        See `cutouts.cut_source`.
    """
    stack, current = ExitStack(), None
    with stack:
        for row, first, side in zip(rows, *first_sides(area), strict=True):
            tile = int(sources["TILE"][row])
            x, y = float(sources["X"][row]), float(sources["Y"][row])
            left, bottom = (int(np.floor(v - (side - 1) / 2 + 0.5)) for v in (x, y))
            try:
                if tile != current:
                    stack.close()
                    image, noise, convert, relative = open_tile(stack, tiles[tile])
                    current = tile
                section = read_section(image, bottom, left, side, side)
                rms = noise and convert(read_section(noise, bottom, left, side, side))
            except InputError:
                if tiles.meta["KIND"] != "cutouts":
                    raise
                current, section, rms = None, np.full((1, 1), np.nan, np.float32), None
            level = sky and sky_section(sky, tile, bottom, left, side, side)
            yield section, rms, level, x - left, y - bottom, first, relative


def measure_section(
    section: np.ndarray,
    rms: np.ndarray | None,
    sky: np.ndarray | None,
    x: float,
    y: float,
    side: int,
    relative: bool,
    sersic: bool,
    psf: np.ndarray | None = None,
    *,
    pixel_scale: float,
    sky_noise: float = np.inf,
    bulge_disc: float = np.inf,
    measure: Callable = measure_galaxy,
) -> tuple[dict[str, float], list[str]]:
    """Measure the galaxy of a section, on as many of its pixels as it needs.

    The galaxy is fitted with the level of the sky under it, after the modelled light of its
    neighbours is taken off. Both are also taken off before the pixels themselves are measured, the
    level only where the sky is known and the section reaches beyond the galaxy.

    Parameters
    ----------
    section, rms, sky, x, y, side, relative
        From `sections`.
    sersic : bool
        Fit a Sersic profile.
    psf : ndarray, optional
        At the galaxy, from `morphology.prepare_psf`.
    pixel_scale : float
        Arcsec.
    sky_noise : float
        How far the level at one place may lie from `sky`, in units of a pixel's noise; infinite
        where nothing but the galaxy's own pixels tells it.
    bulge_disc : float
        Smallest r_e (px) of the Sersic profile with which bulge and disc are fitted as well.
    measure : callable
        In place of `measure_galaxy`.

    Returns
    -------
    values, messages
        As `measure_galaxy`, with the bits BEYOND_CUTOUT and FILLS_IMAGE only where the image ends.
        Of the fit, `position_angle` is still from the image's x towards its y (rad), and
        `mag_sersic` the profile's light in units of the image; their errors are in deg and mag.
        With bulge and disc fitted, the keys of `morphology.BULGE_DISC` and `bulge_disc_flag`.
    """
    missing = missing_pixels(section, rms)
    kernel = prepare_kernel(psf)
    whole = _around(missing, x, y, 2 * max(section.shape))
    if whole is None:
        return dict.fromkeys(UNITS, np.nan) | {"measure_flag": FAILED}, []
    last, known, stands, fitted = None, [], False, ()
    while True:
        place = _around(missing, x, y, side) or whole
        parts = [None if part is None else part[place] for part in (section, rms, sky)]
        at = (x - place[1].start, y - place[0].start)
        scene, masks = _segment(
            parts, np.ascontiguousarray(missing[place]), at, relative, pixel_scale
        )
        if not has_noise(scene):
            return dict.fromkeys(UNITS, np.nan) | {"measure_flag": FAILED}, []
        image, fit = scene.image.astype(float), None
        if sersic:
            noise = sky_noise * float(np.median(scene.rms[~scene.missing]))
            corner = (place[1].start, place[0].start)
            near = [_moved(model, -corner[0], -corner[1]) for model in known]
            begin = last and _moved(last, -corner[0], -corner[1])
            image, fit, near = _fit(scene, masks, at, noise, kernel, near, begin, stands)
            if not stands:
                valid = ~(masks["hidden"] | scene.missing)
                fitted = image, scene.rms.astype(float), valid, fit, kernel, noise
            last = fit and _moved(fit, *corner)
            known = [_moved(model, *corner) for model in near]
        wanted = int(np.ceil(NEEDED * fit["r_e"])) if fit else 0
        if wanted <= side or place == whole:
            # The fit stands: on a larger section more halos of others come in.
            stands = True
            # With nothing but the galaxy's own pixels, or where it fills the image, the level
            # hangs on how its light goes on.
            told = sky is not None and wanted <= min(image.shape) + 1
            if fit and not fit["suspect"] and told:
                image = image - fit["level"]
            image = image.astype(np.float32)
            values, messages = measure(image, scene.rms, masks["mask"], *at)
            if not values["measure_flag"] & BEYOND_CUTOUT or place == whole:
                break
        side = max(int(GROWTH * side), min(wanted, 3 * side))
    flag = values["measure_flag"]
    if flag & FAILED:
        return values, messages
    if fit is None:
        return values | {"measure_flag": flag | NO_SERSIC}, messages
    flag |= SERSIC_SUSPECT if fit["suspect"] else 0
    flag |= FILLS_IMAGE if wanted > min(image.shape) + 1 else 0
    shared = _shared_noise(image, scene)
    values |= _told_by(fit, shared) | {"measure_flag": flag}
    if fit["r_e"] >= bulge_disc and not fit["suspect"]:
        values |= _bulge_and_disc(fitted, shared)
    return values, messages


def _shared_noise(image: np.ndarray, scene: Scene) -> float:
    sky = ~(grow(scene.labels > 0, WINGS) | scene.missing)
    return shared_noise(image, scene.rms, sky)


def _bulge_and_disc(fitted: tuple, shared: float) -> dict[str, float]:
    """Values of bulge and disc under the names of `morphology.BULGE_DISC`."""
    found = fit_bulge_disc(*fitted, shared)
    names = {
        "bulge_fraction": "fraction", "r_e_bulge": "r_e_bulge", "r_e_disc": "r_e_disc",
        "axis_ratio_bulge": "q_bulge", "axis_ratio_disc": "q_disc",
    }  # fmt: skip
    values = {"bulge_disc_flag": found["flag"], "bulge_disc_delta_bic": found["delta_bic"]}
    for name, key in names.items():
        values |= {name: found[key], f"{name}_err": found[f"{key}_err"]}
    return values


def _told_by(fit: dict[str, float], worse: float) -> dict[str, float]:
    """Values of a fit with their errors, under the names of `morphology.SERSIC`."""
    errors = {
        "sersic_n_err": fit["n_err"],
        "r_e_err": fit["r_e_err"],
        "axis_ratio_err": fit["axis_ratio_err"],
        "position_angle_err": float(np.degrees(fit["angle_err"])),
        "mag_sersic_err": 2.5 / np.log(10) * fit["log_light_err"],
    }
    errors = {name: worse * value for name, value in errors.items()}
    unknown = float(np.degrees(UNKNOWN_ANGLE))
    errors["position_angle_err"] = min(errors["position_angle_err"], unknown)
    values = {"sersic_n": fit["n"], "r_e": fit["r_e"], "axis_ratio": fit["axis_ratio"]}
    values |= {"position_angle": fit["angle"], "mag_sersic": fit["light"]}
    return values | errors | {"sersic_chi2": fit["chi2"]}


def _segment(
    parts: list, missing: np.ndarray, at: tuple[float, float], relative: bool, pixel_scale: float
) -> tuple[Scene, dict[str, np.ndarray]]:
    """What is in a part of a section: the scene, and own, hidden and mask as arrays of pixels."""
    section, rms, sky = parts
    scene = find_scene(section, rms, missing, sky, relative)
    own, _ = own_segment(scene, *at, pixel_scale)
    hidden = hidden_pixels(scene, own)
    mask = (own * OWN | hidden * NEIGHBOUR | missing * MISSING).astype(np.uint8)
    return scene, {"own": own, "hidden": hidden, "mask": mask}


def _fit(
    scene: Scene,
    masks: dict[str, np.ndarray],
    at: tuple[float, float],
    noise: float,
    kernel: Kernel | None,
    known: list[dict[str, float]],
    begin: dict[str, float] | None,
    stands: bool,
) -> tuple[np.ndarray, dict[str, float], list[dict[str, float]]]:
    """Take its neighbours' light off the image, and fit the galaxy.

    `begin` is its fit on a smaller part of the section: where this one starts, or what `stands`.
    """
    own, image = masks["own"], scene.image.astype(float)
    numbers = np.unique(scene.labels[own])
    numbers = numbers[numbers > 0] - 1
    if len(numbers):
        main = int(numbers[np.argmax(scene.found["flux"][numbers])])
        light, start, known = subtract_neighbours(scene, own, main, kernel, noise, known)
        image -= light
    else:
        start = {"r_e": 3.0, "n": 1.5, "x": at[0], "y": at[1], "axis_ratio": 0.8, "angle": 0.0}
    if stands:
        return image, begin, known
    valid = ~(masks["hidden"] | scene.missing)
    fit = fit_sersic(image, scene.rms.astype(float), valid, begin or start, kernel, noise)
    return image, fit, known


def _moved(model: dict[str, float], right: float, up: float) -> dict[str, float]:
    return model | {"x": model["x"] + right, "y": model["y"] + up}


def measure_on_images(
    path: str | Path,
    sources: Table,
    tiles: Table,
    sky: Sky | None,
    processes: int = 1,
    psf: Callable[[int, float, float], np.ndarray] | None = None,
    sersic: np.ndarray | None = None,
    seconds: float = TIME_LIMIT,
    measure: Callable = measure_galaxy,
    bulge_disc: str = "none",
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Measure every galaxy of a shard of cutouts, on the images that they were cut from.

    Parameters
    ----------
    path : str or Path
        The shard: which galaxies, and how large their segments are.
    sources, tiles : Table
        From `sources.read_sources`.
    sky : Sky or None
        Of the images, from `sky.read_sky`; None where each galaxy's own pixels tell it.
    processes : int
    psf : callable, optional
        Tile, x, y -> the PSF there, from `psf.field_psf`.
    sersic : ndarray of bool, optional
        By row of `sources`: which get a Sersic fit. All if left out.
    seconds : float
        Time limit of a galaxy; one that takes longer is stopped and flagged.
    measure : callable
        In place of `measure_galaxy`.
    bulge_disc : {'none', 'auto', 'all'}
        Which galaxies with a Sersic fit are also fitted with a bulge and a disc: for `auto`, see
        `bulge_disc.least_radius`.

    Returns
    -------
    arrays, units
        See `morphology.measure_all`. A galaxy does not depend on the others of its shard, on their
        order or on `processes`.
    """
    names = shards.read_shard(path, ["row", "id", "flags", "snr"])
    tile, x, y = (np.asarray(sources[name])[names["row"]] for name in ("TILE", "X", "Y"))
    scale = of_tiles(tiles, "PIXSCALE", tile)
    # Outside the images of a band that it was not cut from.
    names["flags"] = np.where(tile < 0, names["flags"] | NO_DATA, names["flags"])
    # Areas in pixels of the images, which the cutouts may have been resampled from.
    area = [np.count_nonzero(batch["mask"] & OWN, axis=(1, 2))
            for batch in shards.iterate_batches(path, ["mask"], BATCH)]  # fmt: skip
    area = np.concatenate(area or [np.zeros(0)])
    area = area * (float(shards.read_attributes(path)["pixel_scale"]) / scale) ** 2
    warm_up(bulge_disc != "none")
    fit = np.ones(len(area), dtype=bool) if sersic is None else sersic[names["row"]]
    call = partial(
        _measure_row, mode=bulge_disc, sky_noise=sky.noise if sky else np.inf, measure=measure
    )

    def psf_at(row: int) -> np.ndarray | None:
        there = psf is not None and not names["flags"][row] & NO_DATA
        blur = psf(int(tile[row]), float(x[row]), float(y[row])) if there else None
        return None if blur is None else prepare_psf(blur)

    def galaxies(rows: np.ndarray) -> Iterator[tuple]:
        around = sections(sources, tiles, sky, names["row"][rows], area[rows])
        return (
            (float(scale[row]), float(names["snr"][row]), *section, bool(fit[row]), psf_at(row))
            for section, row in zip(around, rows, strict=True)
        )

    radius = None if psf is None else psf_radii(map(psf_at, range(len(area))))
    arrays, units = measure_all(
        names, scale, radius, call, galaxies, processes, seconds, bulge_disc != "none"
    )
    angle = angles_on_sky(tiles, tile, x, y, arrays["position_angle"].astype(float))
    arrays["position_angle"] = angle.astype(np.float32)
    light = arrays["mag_sersic"].astype(float)
    zero_point = of_tiles(tiles, "ZEROPT", tile)
    arrays["mag_sersic"] = magnitudes(light, zero_point).astype(np.float32)
    for name in ("position_angle", "mag_sersic"):
        arrays[f"{name}_err"][np.isnan(arrays[name])] = np.nan
    return arrays, units


def _measure_row(
    scale: float, snr: float, *given, mode: str, **how
) -> tuple[dict[str, float], list[str]]:
    """`measure_section` in pixels of the galaxy's own image, with bulge and disc if they tell."""
    least = least_radius(mode, snr, given[-1])
    return measure_section(*given, pixel_scale=scale, bulge_disc=least, **how)


def warm_up(bulge_disc: bool = False) -> None:
    """Compile, or load, what is measured with, so that processes forked later have it."""
    y, x = np.indices((48, 48))
    distance = np.hypot(x - 24.2, (y - 23.7) / 0.8)
    image, rms = np.exp(-distance / 4) + 0.01 * np.sin(x * y), np.full(distance.shape, 0.01)
    there = np.ones(image.shape, bool)
    measure_galaxy(image, rms, np.where(distance < 12, OWN, 0).astype(np.uint8), 24.2, 23.7)
    start = {"r_e": 6.0, "n": 1.0, "x": 24.0, "y": 24.0, "axis_ratio": 0.8, "angle": 0.0}
    fit = fit_sersic(image, rms, there, start, evaluations=1)
    if bulge_disc:
        fit_bulge_disc(image, rms, there, fit)


def _around(missing: np.ndarray, x: float, y: float, side: int) -> tuple[slice, slice] | None:
    """The part of a section about a place, without rows and columns that have no data at all."""
    bounds = []
    for centre, size in ((y, missing.shape[0]), (x, missing.shape[1])):
        start = int(np.floor(centre - (side - 1) / 2 + 0.5))
        bounds.append((max(start, 0), min(start + side, size)))
    (bottom, top), (left, right) = bounds
    there = ~missing[bottom:top, left:right]
    if not there.any():
        return None
    rows, columns = (np.flatnonzero(there.any(axis=axis)) for axis in (1, 0))
    return (
        slice(bottom + int(rows[0]), bottom + int(rows[-1]) + 1),
        slice(left + int(columns[0]), left + int(columns[-1]) + 1),
    )
