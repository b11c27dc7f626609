"""A simulated survey field: mosaic, rms map, PSF and catalogue, and separately the truth.

It imitates one field of the HST/ACS F814W imaging of COSMOS: pixels of 0.03 arcsec, PSF, depth,
correlated noise, and density of galaxies.
"""

from pathlib import Path

import galsim
import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Column, Table
from astropy.wcs import WCS

from morphovote import __version__
from morphovote.errors import InputError
from morphovote.logs import log, progress
from morphovote.simulate.galaxies import (
    PIXEL_SCALE,
    ZERO_POINT,
    draw_psf,
    hst_psf,
    make_galaxy,
)
from morphovote.simulate.population import assign_kinds, draw_magnitudes, draw_properties
from morphovote.storage.files import replacing

EXPOSURE = 2028.0  # seconds
CENTRE = (150.1163, 2.2009)  # RA, Dec (deg): COSMOS
DENSITY = 40.0  # catalogued galaxies (I < 25) per square arcmin
BACKGROUND_DENSITY = 100.0  # fainter galaxies per square arcmin, in the image only
BACKGROUND = (25.0, 26.5)  # their magnitudes
STAR_DENSITY = 2.0  # stars per square arcmin, in the image only
STARS = (18.5, 24.5)
CLUSTERED = 0.35  # fraction of catalogued galaxies that lie near another one ...
GROUP_SIZE = 4.0  # ... with this scatter (arcsec)
CLOSEST = 0.5  # arcsec between catalogued galaxies: a survey would blend closer ones
NOISE_TILE = 1024  # pixels

# Columns of the catalogue and of the truth: unit and description.
COLUMNS = {
    "ID": (None, "identifier"),
    "RA": (u.deg, "right ascension, ICRS"),
    "DEC": (u.deg, "declination, ICRS"),
    "MAG_AUTO": (u.mag, "total F814W magnitude, AB"),
    "Z": (None, "redshift"),
    "LOG_MASS": (None, "log10 of the stellar mass in solar masses"),
    "U_V": (u.mag, "rest-frame U - V, AB"),
    "V_J": (u.mag, "rest-frame V - J, AB"),
}
TRUTH_COLUMNS = {
    "ID": COLUMNS["ID"],
    "TYPE": (None, "SPH, ETD, LTD, IRR or UNC"),
    "SUBTYPE": (None, "variety of the type, where it has some"),
    "X": (u.pix, "column from 0"),
    "Y": (u.pix, "row from 0"),
    "RA": COLUMNS["RA"],
    "DEC": COLUMNS["DEC"],
    "MAG": COLUMNS["MAG_AUTO"],
    "R_E": (u.arcsec, "half-light radius before the PSF, major axis"),
    "AXIS_RATIO": (None, "apparent axis ratio of the half-light ellipse"),
    "SERSIC_N": (None, "index, of single Sersic profiles"),
    "BT": (None, "bulge-to-total ratio"),
    "ARMS": (None, "number of spiral arms"),
    "PITCH": (u.deg, "pitch angle of the arms"),
    "INCLINATION": (u.deg, "0 is face-on"),
    "PA": (u.deg, "position angle, east of north"),
    "HANDEDNESS": (None, "+1: arms wind counter-clockwise outwards, y up"),
    "SNR": (None, "S/N in the best isophote"),
    "Z": COLUMNS["Z"],
    "LOG_MASS": COLUMNS["LOG_MASS"],
    "U_V": COLUMNS["U_V"],
    "V_J": COLUMNS["V_J"],
}


