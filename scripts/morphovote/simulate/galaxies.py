"""Light of simulated galaxies of known type, as HST/ACS would see it in F814W.

Types: SPH spheroid, ETD early-type disc, LTD late-type disc with arms, IRR irregular or merger,
UNC unclassifiable. Angles are in degrees, lengths in arcsec, fluxes in electron/s.
"""

from functools import cache

import galsim
import numpy as np
from scipy.special import gamma, gammainc, i0e

from morphovote.simulate.population import KINDS, draw_magnitudes, draw_properties

PIXEL_SCALE = 0.03  # arcsec per pixel of the COSMOS mosaics
ZERO_POINT = 25.94  # AB magnitude of 1 electron/s in F814W (Leauthaud et al. 2007)
FINE = 0.5 * PIXEL_SCALE  # grid on which arms and clumps are drawn
FAINT_LIGHT = 2e-4  # electron/s/px, 0.06 of the COSMOS sky rms: where a galaxy's stamp ends
PAD = 2.0  # padding of that grid for the Fourier transform; 4 changes no pixel by 0.1 %
LARGEST = 15.0  # arcsec, half width of the largest stamp
NAN = float("nan")


@cache
def hst_psf() -> galsim.GSObject:
    """Point spread function of ACS F814W after drizzling: FWHM 0.11 arcsec with the pixel.

    An obscured aperture with struts and slight aberrations. A Gaussian models charge diffusion and
    the drizzle kernel; its width makes the peak pixel equal that of COSMOS PSFs (0.045).
    """
    optics = galsim.OpticalPSF(
        lam=814,
        diam=2.4,
        obscuration=0.33,
        nstruts=4,
        strut_thick=0.022,
        strut_angle=45 * galsim.degrees,
        defocus=0.03,
        astig1=0.02,
    )
    return galsim.Convolve(optics, galsim.Gaussian(sigma=0.035))


def draw_psf(size: int = 101) -> np.ndarray:
    """The PSF with the pixel's response, centred, of sum 1, shape (size, size); size is odd."""
    image = hst_psf().drawImage(nx=size, ny=size, scale=PIXEL_SCALE).array.astype(np.float64)
    return (image / image.sum()).astype(np.float32)


def draw_galaxy(
    kind: str,
    rng: np.random.Generator,
    magnitude: float | None = None,
    size: int = 100,
    offset: tuple[float, float] = (0.0, 0.0),
    r_e: float | None = None,
) -> tuple[np.ndarray, dict]:
    """Draw one galaxy, convolved with the PSF and without noise.

    Parameters
    ----------
    kind : str
        SPH, ETD, LTD, IRR or UNC.
    rng : numpy.random.Generator
        Draws every property of the galaxy that is not given.
    magnitude : float, optional
        AB. Default: drawn from the number counts at 20 < I < 25.
    size : int
        Side of the image in pixels of 0.03 arcsec.
    offset : (float, float)
        Of the light's centre from pixel ((size - 1) / 2, (size - 1) / 2), in pixels, x then y.
    r_e : float, optional
        Half-light radius (arcsec, semi-major axis). Default: from the mass-size relation.

    Returns
    -------
    image : ndarray
        Shape (size, size), float32, electron/s. Light beyond the edge is lost.
    truth : dict
        As from `make_galaxy`, without `EXTENT`, and with `Z`, `LOG_MASS`, `U_V`, `V_J`.
    """
    _check_kind(kind)
    if magnitude is None:
        magnitude = float(draw_magnitudes(1, rng)[0])
    properties = draw_properties(kind, magnitude, rng)
    profile, truth = make_galaxy(kind, rng, magnitude, r_e or properties["R_E"])
    del truth["EXTENT"]
    return draw_profile(profile, size, offset), properties | truth


def draw_profile(
    profile: galsim.GSObject, size: int, offset: tuple[float, float] = (0.0, 0.0)
) -> np.ndarray:
    """Convolve a profile with the PSF and draw it, shape (size, size), float32."""
    image = galsim.ImageF(size, size, scale=PIXEL_SCALE)
    galsim.Convolve(profile, hst_psf()).drawImage(image, offset=offset)
    return image.array


