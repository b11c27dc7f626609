"""One Sersic profile fitted to a galaxy: pixel-integrated, convolved with the PSF.

Fits that sample the profile at pixel centres make a steep galaxy too steep: a profile of n = 4
and r_e of 4 pixels comes back with n = 5.7. Here the middle is subdivided.
"""

from functools import lru_cache

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.optimize import least_squares
from scipy.special import gammaincinv

# Allowed Sersic indices; a fit that ends near either is marked.
N_MIN, N_MAX = 0.1, 10.0
# Radii (px) that a fit may end at.
R_MIN, R_MAX = 0.05, 1000.0
# Radius (px) and axis ratio below which a fit is marked: the second is thinner than any galaxy.
R_TRUSTED = 0.3
Q_TRUSTED = 0.03
# The model reaches this far (px) beyond the image, so that light is scattered in as well as out.
MARGIN = 8
# Half-width (px) of what is integrated, and subdivisions of its pixels along one axis.
MIDDLE, CORE = (6, 5), (1, 25)
EVALUATIONS = 60

# Values a fit is done with, in this order.
PARAMETERS = ("amplitude", "r_e", "n", "x", "y", "axis_ratio", "angle")


def prepare_kernel(psf: np.ndarray | None, shape: tuple[int, int]) -> tuple | None:
    """Fourier transform of a PSF, ready for `sersic_image`.

    Parameters
    ----------
    psf : ndarray or None
        Shape (odd, odd), sum 1, sampled at the pixels of the images; it holds the response of the
        pixel, as a PSF measured on stars does. None for a field without one.
    shape : (int, int)
        Shape (height, width) of the images.

    Returns
    -------
    tuple or None
        The transform, and the shape of its grid.
    """
    if psf is None:
        return None
    reach = [size + 2 * MARGIN + kernel - 1 for size, kernel in zip(shape, psf.shape, strict=True)]
    grid = tuple(next_fast_len(size, real=True) for size in reach)
    padded = np.zeros(grid)
    padded[: psf.shape[0], : psf.shape[1]] = psf
    padded = np.roll(padded, (-(psf.shape[0] // 2), -(psf.shape[1] // 2)), axis=(0, 1))
    return rfft2(padded), grid


def sersic_image(
    r_e: float,
    n: float,
    x: float,
    y: float,
    axis_ratio: float,
    angle: float,
    shape: tuple[int, int],
    kernel: tuple | None = None,
) -> np.ndarray:
    """Image of a Sersic profile of surface brightness 1 at its half-light ellipse.

    I(r) = exp(-b_n [(r / r_e)^(1/n) - 1]), with b_n such that r_e holds half of the light (Sersic
    1968; Graham & Driver 2005, eq. 1).

    Parameters
    ----------
    r_e : float
        Half-light radius along the major axis, px.
    n : float
    x, y : float
        Centre, px, 0-based.
    axis_ratio : float
        Minor over major axis, in (0, 1].
    angle : float
        Of the major axis, from x towards y, rad.
    shape : (int, int)
        Height and width of the image.
    kernel : tuple, optional
        From `prepare_kernel`, made for `shape`.

    Returns
    -------
    ndarray
        Shape `shape`, float64.
    """
    b = gammaincinv(2 * n, 0.5)
    cos, sin = np.cos(angle), np.sin(angle)

    def profile(dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
        square = (dx * cos + dy * sin) ** 2 + ((dy * cos - dx * sin) / axis_ratio) ** 2
        return np.exp(-b * ((square / r_e**2) ** (0.5 / n) - 1))

    margin = MARGIN if kernel is not None else 0
    height, width = (size + 2 * margin for size in shape)
    left, top = x + margin, y + margin

    def subdivided(half: int, parts: int) -> np.ndarray:
        rows, columns = _near(top, half, height), _near(left, half, width)
        step = (np.arange(parts) + 0.5) / parts - 0.5
        fine = profile(
            (columns[:, None] + step).ravel()[None] - left,
            (rows[:, None] + step).ravel()[:, None] - top,
        )
        down = _spread(int(rows[0]), len(rows), parts, height, kernel is not None)
        across = _spread(int(columns[0]), len(columns), parts, width, kernel is not None)
        return down @ fine @ across.T

    image = profile(np.arange(width)[None] - left, np.arange(height)[:, None] - top)
    image[np.ix_(_near(top, MIDDLE[0], height), _near(left, MIDDLE[0], width))] = 0
    image += subdivided(*MIDDLE)
    # The core, done better.
    image += subdivided(*CORE) - subdivided(CORE[0], MIDDLE[1])
    if kernel is None:
        return image
    transform, grid = kernel
    image = irfft2(rfft2(image, grid) * transform, grid)
    return image[margin : margin + shape[0], margin : margin + shape[1]]


def _near(centre: float, half: int, size: int) -> np.ndarray:
    middle = int(np.clip(np.rint(centre), 0, size - 1))
    return np.arange(max(middle - half, 0), min(middle + half + 1, size))


@lru_cache(maxsize=64)
def _spread(first: int, count: int, parts: int, size: int, sharp: bool) -> np.ndarray:
    """Give the light of `count` subdivided pixels to whole pixels: shape (size, count * parts).

    Where a PSF follows (`sharp`), by sinc interpolation: the PSF is sampled well enough to be
    known between its samples, so it arrives where the light was. Otherwise to the pixel that
    holds it.
    """
    points = np.arange(count * parts) / parts + first + (0.5 / parts - 0.5)
    offset = np.arange(size)[:, None] - points
    return (np.sinc(offset) if sharp else np.abs(offset) < 0.5) / parts


def fit_sersic(
    image: np.ndarray,
    rms: np.ndarray,
    valid: np.ndarray,
    start: dict[str, float],
    kernel: tuple | None = None,
    level_noise: float | None = None,
    evaluations: int = EVALUATIONS,
) -> dict[str, float]:
    """Fit a Sersic profile by least squares, weighted by the noise, with the sky's level if asked.

    Parameters
    ----------
    image, rms : ndarray
        Shape (height, width), in the same units; sky subtracted, up to `level_noise`.
    valid : ndarray of bool
        Shape (height, width). Other pixels are left out.
    start : dict
        First guess of `r_e` (px), `n`, `x`, `y` (px), `axis_ratio` and `angle` (rad).
    kernel : tuple, optional
        From `prepare_kernel`. Without one, the profile is what the image shows, PSF and all.
    level_noise : float, optional
        Standard deviation, in units of the image, of the sky's level about zero as known before;
        infinite if nothing is known. Left out, the level is zero.
    evaluations : int
        At most so many steps.

    Returns
    -------
    dict of float
        `PARAMETERS` (amplitude in units of the image at r_e, lengths in px, angle in [0, pi)),
        `level` of the sky (units of the image), `chi2` per degree of freedom, and `suspect`: 1
        where the fit did not converge or ended at a limit, otherwise 0.
    """
    data, weight = image[valid], 1 / rms[valid]
    data = data * weight

    # A level of zero as the prior says is one more datum, of weight 1 / level_noise.
    prior = 0.0 if level_noise is None else 1 / max(level_noise, 1e-30)
    fits_level = level_noise is not None
    across, ones = float(weight @ data), float(weight @ weight) + prior**2

    def model(values: np.ndarray) -> tuple[np.ndarray, float, float]:
        shape_parameters = _decode(values)
        flat = sersic_image(*shape_parameters, image.shape, kernel)[valid] * weight
        # Amplitude and level are linear, so their best values follow from the others.
        square, both = max(flat @ flat, 1e-300), float(flat @ weight)
        if not fits_level:
            amplitude = (flat @ data) / square
            return flat * amplitude, amplitude, 0.0
        determinant = max(square * ones - both**2, 1e-12 * square * ones)
        amplitude = (ones * (flat @ data) - both * across) / determinant
        level = (across - both * amplitude) / ones
        return flat * amplitude + level * weight, amplitude, level

    def residual(values: np.ndarray) -> np.ndarray:
        found, _, level = model(values)
        return np.append(found - data, prior * level) if fits_level else found - data

    height, width = image.shape
    low = [np.log(R_MIN), np.log(N_MIN), -0.5, -0.5, -0.98, -0.98]
    high = [np.log(R_MAX), np.log(N_MAX), width - 0.5, height - 0.5, 0.98, 0.98]
    first = np.clip(_encode(start), np.add(low, 1e-3), np.subtract(high, 1e-3))
    fit = least_squares(
        residual,
        first,
        bounds=(low, high),
        x_scale=(0.1, 0.1, 0.2, 0.2, 0.05, 0.05),
        ftol=1e-6,
        xtol=1e-5,
        gtol=1e-8,
        max_nfev=evaluations,
    )
    _, amplitude, level = model(fit.x)
    r_e, n, x, y, axis_ratio, angle = _decode(fit.x)
    # The fit stays inside its limits and stops short of them by some steps.
    at_limit = n < 1.5 * N_MIN or n > 0.95 * N_MAX or axis_ratio < Q_TRUSTED
    # Smaller than a third of a pixel or larger than the image holds, a radius is not measured.
    at_limit |= r_e < R_TRUSTED or 2 * r_e > max(image.shape)
    freedom = max(data.size - len(PARAMETERS), 1)
    values = (amplitude, r_e, n, x, y, axis_ratio, angle % np.pi)
    return dict(zip(PARAMETERS, map(float, values), strict=True)) | {
        "level": float(level),
        "chi2": float(2 * fit.cost / freedom),
        "suspect": float(fit.status <= 0 or at_limit or amplitude <= 0),
    }


def _encode(start: dict[str, float]) -> np.ndarray:
    # Shear (1-q)/(1+q) along twice the angle: no seam in the angle, nothing special at q = 1.
    shear = (1 - start["axis_ratio"]) / (1 + start["axis_ratio"])
    return np.array(
        [
            np.log(start["r_e"]),
            np.log(start["n"]),
            start["x"],
            start["y"],
            shear * np.cos(2 * start["angle"]),
            shear * np.sin(2 * start["angle"]),
        ]
    )


def _decode(values: np.ndarray) -> tuple[float, ...]:
    log_r, log_n, x, y, first, second = values
    shear = min(np.hypot(first, second), 0.98)
    axis_ratio = (1 - shear) / (1 + shear)
    return np.exp(log_r), np.exp(log_n), x, y, axis_ratio, 0.5 * np.arctan2(second, first)
