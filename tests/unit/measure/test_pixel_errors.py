"""Errors of what the pixels tell, against the scatter of realisations of the noise."""

import numpy as np
from scipy import ndimage

from morphovote.flags import OWN
from morphovote.measure.morphology import measure_galaxy
from morphovote.measure.pixel_errors import LAGS, autocorrelation, correlated_noise

SIDE = 61


def measure(seed, snr=1.0):
    y, x = np.indices((SIDE, SIDE))
    distance = np.hypot(x - 30.2, (y - 29.7) / 0.7)
    clean = 30 * snr * np.exp(-distance / 4)
    noise = np.random.default_rng(seed).normal(size=clean.shape)
    mask = np.where(clean > 1, OWN, 0).astype(np.uint8)
    values, _ = measure_galaxy(clean + noise, np.ones(clean.shape), mask, 30.2, 29.7)
    return values


def test_errors_are_the_scatter_of_realisations():
    found = [measure(seed) for seed in range(16)]
    for name in ("gini", "m20", "concentration", "asymmetry"):
        scatter = np.std([one[name] for one in found])
        error = np.median([one[f"{name}_err"] for one in found])
        assert 0.5 < error / scatter < 2


def test_errors_are_the_same_again_and_shrink_with_the_noise():
    faint, again, bright = measure(3), measure(3), measure(3, 20)
    for name in ("gini", "m20", "concentration", "asymmetry", "smoothness"):
        assert faint[f"{name}_err"] == again[f"{name}_err"]
        assert bright[f"{name}_err"] < 0.3 * faint[f"{name}_err"]


def test_noise_is_correlated_as_that_of_the_sky():
    white = np.random.default_rng(0).normal(size=(200, 200))
    image = ndimage.gaussian_filter(white, 0.8)
    image /= image.std()
    there = np.ones(image.shape, bool)
    shared = autocorrelation(image, np.ones(image.shape), there)
    assert shared[LAGS, LAGS] == 1
    assert np.allclose(shared, shared[::-1, ::-1])
    expected = np.exp(-1 / (4 * 0.8**2))
    assert abs(shared[LAGS, LAGS + 1] - expected) < 0.02
    noise = correlated_noise((150, 150), shared, 1)
    assert abs(np.mean(noise[:, :, 1:] * noise[:, :, :-1]) - expected) < 0.03
    assert abs(noise.std() - 1) < 1e-3


def test_too_little_sky_gives_white_noise():
    sky = np.zeros((50, 50), bool)
    sky[:5, :5] = True
    shared = autocorrelation(np.ones((50, 50)), np.ones((50, 50)), sky)
    assert shared.sum() == shared[LAGS, LAGS] == 1
