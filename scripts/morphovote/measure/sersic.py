"""Image of a Sersic profile: integrated over pixels, convolved with the PSF, with its slopes.

Images that sample the profile at pixel centres make a steep galaxy too steep: a profile of n = 4
and r_e of 4 pixels comes back with n = 5.7. Here the middle is subdivided. Only a box about the
middle is convolved; further out than the PSF reaches from there, its second moment is enough.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.special import gammaincinv

from morphovote.measure.compiled import compiled

# Half-width (px) of what is integrated, and subdivisions of its pixels along one axis; in the core
# each of these is divided once more, in the cusp (half-width, px) finer.
MIDDLE, PARTS, CORE = 6, 5, 1
CUSP, CUSP_PARTS, CORE_PARTS = 0.4, 5, 3
# What is convolved reaches this far (px) beyond the PSF's light of the middle.
BEYOND = 4
# Light of a subdivided pixel is interpolated over so many pixels on either side.
LOBES = 8
# Squared distance (px) from the centre below which the profile stays as it is.
TINY = 1e-6
# Parameters that an image has slopes along: logarithms of r_e and n, x, y, and the two components
# of the shear (1 - q) / (1 + q) along twice the angle.
SLOPES = 6


class Kernel(NamedTuple):
    """A PSF, ready for images of Sersic profiles."""

    # Its Fourier transform, on a square grid of side `grid` (px).
    transform: np.ndarray
    grid: int
    # Half a side of the PSF and of the box that is convolved (px).
    half: int
    reach: int
    # Mean square of x and y (px).
    variance: float


def prepare_kernel(psf: np.ndarray | None) -> Kernel | None:
    """Fourier transform of a PSF, ready for `sersic_image`.

    Parameters
    ----------
    psf : ndarray or None
        Shape (odd, odd), sum 1, sampled at the pixels of the images; it holds the response of the
        pixel, as a PSF measured on stars does. None for a field without one.

    Returns
    -------
    Kernel or None
    """
    if psf is None:
        return None
    half = max(psf.shape) // 2
    reach = max(half + BEYOND, MIDDLE + LOBES)
    grid = next_fast_len(2 * (reach + half) + 1, real=True)
    padded = np.zeros((grid, grid), np.float32)
    padded[: psf.shape[0], : psf.shape[1]] = psf
    padded = np.roll(padded, (-(psf.shape[0] // 2), -(psf.shape[1] // 2)), axis=(0, 1))
    y, x = np.indices(psf.shape)
    square = (x - psf.shape[1] // 2) ** 2 + (y - psf.shape[0] // 2) ** 2
    return Kernel(rfft2(padded), grid, half, reach, float((psf * square).sum() / 2 / psf.sum()))


def sersic_image(
    r_e: float,
    n: float,
    x: float,
    y: float,
    axis_ratio: float,
    angle: float,
    shape: tuple[int, int],
    kernel: Kernel | None = None,
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
    kernel : Kernel, optional
        From `prepare_kernel`.

    Returns
    -------
    ndarray
        Shape `shape`, float64.
    """
    shear = (1 - axis_ratio) / (1 + axis_ratio)
    encoded = np.log(r_e), np.log(n), x, y, shear * np.cos(2 * angle), shear * np.sin(2 * angle)
    return draw(np.array(encoded), shape, kernel)


def draw(encoded: np.ndarray, shape: tuple[int, int], kernel: Kernel | None) -> np.ndarray:
    """`sersic_image` of `SLOPES` parameters (6,)."""
    profile = describe(encoded, kernel)
    return _paint(profile, middle_of(profile, kernel, 1)[0], *shape)


def describe(encoded: np.ndarray, kernel: Kernel | None) -> np.ndarray:
    """What `at` needs to know of a profile, from its `SLOPES` parameters (6,), and of the PSF."""
    log_r, log_n, x, y, first, second = (float(value) for value in encoded)
    shear = min(max(np.hypot(first, second), 1e-9), 0.98)
    q, n, angle = (1 - shear) / (1 + shear), np.exp(log_n), 0.5 * np.arctan2(second, first)
    b = gammaincinv(2 * n, 0.5)
    slope_b = (gammaincinv(2 * n * 1.0001, 0.5) - gammaincinv(2 * n / 1.0001, 0.5)) / 1.9999e-4
    slope_q = -2 / (1 + shear) ** 2
    return np.array([
        np.exp(log_r), n, x, y, q, np.cos(angle), np.sin(angle), b, slope_b,
        slope_q * first / shear, slope_q * second / shear,
        -0.5 * second / shear**2, 0.5 * first / shear**2,
        kernel.variance if kernel else 0.0,
    ])  # fmt: skip


