"""Morphological parameters of galaxies, measured on their undenoised cutouts.

What the pixels tell comes from an engine (`engines`): Gini and M20 (Lotz et al. 2004, AJ 128,
163), C and S (Conselice 2003; Lotz et al. 2004), M, I and D (Freeman et al. 2013, MNRAS 434, 282)
and the Petrosian radius, as statmorph defines them (Rodriguez-Gomez et al. 2019, MNRAS 483, 4140).
The asymmetry is `asymmetry.asymmetry` about the engine's centre, the multiplicity
`multiplicity.multiplicity`, the errors are from `pixel_errors`. The Sersic fit of a section of an
image is in `sections`.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
from astropy.table import Table
from scipy import ndimage

from morphovote.compute.processes import DIED, TIMED_OUT, map_with_limit
from morphovote.errors import InputError
from morphovote.flags import (
    BAD,
    BEYOND_CUTOUT,
    FAILED,
    MEASURE_FAILED,
    MISSING,
    NEIGHBOUR,
    NO_DATA,
    OUT_OF_TIME,
    OWN,
    PSF_LIMITED,
    SUSPECT,
)
from morphovote.logs import log, progress
from morphovote.measure.asymmetry import WINGS, asymmetry
from morphovote.measure.engines import (
    HOPELESS,
    NONPARAMETRIC,
    PETROSIAN_RADII,
    Pixels,
    measure_fast,
)
from morphovote.measure.multiplicity import multiplicity
from morphovote.measure.pixel_errors import ERRORS, pixel_errors
from morphovote.measure.stamps import cut_stamp

# Seconds after which a galaxy is given up; it takes about a second, a large one among others more.
TIME_LIMIT = 60.0
# A PSF wider than this (px) is cut: its wings carry next to nothing and cost time.
PSF_SIZE = 51

SERSIC = {
    "sersic_n": "", "sersic_n_err": "", "r_e": "arcsec", "r_e_err": "arcsec",
    "axis_ratio": "", "axis_ratio_err": "", "position_angle": "deg", "position_angle_err": "deg",
    "mag_sersic": "mag", "mag_sersic_err": "mag", "sersic_chi2": "",
}  # fmt: skip
# Of bulge and disc, where they are asked for.
BULGE_DISC = {
    "bulge_fraction": "", "bulge_fraction_err": "", "r_e_bulge": "arcsec",
    "r_e_bulge_err": "arcsec", "r_e_disc": "arcsec", "r_e_disc_err": "arcsec",
    "axis_ratio_bulge": "", "axis_ratio_bulge_err": "",
    "axis_ratio_disc": "", "axis_ratio_disc_err": "", "bulge_disc_delta_bic": "",
}  # fmt: skip
OWN_NONPARAMETRIC = {"asymmetry": "", "multiplicity": ""} | ERRORS
UNITS = {name: unit for name, (_, unit) in NONPARAMETRIC.items()} | OWN_NONPARAMETRIC | SERSIC


def prepare_psf(psf: np.ndarray) -> np.ndarray:
    """Cut a PSF to at most `PSF_SIZE`.

    Parameters
    ----------
    psf : ndarray
        Shape (odd, odd), centred on its middle pixel, in pixels of the images.

    Returns
    -------
    ndarray
        Of sum 1.
    """
    middle = [size // 2 for size in psf.shape]
    half = [min(size, PSF_SIZE) // 2 for size in psf.shape]
    psf = psf[tuple(slice(m - h, m + h + 1) for m, h in zip(middle, half, strict=True))]
    return psf / psf.sum()


def half_light_radius(psf: np.ndarray) -> float:
    """Radius (px) of the circle about the middle pixel that holds half of a PSF's light."""
    y, x = np.indices(psf.shape)
    radius = np.hypot(y - psf.shape[0] // 2, x - psf.shape[1] // 2).ravel()
    order = np.argsort(radius, kind="stable")
    # Pixels are spread over the area that they cover, so that the curve has no steps.
    area_radius = np.sqrt((np.arange(order.size) + 1) / np.pi)
    return float(np.interp(0.5, np.cumsum(psf.ravel()[order]), area_radius))


def psf_radii(psfs: Iterable[np.ndarray | None]) -> np.ndarray:
    """Half-light radii (N,) of PSFs (px), NaN for None."""
    return np.array([np.nan if psf is None else half_light_radius(psf) for psf in psfs], float)


def regularise_segment(own: np.ndarray, x: float, y: float) -> np.ndarray:
    """Make a detection segment fit to measure on.

    Of several pieces the one nearest the source is kept, and holes are filled.

    Parameters
    ----------
    own : ndarray of bool
        Shape (height, width).
    x, y : float
        Position of the source, px.

    Returns
    -------
    ndarray of bool
        Same shape; empty where `own` is.
    """
    pieces, count = ndimage.label(own, np.ones((3, 3)))
    if count > 1:
        rows, columns = np.nonzero(own)
        nearest = np.argmin(np.hypot(rows - y, columns - x))
        own = pieces == pieces[rows[nearest], columns[nearest]]
    return ndimage.binary_fill_holes(own)


def measure_galaxy(
    image: np.ndarray,
    rms: np.ndarray,
    mask: np.ndarray,
    x: float,
    y: float,
    engine: Callable = measure_fast,
) -> tuple[dict[str, float], list[str]]:
    """Measure the pixels of one galaxy.

    Parameters
    ----------
    image, rms : ndarray
        Shape (size, size); background-subtracted and not denoised.
    mask : ndarray of uint8
        Shape (size, size), bits `flags.OWN`, `NEIGHBOUR`, `MISSING`.
    x, y : float
        Position of the source, px.
    engine : callable
        One of `engines.ENGINES`.

    Returns
    -------
    values : dict of float
        Keys of `UNITS`, lengths in px, NaN where not measured (those of a Sersic fit always), and
        `measure_flag`.
    messages : list of str
        Warnings on the way.
    """
    values = dict.fromkeys(UNITS, np.nan)
    hidden = (mask & (NEIGHBOUR | MISSING)) > 0
    segment = regularise_segment((mask & OWN) > 0, x, y)
    if not segment.any():
        return values | {"measure_flag": FAILED}, []
    image, rms = (np.ascontiguousarray(one, dtype=float) for one in (image, rms))
    pixels = engine(image, rms, segment, hidden)
    if pixels.flag >= HOPELESS:
        return values | {"measure_flag": FAILED}, pixels.messages
    values |= pixels.values
    radius = PETROSIAN_RADII * values["r_petrosian"]
    if radius > 0:
        values["asymmetry"] = asymmetry(image, segment, hidden, pixels.centre, radius)
    values["multiplicity"] = multiplicity(image, segment & ~hidden)
    values |= _errors(image, rms, segment, hidden, pixels)
    flag = {0: 0, 1: SUSPECT}.get(pixels.flag, BAD)
    flag |= BEYOND_CUTOUT if _reaches_beyond(pixels, image.shape) else 0
    return values | {"measure_flag": flag}, pixels.messages


def _errors(
    image: np.ndarray, rms: np.ndarray, segment: np.ndarray, hidden: np.ndarray, pixels: Pixels
) -> dict[str, float]:
    stamp = cut_stamp(image, rms, segment, hidden)
    sky = ~stamp.hidden & ~ndimage.binary_dilation(stamp.own, np.ones((3, 3)), WINGS)
    centre = pixels.centre[0] - stamp.x, pixels.centre[1] - stamp.y
    radii = pixels.values["r_petrosian"], pixels.r_ellipse
    return pixel_errors(stamp, sky, centre, radii)


def _reaches_beyond(pixels: Pixels, shape: tuple[int, int]) -> bool:
    """Whether the circle or the ellipse of 1.5 Petrosian radii is cut by the image's edge."""
    angle, across = pixels.orientation, pixels.r_ellipse / pixels.elongation
    wide = np.hypot(pixels.r_ellipse * np.cos(angle), across * np.sin(angle))
    high = np.hypot(pixels.r_ellipse * np.sin(angle), across * np.cos(angle))
    for place, size, half in zip(pixels.centre, shape[::-1], (wide, high), strict=True):
        reach = PETROSIAN_RADII * max(half, pixels.values["r_petrosian"])
        if not (place - reach >= -0.5 and place + reach <= size - 0.5):
            return True
    return False


def select_rows(sources: Table, select: Mapping[str, Sequence[float | None]]) -> np.ndarray:
    """Which sources lie inside every cut.

    Parameters
    ----------
    sources : Table
        The source list, with MAG, REDSHIFT, LOG_MASS, U_V, V_J.
    select : dict
        Role -> [lowest, highest], either None for no limit; such as `{"mag": [None, 24]}`. A
        source without that value is outside.

    Returns
    -------
    ndarray of bool
        Shape (len(sources),).

    Raises
    ------
    InputError
        If the source list has no such column.
    """
    inside = np.ones(len(sources), dtype=bool)
    for role, (low, high) in select.items():
        column = role.upper()
        if column not in sources.colnames:
            raise InputError(
                f"measure.select: no '{role}' among the sources, only "
                f"{', '.join(name.lower() for name in sources.colnames)}."
            )
        values = np.ma.filled(np.ma.asarray(sources[column], dtype=float), np.nan)
        if len(values) and not np.isfinite(values).any():
            raise InputError(
                f"measure.select: '{role}' is missing for every source. Name its column under the "
                f"field's `columns`, or remove the cut."
            )
        inside &= np.isfinite(values)
        if low is not None:
            inside &= ~(values < low)
        if high is not None:
            inside &= ~(values > high)
    return inside


def measure_all(
    names: dict[str, np.ndarray],
    scale: float | np.ndarray,
    psf_radius: np.ndarray | None,
    call: Callable,
    galaxies: Callable,
    processes: int,
    seconds: float,
    bulge_disc: bool = False,
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Measure galaxies in processes of their own, and put their values into arrays.

    Parameters
    ----------
    names : dict of ndarray
        row, id and flags of the cutouts.
    scale : float or ndarray
        Arcsec a pixel of what is measured; shape (N,) where galaxies differ in it.
    psf_radius : ndarray, optional
        Shape (N,): half-light radius of the PSF at each galaxy (px).
    call : callable
        Measures one galaxy: values and messages, as `measure_galaxy`.
    galaxies : callable
        Positions in `names`, rising -> iterator of the arguments of `call`.
    processes : int
    seconds : float
        Time limit of a galaxy; one that takes longer is stopped and flagged.
    bulge_disc : bool
        Whether `call` may tell of bulge and disc.

    Returns
    -------
    arrays : dict of ndarray
        Shape (N,) each: `row`, `id`, the keys of `UNITS` and, with `bulge_disc`, `BULGE_DISC`
        (float32, lengths in arcsec, NaN where not measured), `psf_radius` (float32, half-light
        radius of the PSF in arcsec, NaN without one), `measure_flag` (int32, bits
        `MEASURE_FLAGS`), `bulge_disc_flag` (int32, bits `BULGE_DISC_FLAGS`, -1 where not fitted)
        and `flags` (int32, the bits
        `flags.MEASURE_FAILED` and `flags.PSF_LIMITED` where they apply).
    units : dict of str

    Raises
    ------
    MemoryError
        If a galaxy finds too little memory twice, the second time with no other beside it. One
        whose process is killed twice is flagged.
    """
    size = len(names["row"])
    scale = np.broadcast_to(scale, size)
    told = UNITS | (BULGE_DISC if bulge_disc else {})
    arrays = {name: np.full(size, np.nan, dtype=np.float32) for name in told}
    bulge_disc_flag = np.full(size, -1, dtype=np.int32)
    measure_flag = np.full(size, FAILED, dtype=np.int32)
    # A galaxy without data has nothing to be measured.
    rows = np.flatnonzero((names["flags"] & NO_DATA) == 0)
    troubles = 0
    results = _measure_rows(call, galaxies, rows, processes, seconds)
    for row, result, problem in progress(results, len(rows), "galaxies"):
        if result is None:
            measure_flag[row] = FAILED | (OUT_OF_TIME if problem == TIMED_OUT else 0)
            troubles += 1
            _to_log_file(f"{names['id'][row]}: not measured: {problem}")
            continue
        values, messages = result
        for message in messages:
            _to_log_file(f"{names['id'][row]}: {message}")
        measure_flag[row] = values["measure_flag"]
        bulge_disc_flag[row] = values.get("bulge_disc_flag", -1)
        for name, unit in told.items():
            arrays[name][row] = values.get(name, np.nan) * (scale[row] if unit == "arcsec" else 1)
    if troubles:
        log.info("%d galaxies could not be measured; they are flagged", troubles)
    flags = np.where(measure_flag & FAILED, MEASURE_FAILED, 0).astype(np.int32)
    own = np.full(size, np.nan) if psf_radius is None else psf_radius * scale
    with np.errstate(invalid="ignore"):
        flags |= np.where(arrays["r50"] < 1.2 * own, PSF_LIMITED, 0).astype(np.int32)
    arrays = {"row": names["row"], "id": names["id"], **arrays}
    arrays |= {"psf_radius": own.astype(np.float32), "measure_flag": measure_flag, "flags": flags}
    arrays |= {"bulge_disc_flag": bulge_disc_flag} if bulge_disc else {}
    return arrays, {name: unit for name, unit in told.items() if unit} | {"psf_radius": "arcsec"}


def _measure_rows(
    call: Callable, galaxies: Callable, rows: np.ndarray, processes: int, seconds: float
) -> Iterator[tuple[int, tuple | None, str]]:
    """Row, result and problem of each galaxy, in any order.

    Those that lose their process or its memory come last, once more and one at a time: that is the
    machine's fault and not the galaxy's, and no reason for a flag.
    """
    lost = []
    found = map_with_limit(call, galaxies(rows), processes, seconds)
    for number, result, problem in found:
        if result is None and problem.startswith((DIED, "MemoryError")):
            lost.append(rows[number])
        else:
            yield rows[number], result, problem
    if not lost:
        return
    log.info("%d galaxies lost their process or its memory: again, one at a time", len(lost))
    rows = np.sort(lost)
    for number, result, problem in map_with_limit(call, galaxies(rows), 1, seconds):
        if result is None and problem.startswith("MemoryError"):
            raise MemoryError(f"row {rows[number]}: {problem}")
        yield rows[number], result, problem


def _to_log_file(message: str) -> None:
    # What goes this way reaches the rule's log file, not the terminal.
    logging.getLogger("py.warnings").warning(message)