def simulate_field(galaxies: int, seed: int) -> dict:
    """Simulate a square field with a given number of catalogued galaxies.

    Number counts rise as 10^(0.35 m) at 20 < I < 25. The field's area follows from the number of
    galaxies, at 40 per square arcmin. The image also shows fainter galaxies and a few stars.

    Parameters
    ----------
    galaxies : int
        Rows of the catalogue.
    seed : int
        The same seed gives the same field, bit for bit. Each galaxy has its own random stream.

    Returns
    -------
    dict
        `image`, `rms`, `noiseless`: ndarray, shape (side, side), float32, electron/s. The rms map
        includes sky noise and the sources' Poisson noise; `noiseless` has all sources, convolved
        with the PSF. `psf`: ndarray, shape (101, 101), float32. `catalogue`, `truth`: Tables with
        the same rows. `header`: fits.Header of the images.

    Raises
    ------
    InputError
        If `galaxies` is below 1 or `seed` negative.
    """
    for name, value, least in (("galaxies", galaxies, 1), ("seed", seed, 0)):
        if value < least:
            raise InputError(
                f"config, simulate.{name}: found {value}, expected a whole number of at least "
                f"{least}. Change it."
            )
    area = galaxies / DENSITY
    side = int(np.ceil(np.sqrt(area) * 60 / PIXEL_SCALE))
    header = field_header(side)
    positions = draw_positions(galaxies, side, np.random.default_rng([seed, 0]))
    noiseless = np.zeros((side, side), dtype=np.float32)
    log.info("%d galaxies on %d x %d pixels", galaxies, side, side)
    truth = _draw_galaxies(noiseless, positions, seed)
    _draw_background(noiseless, area, seed)
    sky = sky_noise()
    log.info("noise of %.3g electron/s a pixel", sky)
    rms = np.sqrt(noiseless / np.float32(EXPOSURE) + np.float32(sky**2))
    image = unit_noise(side, seed)
    image *= rms
    image += noiseless
    truth = _place(truth, positions, header, np.random.default_rng([seed, 1]))
    return {
        "image": image,
        "rms": rms,
        "noiseless": noiseless,
        "psf": draw_psf(),
        "catalogue": make_catalogue(truth, np.random.default_rng([seed, 2])),
        "truth": truth,
        "header": header,
    }


