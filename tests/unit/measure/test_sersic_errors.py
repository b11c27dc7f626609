"""Errors of Sersic fits: they hold the truth as often as they say, in any noise; and the sky's."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from scipy import ndimage

from morphovote.measure.on_sky import angles_on_sky, magnitudes
from morphovote.measure.sersic import sersic_image
from morphovote.measure.sersic_errors import UNKNOWN_ANGLE, shared_noise, total_light
from morphovote.measure.sersic_fit import fit_sersic

TRUTH = {"r_e": 6.0, "n": 1.4, "x": 31.6, "y": 32.2, "axis_ratio": 0.6, "angle": 0.7}
SIDE = 64


def test_total_light_is_that_of_the_image():
    image = sersic_image(4.0, 1.5, 150.2, 149.8, 0.7, 0.3, (300, 300))
    assert image.sum() == pytest.approx(total_light(1.0, 4.0, 1.5, 0.7), rel=0.003)


def test_truth_lies_within_one_error_in_two_thirds_of_the_cases():
    light, rng = 6 * sersic_image(*TRUTH.values(), (SIDE, SIDE)), np.random.default_rng(1)
    rms, valid = np.ones(light.shape), np.ones(light.shape, bool)
    whole = np.log(total_light(6.0, TRUTH["r_e"], TRUTH["n"], TRUTH["axis_ratio"]))
    apart = []
    for _ in range(100):
        fit = fit_sersic(light + rng.normal(size=light.shape), rms, valid, TRUTH, None, 0.02)
        turned = (fit["angle"] - TRUTH["angle"] + np.pi / 2) % np.pi - np.pi / 2
        apart.append([
            (fit["r_e"] - TRUTH["r_e"]) / fit["r_e_err"], (fit["n"] - TRUTH["n"]) / fit["n_err"],
            (fit["axis_ratio"] - TRUTH["axis_ratio"]) / fit["axis_ratio_err"],
            turned / fit["angle_err"], (np.log(fit["light"]) - whole) / fit["log_light_err"],
        ])  # fmt: skip
    share = np.mean(np.abs(apart) < 1, axis=0)
    assert ((share > 0.55) & (share < 0.8)).all(), share
    assert (np.std(apart, axis=0) < 1.25).all()


def test_errors_fall_as_the_light_rises_and_a_round_galaxy_has_no_angle():
    round_one = TRUTH | {"axis_ratio": 0.999}
    shape = sersic_image(*round_one.values(), (SIDE, SIDE))
    rms, valid = np.ones(shape.shape), np.ones(shape.shape, bool)
    noise = np.random.default_rng(2).normal(size=shape.shape)
    faint, bright = (
        fit_sersic(light * shape + noise, rms, valid, round_one, None, 0.02) for light in (5, 50)
    )
    assert bright["n_err"] == pytest.approx(faint["n_err"] / 10, rel=0.3)
    assert faint["angle_err"] > UNKNOWN_ANGLE


def test_shared_noise_is_the_root_of_the_sum_of_its_correlation():
    noise = np.random.default_rng(3).normal(size=(400, 400))
    sky = np.ones(noise.shape, bool)
    assert shared_noise(noise, np.ones(noise.shape), sky) == pytest.approx(1, abs=0.06)
    # Means of 3 x 3 pixels: a sum of correlations of 9, less what blocks of 8 pixels miss of it.
    smooth = 3 * ndimage.uniform_filter(noise, 3, mode="wrap")
    assert 2.4 < shared_noise(smooth, np.ones(noise.shape), sky) < 3.05
    sky[:, 24:] = False
    assert shared_noise(smooth[:40], np.ones((40, 400)), sky[:40]) == 1.0


@pytest.mark.parametrize("turn", [0.0, 35.0])
@pytest.mark.parametrize("dec", [0.0, 80.0])
def test_angles_are_east_of_north(tmp_path, turn, dec):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [0.0, dec]
    wcs.wcs.crpix, wcs.wcs.cdelt = [50.0, 50.0], [-1e-5, 1e-5]
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    # North is turned by `turn` from y towards x.
    wcs.wcs.pc = [[cos, -sin], [sin, cos]]
    fits.writeto(tmp_path / "image.fits", np.ones((100, 100), np.float32), wcs.to_header())
    plain = np.ones((100, 100), np.float32)
    fits.writeto(tmp_path / "plain.fits", plain)
    files = [str(tmp_path / name) for name in ("image.fits", "plain.fits")]
    tiles = Table({"IMAGE": files, "HDU": [0, 0]})
    # Along y, along x, none, and one on an image without a WCS.
    angle = np.array([np.pi / 2, 0.0, np.nan, 0.5])
    place = np.full(4, 49.0)
    found = angles_on_sky(tiles, np.array([0, 0, 0, 1]), place, place, angle)
    np.testing.assert_allclose(found[:2], [turn % 180, (90 + turn) % 180], atol=0.01)
    assert np.isnan(found[2:]).all()


def test_magnitudes_of_light():
    found = magnitudes(np.array([100.0, 0.0, np.nan]), 25.0)
    assert found[0] == pytest.approx(20.0)
    assert np.isnan(found[1:]).all()
    assert np.isnan(magnitudes(np.array([1.0]), np.nan)).all()