def make_galaxy(
    kind: str, rng: np.random.Generator, magnitude: float, r_e: float
) -> tuple[galsim.GSObject, dict]:
    """Light profile of one galaxy before the PSF.

    Parameters
    ----------
    kind : str
        SPH, ETD, LTD, IRR or UNC.
    rng : numpy.random.Generator
    magnitude : float
        AB, total.
    r_e : float
        Half-light radius along the major axis (arcsec). Ignored for UNC.

    Returns
    -------
    profile : galsim.GSObject
        Flux in electron/s, centroid at the origin.
    truth : dict
        `TYPE`; `SUBTYPE`; `MAG`; `R_E`, half-light radius before the PSF (arcsec), the semi-major
        axis of the ellipse with half the light; `AXIS_RATIO` of that ellipse (LTD: of the disc;
        ETD: mean of bulge and disc; IRR: from the second moments of the light); `SERSIC_N` (single
        Sersic profiles); `BT`; `ARMS`, their number; `PITCH`; `INCLINATION`; `PA`, east of north
        if north is up and east left; `HANDEDNESS`, +1 if the arms wind outwards counter-clockwise
        in an image with y up, -1 if clockwise, 0 without arms; `DISTURBED`, the share of the light
        that is out of place (clumps, tails, a companion, one side brighter than the other; see
        `truth`); `EXTENT`, the radius (arcsec)
        beyond which the light is far below the noise. NaN, or 0 for counts, if not applicable.
    """
    _check_kind(kind)
    flux = 10 ** (-0.4 * (magnitude - ZERO_POINT))
    truth = {
        "TYPE": kind,
        "SUBTYPE": "",
        "MAG": float(magnitude),
        "R_E": float(r_e),
        "AXIS_RATIO": NAN,
        "SERSIC_N": NAN,
        "BT": NAN,
        "ARMS": 0,
        "PITCH": NAN,
        "INCLINATION": NAN,
        "PA": NAN,
        "HANDEDNESS": 0,
        "DISTURBED": 0.0,
    }
    profile, known = MAKERS[kind](rng, r_e, flux)
    angle = rng.uniform(0, 180)
    # From the x axis (west) counter-clockwise, to east of north.
    truth |= known | {"PA": (angle - 90) % 180}
    return profile.rotate(angle * galsim.degrees).withFlux(flux), truth


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"galaxy type {kind!r}, expected one of {', '.join(KINDS)}")


def _spheroid(rng, r_e, flux):
    # n in steps of 0.1, because GalSim builds tables for each new n.
    n = round(float(np.clip(rng.normal(4.2, 0.7), 3.0, 6.0)), 1)
    q = rng.uniform(0.75, 1.0)
    extent = _sersic_extent(n, r_e, flux / q)
    return _sersic(n, r_e, q), {"SERSIC_N": n, "BT": 1.0, "AXIS_RATIO": q, "EXTENT": extent}


def _early_disc(rng, r_e, flux):
    bt = rng.uniform(0.3, 0.7)
    n = round(rng.uniform(2.0, 4.0), 1)
    ratio = rng.uniform(0.2, 0.45)
    inclination = np.degrees(np.arccos(rng.uniform(0.1, 1.0)))
    q_disc, q_bulge = _flattening(inclination, 0.22), _flattening(inclination, 0.75)
    q = bt * q_bulge + (1 - bt) * q_disc
    unit = _half_light([(bt, n, ratio, q_bulge / q), (1 - bt, 1.0, 1.0, q_disc / q)])
    disc, bulge = r_e / unit, ratio * r_e / unit
    profile = bt * _sersic(n, bulge, q_bulge) + (1 - bt) * _sersic(1.0, disc, q_disc)
    extent = max(
        _sersic_extent(n, bulge, bt * flux / q_bulge),
        _sersic_extent(1.0, disc, (1 - bt) * flux / q_disc),
    )
    known = {"BT": bt, "INCLINATION": inclination, "AXIS_RATIO": q, "EXTENT": extent}
    return profile, known