def field_header(side: int) -> fits.Header:
    """Header of a square mosaic: gnomonic (TAN) WCS, north up, east left, and photometry."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = CENTRE
    wcs.wcs.crpix = [(side + 1) / 2] * 2
    wcs.wcs.cdelt = [-PIXEL_SCALE / 3600, PIXEL_SCALE / 3600]
    wcs.wcs.radesys = "ICRS"
    header = wcs.to_header()
    header["OBJECT"] = ("simulated field", "no real sky")
    header["INSTRUME"] = ("ACS", "imitated")
    header["FILTER"] = ("F814W", "imitated")
    header["BUNIT"] = ("electron/s", "unit of the pixels")
    header["EXPTIME"] = (EXPOSURE, "[s] exposure time")
    header["MAGZERO"] = (ZERO_POINT, "[mag] AB magnitude of 1 electron/s")
    header["ORIGIN"] = f"morphovote {__version__}"
    return header


def draw_positions(count: int, side: int, rng: np.random.Generator) -> np.ndarray:
    """Draw mildly clustered positions: most at random, some near an earlier one.

    Returns
    -------
    ndarray
        Shape (count, 2), x and y in pixels from 0, no two closer than 0.5 arcsec. Galaxies may
        lie at the field's edge.
    """
    positions = np.empty((count, 2))
    for i in range(count):
        for _ in range(1000):
            place = rng.uniform(0, side - 1, 2)
            if i and rng.random() < CLUSTERED:
                place = positions[rng.integers(i)] + rng.normal(0, GROUP_SIZE / PIXEL_SCALE, 2)
            near = np.hypot(*(positions[:i] - place).T) < CLOSEST / PIXEL_SCALE
            if (place >= 0).all() and (place <= side - 1).all() and not near.any():
                break
        positions[i] = place
    return positions


def _draw_galaxies(noiseless: np.ndarray, positions: np.ndarray, seed: int) -> Table:
    """Add the catalogued galaxies to an image, and return their true parameters."""
    count = len(positions)
    rng = np.random.default_rng([seed, 3])
    magnitudes = draw_magnitudes(count, rng)
    kinds = assign_kinds(magnitudes, rng)
    sky = sky_noise()
    rows = []
    for i in progress(range(count), count, "galaxies"):
        own = np.random.default_rng([seed, 4, i])
        properties = draw_properties(kinds[i], magnitudes[i], own)
        profile, truth = make_galaxy(kinds[i], own, magnitudes[i], properties["R_E"])
        stamp = _add_profile(noiseless, profile, positions[i], truth.pop("EXTENT"))
        signal = signal_to_noise(stamp, np.sqrt(sky**2 + np.clip(stamp, 0, None) / EXPOSURE))
        rows.append(properties | truth | {"SNR": signal})
    return Table(rows)


def signal_to_noise(image: np.ndarray, rms: np.ndarray) -> float:
    """Signal-to-noise ratio of a noiseless galaxy inside the isophote that maximises it.

    Flux over the square root of the summed variances, as for the segment of a detected galaxy.
    The noise correlation between pixels is ignored.

    Parameters
    ----------
    image, rms : ndarray
        Of the same shape and unit.
    """
    order = np.argsort(image / rms, axis=None)[::-1]
    flux = np.cumsum(image.flat[order], dtype=np.float64)
    return float((flux / np.sqrt(np.cumsum(rms.flat[order] ** 2, dtype=np.float64))).max())


def _draw_background(noiseless: np.ndarray, area: float, seed: int) -> None:
    """Add sources that are not in the catalogue: faint galaxies and stars."""
    rng = np.random.default_rng([seed, 5])
    side = len(noiseless)
    stars, faint = rng.poisson([STAR_DENSITY * area, BACKGROUND_DENSITY * area])
    magnitudes = draw_magnitudes(faint, rng, *BACKGROUND)
    places = rng.uniform(0, side - 1, (faint, 2))
    for place, magnitude in progress(
        zip(places, magnitudes, strict=True), faint, "faint background galaxies"
    ):
        radius = 0.2 * 10 ** rng.normal(0, 0.2) * 10 ** (-0.06 * (magnitude - 25))
        q, angle = rng.uniform(0.3, 1.0), rng.uniform(0, 180)
        profile = galsim.Exponential(half_light_radius=radius * np.sqrt(q))
        profile = profile.shear(q=q, beta=angle * galsim.degrees).withFlux(_flux(magnitude))
        _add_profile(noiseless, profile, place, 0.6 + 3 * radius)
    # Star counts rise more slowly than galaxy counts; uniform in magnitude is good enough.
    for magnitude in rng.uniform(*STARS, stars):
        extent = min(1 + 0.6 * np.sqrt(_flux(magnitude)), 6.0)
        place = rng.uniform(0, side - 1, 2)
        _add_profile(noiseless, galsim.DeltaFunction(flux=_flux(magnitude)), place, extent)


def _flux(magnitude: float) -> float:
    return float(10 ** (-0.4 * (magnitude - ZERO_POINT)))


def _add_profile(
    image: np.ndarray, profile: galsim.GSObject, position: np.ndarray, extent: float
) -> np.ndarray:
    """Add a profile, convolved with the PSF, to an image; return the profile's whole stamp."""
    half = int(np.ceil((extent + 0.3) / PIXEL_SCALE))
    x, y = (int(value) for value in np.rint(position))
    stamp = galsim.ImageF(galsim.BoundsI(x - half, x + half, y - half, y + half))
    galsim.Convolve(profile, hst_psf()).drawImage(
        stamp, scale=PIXEL_SCALE, center=galsim.PositionD(*position)
    )
    field = galsim.Image(image, xmin=0, ymin=0, scale=PIXEL_SCALE)
    shared = field.bounds & stamp.bounds
    if shared.isDefined():
        field[shared] += stamp[shared]
    return stamp.array


def sky_noise() -> float:
    """Sky noise per pixel of the COSMOS F814W mosaic (electron/s)."""
    return float(np.sqrt(galsim.getCOSMOSNoise().getVariance()))


def unit_noise(side: int, seed: int) -> np.ndarray:
    """Noise of rms 1 with the pixel correlation of the COSMOS F814W mosaic.

    Drawn tile by tile to save memory, so noise is not correlated across tile edges.

    Returns
    -------
    ndarray
        Shape (side, side), float32.
    """
    rng = galsim.BaseDeviate(int(np.random.default_rng([seed, 6]).integers(1, 2**31)))
    noise = galsim.getCOSMOSNoise(rng=rng, variance=1.0)
    whole = np.empty((side, side), dtype=np.float32)
    starts = [(y, x) for y in range(0, side, NOISE_TILE) for x in range(0, side, NOISE_TILE)]
    for y, x in progress(starts, len(starts), "tiles of noise"):
        rows, columns = min(NOISE_TILE, side - y), min(NOISE_TILE, side - x)
        # Tiles of one size, trimmed at the edge: GalSim transforms the covariance only once.
        tile = galsim.ImageD(NOISE_TILE, NOISE_TILE, scale=PIXEL_SCALE)
        tile.addNoise(noise)
        whole[y : y + rows, x : x + columns] = tile.array[:rows, :columns]
    return whole


