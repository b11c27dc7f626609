"""Bulge and disc: a known B/T comes back, the slopes are right, and one profile stays one."""

from functools import cache

import numpy as np
import pytest

from morphovote.flags import UNSURE, bulge_told
from morphovote.measure.bulge_disc import _evaluate, _limits, fit_bulge_disc, least_radius
from morphovote.measure.sersic import prepare_kernel, sersic_image
from morphovote.measure.sersic_errors import total_light
from morphovote.measure.sersic_fit import fit_sersic, gather_blocks

SIDE, PLACE, ANGLE = 60, (29.7, 30.2), 0.6
START = {"r_e": 5.0, "n": 1.5, "x": 30.0, "y": 30.0, "axis_ratio": 0.7, "angle": 0.4}
VALID = np.ones((SIDE, SIDE), bool)


@cache
def kernel():
    y, x = np.indices((11, 11)) - 5
    psf = np.exp(-(x**2 + y**2) / (2 * 1.3**2))
    return prepare_kernel(psf / psf.sum())


def profile(r_e, n, q):
    """Image of a Sersic profile of light 1."""
    return sersic_image(r_e, n, *PLACE, q, ANGLE, VALID.shape, kernel()) / total_light(1, r_e, n, q)


def fitted(light, noise, seed=0):
    """What `fit_bulge_disc` tells of some light with noise."""
    image = light + noise * np.random.default_rng(seed).normal(size=light.shape)
    rms = np.full(light.shape, noise)
    single = fit_sersic(image, rms, VALID, START, kernel(), 0.01 * noise)
    return fit_bulge_disc(image, rms, VALID, single, kernel(), 0.01 * noise)


def test_known_bulge_and_disc_come_back():
    found = fitted(0.4 * profile(2.0, 4.0, 0.9) + 0.6 * profile(7.0, 1.0, 0.5), 1e-5)
    assert found["flag"] == 0
    assert found["fraction"] == pytest.approx(0.4, abs=0.02)
    assert found["r_e_bulge"] == pytest.approx(2.0, rel=0.06)
    assert found["r_e_disc"] == pytest.approx(7.0, rel=0.02)
    assert found["q_bulge"] == pytest.approx(0.9, abs=0.05)
    assert found["q_disc"] == pytest.approx(0.5, abs=0.02)
    assert found["angle"] == pytest.approx(ANGLE, abs=0.02)
    assert found["light"] == pytest.approx(1, rel=0.01)
    assert found["delta_bic"] > 100
    assert abs(found["fraction"] - 0.4) < 3 * found["fraction_err"] < 0.1


def test_one_profile_is_told_by_the_criterion():
    disc = fitted(profile(6.0, 1.0, 0.6), 2e-4)
    assert disc["fraction"] < 0.1
    assert disc["delta_bic"] < 0
    assert bulge_told(disc["flag"])
    bulge = fitted(profile(4.0, 4.0, 0.8), 2e-4)
    assert bulge["fraction"] > 0.8
    assert bulge["delta_bic"] < 0


def test_noise_that_pixels_share_makes_the_errors_larger_and_the_criterion_milder():
    light = 0.4 * profile(2.0, 4.0, 0.9) + 0.6 * profile(7.0, 1.0, 0.5)
    rms = np.full(light.shape, 1e-4)
    image = light + 1e-4 * np.random.default_rng(1).normal(size=light.shape)
    single = fit_sersic(image, rms, VALID, START, kernel(), 1e-6)
    alone, shared = (
        fit_bulge_disc(image, rms, VALID, single, kernel(), 1e-6, by) for by in (1.0, 2.0)
    )
    assert shared["fraction_err"] == pytest.approx(2 * alone["fraction_err"])
    assert shared["fraction"] == alone["fraction"]
    assert 0 < shared["delta_bic"] < alone["delta_bic"] / 3


def test_a_disc_beyond_the_image_is_unsure():
    assert fitted(profile(50.0, 1.0, 0.9), 1e-5)["flag"] & UNSURE


def test_slopes_are_those_of_differences():
    data = 300 * (0.3 * profile(2.5, 4.0, 0.8) + 0.7 * profile(6.0, 1.0, 0.5))
    blocks, limits = gather_blocks(data, VALID.astype(float)), _limits(VALID.shape, 6.0)
    anchor = np.array([30.0, 30.0])

    def at(values):
        return _evaluate(data, VALID * 1.0, blocks, kernel(), 1.0, limits, values, anchor)

    values = np.array([np.log(6.5), np.log(0.35), 29.8, 30.1, 0.2, 0.15, 0.5, np.log(4.0)])
    for k in range(len(values) - 1):
        step = np.zeros(len(values))
        step[k] = 1e-3
        # The gradient is minus half of chi2's first derivative.
        slope = (at(values - step).chi2 - at(values + step).chi2) / 4e-3
        largest = np.abs(at(values).gradient).max()
        assert at(values).gradient[k] == pytest.approx(slope, rel=0.01, abs=0.002 * largest), k
    # The bulge's n is held.
    assert at(values).gradient[-1] == 0


def test_which_galaxies_are_fitted():
    psf = np.zeros((21, 21))
    psf[8:13, 8:13] = 1 / 25
    assert least_radius("none", 500, psf) == np.inf
    assert least_radius("all", 3, None) == 0
    assert least_radius("auto", 10, psf) == least_radius("auto", np.nan, psf) == np.inf
    assert 1 < least_radius("auto", 500, psf) < 4
    assert 0 < least_radius("auto", 500, None) < 4


def test_flags_tell_which_galaxies_have_a_fraction():
    flag = np.array([-1, 0, 1, 2, 4, 8, 16, 18])
    assert list(bulge_told(flag)) == [False, True, False, True, True, False, True, True]