@compiled
def at(dx: float, dy: float, profile: np.ndarray) -> tuple:
    """Light of a profile at a place from its centre (px), and its slopes along the parameters."""
    r_e, n, q, cos, sin = profile[0], profile[1], profile[4], profile[5], profile[6]
    b, slope_b = profile[7], profile[8]
    along, across = dx * cos + dy * sin, dy * cos - dx * sin
    flat = across / (q * q)
    square = max(along * along + across * flat, TINY)
    log = np.log(square / (r_e * r_e))
    power = np.exp(log * 0.5 / n)
    light = np.exp(-b * (power - 1))
    fall = b * power * light
    # By square, times the slopes of square.
    slope = -fall / (n * square)
    by_q, by_angle = -slope * across * flat / q, slope * (along * across - along * flat)
    return (
        light,
        fall / n,
        fall * log * 0.5 / n - light * slope_b * (power - 1),
        slope * (flat * sin - along * cos),
        -slope * (along * sin + flat * cos),
        by_q * profile[9] + by_angle * profile[11],
        by_q * profile[10] + by_angle * profile[12],
    )


@compiled
def blurred_at(dx: float, dy: float, profile: np.ndarray, variance: float) -> tuple:
    """As `at`, of the profile blurred by something small, of `variance` (px^2) along x and y.

    The light is F + variance / 2 times its Laplacian, and F is a function of the square S of the
    elliptical radius: the Laplacian is F'(S) K with K = 4 g F''(S) / F'(S) + 2 h, where 4 g is the
    square of the gradient of S and 2 h its Laplacian.
    """
    sharp = at(dx, dy, profile)
    n, q, cos, sin = profile[1], profile[4], profile[5], profile[6]
    b, slope_b = profile[7], profile[8]
    along, across = dx * cos + dy * sin, dy * cos - dx * sin
    flat = across / (q * q)
    square = max(along * along + across * flat, TINY)
    m, log = 0.5 / n, np.log(square / (profile[0] * profile[0]))
    power = np.exp(m * log)
    first = -b * m * power * sharp[0] / square
    g, h = along * along + flat * flat, 1 + 1 / (q * q)
    # F'' / F' times S, and how that changes with the logarithm of the power of the radius.
    second, change = m * (1 - b * power) - 1, -m * b * power
    bent = 4 * g / square * second + 2 * h
    half = 0.5 * variance * first
    by_r = -2 * m * (1 - b * power) * bent - 2 * m * change * 4 * g / square
    relative = slope_b / b - 1 - m * log + sharp[2] / max(sharp[0], 1e-300)
    bend = -m * (1 - b * power) + change * (slope_b / b - m * log)
    by_n = relative * bent + 4 * g / square * bend
    # Slopes of S, g and h along x, y, the axis ratio and the angle.
    by = np.empty(4)
    for k in range(4):
        if k == 0:
            d_square, d_g, d_h = -2 * (along * cos - flat * sin), -2 * along * cos, 0.0
            d_g += 2 * flat * sin / (q * q)
        elif k == 1:
            d_square, d_g, d_h = -2 * (along * sin + flat * cos), -2 * along * sin, 0.0
            d_g -= 2 * flat * cos / (q * q)
        elif k == 2:
            d_square, d_g, d_h = -2 * across * flat / q, -4 * flat * flat / q, -2 / q**3
        else:
            d_square = 2 * along * (across - flat)
            d_g, d_h = 2 * along * across - 2 * flat * along / (q * q), 0.0
        d_square /= square
        by[k] = second * d_square * bent + 4 / square * second * (d_g - g * d_square)
        by[k] += 4 * g / square * change * m * d_square + 2 * d_h
    return (
        sharp[0] + half * bent,
        sharp[1] + half * by_r,
        sharp[2] + half * by_n,
        sharp[3] + half * by[0],
        sharp[4] + half * by[1],
        sharp[5] + half * (by[2] * profile[9] + by[3] * profile[11]),
        sharp[6] + half * (by[2] * profile[10] + by[3] * profile[12]),
    )


@compiled
def _blurred_light(dx: float, dy: float, profile: np.ndarray, variance: float) -> float:
    """The light alone of `blurred_at`."""
    n, q, cos, sin, b = profile[1], profile[4], profile[5], profile[6], profile[7]
    along, across = dx * cos + dy * sin, dy * cos - dx * sin
    flat = across / (q * q)
    square = max(along * along + across * flat, TINY)
    m = 0.5 / n
    power = np.exp(m * np.log(square / (profile[0] * profile[0])))
    light = np.exp(-b * (power - 1))
    g, second = along * along + flat * flat, m * (1 - b * power) - 1
    bent = 4 * g / square * second + 2 * (1 + 1 / (q * q))
    return light * (1 - 0.5 * variance * b * m * power / square * bent)