def _late_disc(rng, r_e, flux):
    bt = rng.uniform(0.02, 0.2)
    n = round(rng.uniform(1.0, 2.0), 1)
    inclination = float(np.degrees(np.arccos(rng.uniform(0.12, 1.0))))
    q = _flattening(inclination, 0.12)
    arms = int(rng.choice([2, 3, 4], p=[0.6, 0.2, 0.2]))
    pitch = rng.uniform(10, 35)
    hand = int(rng.choice([-1, 1]))
    barred = rng.random() < 0.35
    scale = r_e / 1.678
    half = 5.5 * scale
    x, y = _grid(half, half * max(q, 0.3))
    radius, azimuth = np.hypot(x, y / q), np.arctan2(y / q, x)
    start = scale * (rng.uniform(0.9, 1.5) if barred else rng.uniform(0.2, 0.5))
    phase = rng.uniform(0, 2 * np.pi)
    light = np.exp(-radius / scale) * np.clip(5.5 - radius / scale, 0, 1)
    ridge = _spiral(radius, start, pitch, hand)
    wave = arms * (azimuth - ridge - phase)
    # A sharp ridge with mean 1 over azimuth. The arms fade inside their start ...
    strength = rng.uniform(0.6, 0.95) / (1 + np.exp(-(radius / start - 1) / 0.12))
    strength /= 1 + np.exp((radius / scale - 3.4) / 0.4)  # ... and far out
    sharp = rng.uniform(1.8, 3.5)
    pattern = np.exp(sharp * (np.cos(wave) - 1)) / i0e(sharp)
    amplitude = rng.uniform(0, 0.35)
    uneven = 1 + amplitude * np.cos(azimuth - rng.uniform(0, 2 * np.pi))
    dust = 1 - rng.uniform(0.2, 0.5) * np.exp(3 * (np.cos(wave - 0.9 * hand) - 1)) * strength
    light *= (1 - strength + strength * pattern * uneven) * dust
    if barred:
        light = _add(light, _bar(x, y / q, start, phase), rng.uniform(0.08, 0.2))
    knots = rng.poisson(18) + 6
    knot_radius = start + rng.gamma(2.0, 0.8 * scale, knots)
    knot_angle = _spiral(knot_radius, start, pitch, hand) + phase + rng.normal(0, 0.12, knots)
    knot_angle += 2 * np.pi / arms * rng.integers(0, arms, knots)
    inside = knot_radius < 4.5 * scale
    centres = np.stack([np.cos(knot_angle), q * np.sin(knot_angle)], axis=1)[inside]
    centres *= knot_radius[inside, None]
    blobs = _blobs(x, y, centres, rng.uniform(0.05, 0.09, inside.sum()) * r_e, rng)
    knotty = rng.uniform(0.08, 0.2)
    light = _add(light, blobs, knotty)
    q_bulge = _flattening(inclination, 0.7)
    measured = _half_light([(bt, n, 0.25 * r_e, q_bulge / q)], light, radius, 1 - bt)
    bulge = _sersic(n, 0.25 * r_e, q_bulge)
    profile = (bt * bulge + (1 - bt) * _pixels(light)).dilate(r_e / measured)
    return profile, {
        "SUBTYPE": "barred" if barred else "",
        "BT": bt,
        "ARMS": arms,
        "PITCH": pitch,
        "INCLINATION": inclination,
        "AXIS_RATIO": q,
        "HANDEDNESS": hand,
        # Knots lie along the arms, so they count half, as clumps of a regular disc do.
        "DISTURBED": (1 - bt) * (0.5 * knotty + amplitude / np.pi),
        "EXTENT": half * r_e / measured,
    }


def _irregular(rng, r_e, flux):
    subtype = str(rng.choice(["clumpy", "merger", "tadpole"], p=[0.5, 0.35, 0.15]))
    x, y = _grid(4.5 * r_e, 4.5 * r_e)
    makers = {"clumpy": _clumpy, "merger": _merger, "tadpole": _tadpole}
    light, disturbed = makers[subtype](rng, r_e, x, y)
    # A survey gives the centroid as the position, so the centroid goes to the origin.
    light /= light.sum()
    centre = np.array([(light * x).sum(), (light * y).sum()])
    dx, dy = x - centre[0], y - centre[1]
    xx, yy, xy = (light * dx**2).sum(), (light * dy**2).sum(), (light * dx * dy).sum()
    turn = 0.5 * np.arctan2(2 * xy, xx - yy)
    spread = np.hypot((xx - yy) / 2, xy)
    q = np.sqrt(((xx + yy) / 2 - spread) / ((xx + yy) / 2 + spread))
    major, minor = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    measured = _half_light([], light, np.hypot(major, minor / q))
    profile = _pixels(light).shift(*-centre).rotate(-turn * galsim.radians)
    return profile.dilate(r_e / measured), {
        "SUBTYPE": subtype,
        "AXIS_RATIO": q,
        "DISTURBED": disturbed,
        "EXTENT": 5.5 * r_e * r_e / measured,
    }


def _clumpy(rng, r_e, x, y):
    q = rng.uniform(0.4, 1.0)
    radius, azimuth = np.hypot(x, y / q) / r_e, np.arctan2(y / q, x)
    tilt = rng.uniform(0, 2 * np.pi)
    lopsided = rng.uniform(0.4, 0.9)
    light = np.exp(-1.3 * radius) * (1 + lopsided * np.cos(azimuth - tilt) * radius)
    light = np.clip(light, 0, None) * np.clip(4.4 - radius, 0, 1)
    count = rng.integers(4, 12)
    where, angle = rng.gamma(2.2, 0.42, count), tilt + rng.normal(0, 1.3, count)
    centres = r_e * where[:, None] * np.stack([np.cos(angle), q * np.sin(angle)], axis=1)
    clumps = _blobs(x, y, centres, rng.uniform(0.06, 0.17, count) * r_e, rng)
    share = rng.uniform(0.3, 0.55)
    return _add(light, clumps, share), share + (1 - share) * lopsided / np.pi