def _place(
    truth: Table, positions: np.ndarray, header: fits.Header, rng: np.random.Generator
) -> Table:
    """Add each galaxy's number and position, and put the columns in order."""
    count = len(positions)
    # Numbers as in a survey: unique, with gaps, and unrelated to the galaxy's properties.
    truth["ID"] = 200_000 + np.sort(rng.choice(20 * count, count, replace=False))
    truth["X"], truth["Y"] = positions.T
    truth["RA"], truth["DEC"] = WCS(header).pixel_to_world_values(*positions.T)
    return _describe(truth, TRUTH_COLUMNS)


def _describe(table: Table, columns: dict[str, tuple]) -> Table:
    """Copy these columns of a table, in order, with their units and descriptions."""
    return Table(
        [
            Column(table[name], name=name, unit=unit, description=text)
            for name, (unit, text) in columns.items()
        ]
    )


def make_catalogue(truth: Table, rng: np.random.Generator) -> Table:
    """Catalogue as a survey would deliver it: with measurement errors and without types.

    Parameters
    ----------
    truth : Table

    Returns
    -------
    Table
        With the columns of `COLUMNS`. Errors are Gaussian. Those of position, magnitude and
        colour grow as the signal-to-noise ratio falls; those of redshift and mass are
        0.015 (1 + z) and 0.1 dex.
    """
    noise = rng.normal(size=(7, len(truth)))
    snr = np.maximum(np.asarray(truth["SNR"]), 3)
    seeing = 0.11 + np.asarray(truth["R_E"])
    error = np.minimum(seeing / snr, 0.15) / 3600
    redshift = np.asarray(truth["Z"])
    catalogue = Table({"ID": truth["ID"]})
    catalogue["RA"] = truth["RA"] + noise[0] * error / np.cos(np.radians(truth["DEC"]))
    catalogue["DEC"] = truth["DEC"] + noise[1] * error
    catalogue["MAG_AUTO"] = truth["MAG"] + noise[2] * np.hypot(1.086 / snr, 0.02)
    catalogue["Z"] = np.maximum(redshift + noise[3] * 0.015 * (1 + redshift), 0.01)
    catalogue["LOG_MASS"] = truth["LOG_MASS"] + noise[4] * 0.1
    catalogue["U_V"] = truth["U_V"] + noise[5] * np.hypot(0.5 / snr, 0.05)
    catalogue["V_J"] = truth["V_J"] + noise[6] * np.hypot(0.5 / snr, 0.05)
    for name in ("MAG_AUTO", "Z", "LOG_MASS", "U_V", "V_J"):
        catalogue[name] = np.asarray(catalogue[name], dtype=np.float32)
    return _describe(catalogue, COLUMNS)


def write_field(field: dict, paths: dict[str, str | Path]) -> None:
    """Write the files of a simulated field, each whole or not at all.

    Parameters
    ----------
    field : dict
        From `simulate_field`.
    paths : dict
        `image`, `rms`, `noiseless`, `psf`, `catalogue` and `truth`: FITS files.
    """
    psf_header = fits.Header({"PIXSCALE": PIXEL_SCALE, "FILTER": "F814W", "OBJECT": "PSF"})
    for name in ("image", "rms", "noiseless", "psf"):
        header = psf_header if name == "psf" else field["header"]
        _write(fits.PrimaryHDU(field[name], header=header), paths[name])
    for name in ("catalogue", "truth"):
        table = fits.table_to_hdu(field[name])
        table.name = name
        for i, column in enumerate(field[name].itercols(), start=1):
            table.header[f"TCOMM{i}"] = column.description
        _write(fits.HDUList([fits.PrimaryHDU(), table]), paths[name])


def _write(content: fits.PrimaryHDU | fits.HDUList, path: str | Path) -> None:
    with replacing(path) as partial:
        content.writeto(partial, overwrite=True)