@compiled
def _put(planes: np.ndarray, row: int, column: int, found: tuple, share: float) -> None:
    """Add what `at` found, or the light alone if there is one plane only, to a pixel."""
    planes[0, row, column] += share * found[0]
    if len(planes) > 1:
        planes[1, row, column] += share * found[1]
        planes[2, row, column] += share * found[2]
        planes[3, row, column] += share * found[3]
        planes[4, row, column] += share * found[4]
        planes[5, row, column] += share * found[5]
        planes[6, row, column] += share * found[6]


@compiled
def _sample(profile: np.ndarray, side: int, planes: int) -> tuple:
    """Planes of light and slopes: at the pixels of a box (side^2), and subdivided in its middle.

    The box has the pixel nearest to the centre in its middle; its own middle is zero.
    """
    half, fine = side // 2, (2 * MIDDLE + 1) * PARTS
    x, y = profile[2] - np.rint(profile[2]), profile[3] - np.rint(profile[3])
    box, middle = np.zeros((planes, side, side)), np.zeros((planes, fine, fine))
    for row in range(side):
        for column in range(side):
            if max(abs(row - half), abs(column - half)) > MIDDLE:
                found = at(column - half - x, row - half - y, profile)
                _put(box, row, column, found, 1.0)
    core = (MIDDLE - CORE) * PARTS
    for row in range(fine):
        for column in range(fine):
            dx = (column + 0.5) / PARTS - MIDDLE - 0.5 - x
            dy = (row + 0.5) / PARTS - MIDDLE - 0.5 - y
            parts = 1
            if core <= row < fine - core and core <= column < fine - core:
                parts = CUSP_PARTS if max(abs(dx), abs(dy)) < CUSP else CORE_PARTS
            for i in range(parts):
                for j in range(parts):
                    right = ((j + 0.5) / parts - 0.5) / PARTS
                    up = ((i + 0.5) / parts - 0.5) / PARTS
                    found = at(dx + right, dy + up, profile)
                    _put(middle, row, column, found, 1 / parts**2)
    return box, middle


@cache
def _spread(sharp: bool) -> np.ndarray:
    """Give the light of the subdivided pixels to whole pixels: shape (pixels, subdivided).

    Where a PSF follows (`sharp`), by Lanczos interpolation: the PSF is sampled well enough to be
    known between its samples, so it arrives where the light was. Otherwise to the pixel that
    holds it.
    """
    lobes = LOBES if sharp else 0
    points = (np.arange((2 * MIDDLE + 1) * PARTS) + 0.5) / PARTS - MIDDLE - 0.5
    offset = np.arange(-MIDDLE - lobes, MIDDLE + lobes + 1)[:, None] - points
    if not sharp:
        return (np.abs(offset) < 0.5) / PARTS
    weight = np.sinc(offset) * np.sinc(offset / LOBES) * (np.abs(offset) < LOBES)
    return weight / weight.sum(axis=0) / PARTS


def middle_of(profile: np.ndarray, kernel: Kernel | None, planes: int) -> np.ndarray:
    """Light and slopes about the pixel nearest to the centre, integrated and convolved.

    Parameters
    ----------
    profile : ndarray
        From `describe`.
    kernel : Kernel or None
    planes : int
        1 for the light alone, otherwise 1 + `SLOPES`.

    Returns
    -------
    ndarray
        Shape (planes, side, side), side odd.
    """
    if kernel is None:
        _, middle = _sample(profile, 1, planes)
        weight = _spread(False)
        return weight @ middle @ weight.T
    half = kernel.reach + kernel.half
    box, middle = _sample(profile, 2 * half + 1, planes)
    weight = _spread(True)
    place = slice(half - MIDDLE - LOBES, half + MIDDLE + LOBES + 1)
    box[:, place, place] += weight @ middle @ weight.T
    # Single precision: a ten-millionth of the brightest pixel.
    transform = rfft2(box.astype(np.float32), (kernel.grid, kernel.grid))
    image = irfft2(transform * kernel.transform, (kernel.grid, kernel.grid))
    inside = slice(kernel.half, kernel.half + 2 * kernel.reach + 1)
    return image[:, inside, inside].astype(float)


@compiled
def _paint(profile: np.ndarray, middle: np.ndarray, height: int, width: int) -> np.ndarray:
    image = np.empty((height, width))
    half = middle.shape[0] // 2
    left, low = int(np.rint(profile[2])) - half, int(np.rint(profile[3])) - half
    for row in range(height):
        for column in range(width):
            i, j = row - low, column - left
            if 0 <= i < middle.shape[0] and 0 <= j < middle.shape[1]:
                image[row, column] = middle[i, j]
            else:
                dx, dy = column - profile[2], row - profile[3]
                image[row, column] = _blurred_light(dx, dy, profile, profile[13])
    return image