def _merger(rng, r_e, x, y):
    distance, share = rng.uniform(0.6, 1.5) * r_e, rng.uniform(0.3, 0.9)
    light = np.exp(-1.3 * np.hypot(x, y / rng.uniform(0.6, 1)) / r_e)
    envelope = rng.uniform(0.3, 0.6)
    light /= light.sum() / envelope
    for side, weight in ((0.5, 1.0), (-0.5, share)):
        turn, q = rng.uniform(0, np.pi), rng.uniform(0.5, 1)
        dx = x - side * distance
        u, v = dx * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - dx * np.sin(turn)
        nucleus = np.exp(-np.hypot(u, v / q) / (rng.uniform(0.12, 0.25) * r_e))
        light += weight * nucleus / nucleus.sum()
    hand = rng.choice([-1, 1])
    disturbed = share / (envelope + 1 + share)
    for side in (0.5, -0.5)[: rng.integers(1, 3)]:
        # A tail curves away from each nucleus and widens as it goes.
        along = np.linspace(0, 1, 60)
        turn = hand * rng.uniform(1.2, 2.6) * along + (np.pi if side < 0 else 0)
        reach = distance / 2 + rng.uniform(1.2, 2.2) * r_e * along
        centres = reach[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        tail = _blobs(x, y, centres, (0.1 + 0.15 * along) * r_e, rng, np.exp(-1.2 * along))
        tail_share = rng.uniform(0.1, 0.2)
        light = _add(light, tail, tail_share)
        disturbed = tail_share + (1 - tail_share) * disturbed
    return light, disturbed


def _tadpole(rng, r_e, x, y):
    along = np.linspace(0, 1, 40)
    length, bend = rng.uniform(2.0, 3.5) * r_e, rng.uniform(-0.6, 0.6)
    centres = length * np.stack([along, bend * along**2], axis=1)
    light = _blobs(x, y, centres, (0.12 + 0.2 * along) * r_e, rng, np.exp(-1.5 * along))
    count = rng.integers(3, 8)
    place = rng.random(count)
    clumps = length * np.stack([place, bend * place**2], axis=1)
    clumps += rng.normal(0, 0.08 * r_e, clumps.shape)
    clumps[0] = 0  # the head
    light = _add(light, _blobs(x, y, clumps, rng.uniform(0.06, 0.14, count) * r_e, rng), 0.45)
    # All of its light lies to one side of the head.
    return light, 1.0


def _unclear(rng, r_e, flux):
    subtype = str(rng.choice(["diffuse", "unresolved", "ghost"], p=[0.5, 0.3, 0.2]))
    if subtype == "unresolved":
        n, size, q = round(rng.uniform(1.0, 2.5), 1), rng.uniform(0.012, 0.035), 1.0
    elif subtype == "diffuse":
        n, size, q = 0.6, rng.uniform(0.3, 0.75), rng.uniform(0.5, 1.0)
    else:
        # An out-of-focus reflection: a broad, uneven ring.
        size, width = rng.uniform(0.35, 0.7), rng.uniform(0.15, 0.3)
        x, y = _grid(2.5 * size, 2.5 * size)
        radius = np.hypot(x, y)
        light = np.exp(-0.5 * ((radius / size - 0.9) / width) ** 2)
        light *= 1 + rng.uniform(0, 0.8) * x / np.maximum(radius, FINE)
        size = _half_light([], light, radius)
        known = {"SUBTYPE": subtype, "R_E": size, "AXIS_RATIO": 1.0, "EXTENT": 3 * size}
        return _pixels(light), known
    extent = _sersic_extent(n, size, flux / q)
    known = {"SUBTYPE": subtype, "R_E": size, "AXIS_RATIO": q}
    return _sersic(n, size, q), known | {"SERSIC_N": n, "EXTENT": extent}


MAKERS = {
    "SPH": _spheroid,
    "ETD": _early_disc,
    "LTD": _late_disc,
    "IRR": _irregular,
    "UNC": _unclear,
}


def _sersic(n: float, r_e: float, q: float) -> galsim.GSObject:
    """Sersic profile of flux 1, major axis along x. A shear keeps the area, hence sqrt(q)."""
    return galsim.Sersic(n, half_light_radius=r_e * np.sqrt(q)).shear(q=q, beta=0 * galsim.degrees)


def _b_n(n: float) -> float:
    """Ciotti & Bertin 1999, eq. 18."""
    return 2 * n - 1 / 3 + 4 / (405 * n) + 46 / (25515 * n**2)


def _sersic_extent(n: float, r_e: float, flux: float) -> float:
    """Radius (arcsec) at which a Sersic profile falls to `FAINT_LIGHT`; at least 6 PSF FWHM."""
    b = _b_n(n)
    total = 2 * np.pi * n * gamma(2 * n) * np.exp(b) * b ** (-2 * n) * (r_e / PIXEL_SCALE) ** 2
    depth = 1 + np.log(max(flux / total / FAINT_LIGHT, 1)) / b
    return float(np.clip(r_e * depth**n, 0.7, LARGEST))


def _flattening(inclination: float, thickness: float) -> float:
    """Apparent axis ratio of an oblate body (Hubble 1926)."""
    cosine = np.cos(np.radians(inclination))
    return float(np.sqrt(cosine**2 + thickness**2 * (1 - cosine**2)))


def _half_light(parts, light=None, radius=None, share: float = 1.0) -> float:
    """Semi-major axis of the ellipse with half the flux.

    The light consists of Sersic parts (flux, n, r_e, axis ratio relative to the ellipse's) and of
    pixels with known elliptical radii.
    """
    top = max([4 * part[2] for part in parts] + [0 if radius is None else float(radius.max())])
    radii = np.linspace(0, top, 1500)
    angle = np.linspace(0, np.pi / 2, 33)[:, None]
    inside = np.zeros_like(radii)
    for flux, n, r_e, stretch in parts:
        # Where the ellipse lies in the part's own elliptical radius, for each direction.
        reach = radii / np.hypot(np.cos(angle), stretch * np.sin(angle))
        growth = gammainc(2 * n, _b_n(n) * (reach / r_e) ** (1 / n))
        inside += flux * np.trapezoid(growth, angle, axis=0) / (np.pi / 2)
    if light is not None:
        histogram, _ = np.histogram(radius, bins=radii, weights=light)
        inside[1:] += share * np.cumsum(histogram) / light.sum()
    return float(np.interp(0.5, inside, radii))


def _grid(half_x: float, half_y: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (arcsec) of a fine, centred grid."""
    columns, rows = (int(np.ceil(half / FINE)) for half in (half_x, half_y))
    return tuple(
        np.meshgrid(np.arange(-columns, columns + 1) * FINE, np.arange(-rows, rows + 1) * FINE)
    )


def _pixels(light: np.ndarray) -> galsim.GSObject:
    """An image on the fine grid as a profile of flux 1."""
    # The PSF limits the frequencies and the grid limits the size, so GalSim need not search.
    return galsim.InterpolatedImage(
        galsim.Image(np.ascontiguousarray(light), scale=FINE),
        x_interpolant="linear",
        flux=1.0,
        pad_factor=PAD,
        calculate_stepk=False,
        calculate_maxk=False,
    )


def _spiral(radius, start: float, pitch: float, hand: int):
    """Azimuth (radians) of a logarithmic spiral."""
    return hand * np.log(np.maximum(radius, 0.3 * start) / start) / np.tan(np.radians(pitch))


def _bar(x: np.ndarray, y: np.ndarray, length: float, angle: float) -> np.ndarray:
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return np.clip(1 - (u / length) ** 2 - (v / (0.3 * length)) ** 2, 0, None) ** 1.5


def _blobs(x, y, centres, sigmas, rng, fluxes=None) -> np.ndarray:
    """Sum of Gaussians; without `fluxes`, these follow a power law of slope -2 over a decade."""
    if fluxes is None:
        fluxes = 1 / rng.uniform(0.1, 1.0, len(centres))
    light = np.zeros_like(x)
    columns, rows = x[0], y[:, 0]
    for (cx, cy), sigma, flux in zip(centres, sigmas, fluxes, strict=True):
        sigma = max(float(sigma), 1.2 * FINE)
        across = np.exp(-0.5 * ((columns - cx) / sigma) ** 2)
        light += (flux / sigma**2) * np.exp(-0.5 * ((rows - cy) / sigma) ** 2)[:, None] * across
    return light


def _add(light: np.ndarray, more: np.ndarray, share: float) -> np.ndarray:
    """Sum of two images, in which `more` has this share of the flux."""
    if not more.sum() > 0:
        return light
    return (1 - share) * light / light.sum() + share * more / more.sum()
