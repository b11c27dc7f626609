"""Errors of a Sersic fit, from the curvature of chi2 and the noise that pixels share.

Chi2 counts every pixel's noise as its own. In a drizzled or resampled image neighbours share it,
and a galaxy's parameters, which are sums over many pixels, are worse known by the root of the sum
of the noise's autocorrelation (Casertano et al. 2000, AJ 120, 2747, appendix). Where the galaxy is
no Sersic profile, these are the errors of the profile that fits best.
"""

import numpy as np
from scipy.special import gammaincinv, gammaln

# Side of the blocks (px) whose scatter tells the noise that pixels share, and fewest of them.
BLOCK, FEWEST = 8, 20
# Standard deviation of an angle (rad) of which nothing is known, even over half a turn.
UNKNOWN_ANGLE = np.pi / np.sqrt(12)
# Step in the logarithm of n for the slope of the total light.
STEP = 1e-4


def total_light(amplitude: float, r_e: float, n: float, axis_ratio: float) -> float:
    """All light of a Sersic profile (Graham & Driver 2005, PASA 22, 118, eq. 4).

    Parameters
    ----------
    amplitude : float
        Surface brightness at r_e.
    r_e : float
        Along the major axis (px).
    n, axis_ratio : float

    Returns
    -------
    float
        In units of `amplitude` times px^2.
    """
    return amplitude * axis_ratio * r_e**2 * float(np.exp(log_shape(np.log(n))))


def log_shape(log_n: float) -> float:
    n = np.exp(log_n)
    b = gammaincinv(2 * n, 0.5)
    return float(np.log(2 * np.pi * n) + b - 2 * n * np.log(b) + gammaln(2 * n))


def fit_errors(
    values: np.ndarray, curvature: np.ndarray, follows: np.ndarray, own: float
) -> dict[str, float]:
    """Errors (standard deviations) of a fit in noise that is each pixel's own.

    Parameters
    ----------
    values : ndarray, shape (6,)
        Parameters as `sersic.SLOPES` has them.
    curvature : ndarray, shape (6, 6)
        Half the second derivatives of chi2 along them, amplitude and level at their best.
    follows : ndarray, shape (6,)
        How much the logarithm of the best amplitude falls along each.
    own : float
        Variance of the logarithm of the amplitude, the six being known.

    Returns
    -------
    dict of float
        r_e_err (px), n_err, axis_ratio_err, angle_err (rad), log_light_err (natural logarithm of
        the total light); infinite where the data do not tell.
    """
    scale = np.sqrt(np.maximum(np.diag(curvature), 1e-300))
    covariance = np.linalg.pinv(curvature / np.outer(scale, scale), hermitian=True)
    covariance /= np.outer(scale, scale)
    log_r, log_n, _, _, first, second = values
    shear = min(max(float(np.hypot(first, second)), 1e-9), 0.98)
    along = np.array([first, second]) / shear
    across = np.array([-along[1], along[0]])
    ellipse = covariance[4:, 4:]
    slope_q = -2 / (1 + shear) ** 2
    light = -follows + 0.0
    light[0] += 2
    light[1] += (log_shape(log_n + STEP) - log_shape(log_n - STEP)) / (2 * STEP)
    light[4:] += slope_q * along / ((1 - shear) / (1 + shear))
    angle = 0.5 * np.sqrt(across @ ellipse @ across) / shear
    return {
        "r_e_err": float(np.exp(log_r) * np.sqrt(covariance[0, 0])),
        "n_err": float(np.exp(log_n) * np.sqrt(covariance[1, 1])),
        "axis_ratio_err": float(-slope_q * np.sqrt(along @ ellipse @ along)),
        "angle_err": float(angle),
        "log_light_err": float(np.sqrt(light @ covariance @ light + own)),
    }


def shared_noise(image: np.ndarray, rms: np.ndarray, sky: np.ndarray) -> float:
    """By how much noise that pixels share makes sums over many of them worse known than chi2 says.

    Parameters
    ----------
    image, rms : ndarray, shape (height, width)
    sky : ndarray of bool, same shape
        Pixels free of sources.

    Returns
    -------
    float
        Root of (variance of the means of blocks, times their pixels, over that of pixels); at
        least 1, and 1 where too little sky is there to tell.
    """
    height, width = (size // BLOCK * BLOCK for size in image.shape)
    if not height or not width:
        return 1.0
    ratio = np.where(sky, image / rms, 0.0)[:height, :width]
    parts = (height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    whole = sky[:height, :width].reshape(parts).all(axis=(1, 3))
    if np.count_nonzero(whole) < FEWEST:
        return 1.0
    means = ratio.reshape(parts).mean(axis=(1, 3))[whole]
    # Robust, because light too faint to be detected lifts single blocks.
    spread = 1.4826 * float(np.median(np.abs(means - np.median(means))))
    return max(1.0, BLOCK * spread)
