"""Asymmetry: its definition, its sky term, and what it ignores."""

import galsim
import numpy as np
import pytest
import statmorph
from scipy import ndimage

from morphovote.measure.asymmetry import asymmetry, sky_difference

SIZE, CENTRE = 100, (49.5, 49.5)
NOTHING = np.zeros((SIZE, SIZE), bool)


def disc(radius, centre=CENTRE):
    y, x = np.indices((SIZE, SIZE))
    return np.hypot(x - centre[0], y - centre[1]) <= radius


def exponential(centre=CENTRE, scale=5.0, flux=1e4):
    y, x = np.indices((SIZE, SIZE))
    light = np.exp(-np.hypot(x - centre[0], (y - centre[1]) / 0.7) / scale)
    return flux * light / light.sum()


def white(seed=0):
    return np.random.default_rng(seed).normal(size=(SIZE, SIZE))


def cosmos_noise(seed=0):
    image = galsim.ImageD(SIZE, SIZE, scale=0.03)
    image.addNoise(galsim.getCOSMOSNoise(rng=galsim.BaseDeviate(seed + 1), variance=1.0))
    return image.array


@pytest.mark.parametrize("offset", [(0, 0), (0.5, 0.5), (99.3, 98.6), (1, 0.5)])
def test_sky_term_of_white_noise_is_known(offset):
    # A bilinear mean of four normal numbers has the variance of its squared weights.
    share = np.mod(offset, 1)
    variance = np.prod((1 - share) ** 2 + share**2)
    expected = np.sqrt(2 / np.pi * (1 + variance))
    assert sky_difference(white(), ~NOTHING, offset) == pytest.approx(expected, rel=0.02)


def test_sky_term_is_over_all_pairs():
    image, sky = white(3), disc(9)
    one = image[sky]
    by_hand = np.abs(one[:, None] - one[None, :]).mean()
    # At a whole shift the interpolated pixels are pixels; the last row and column have no partner.
    inner = image[sky & np.roll(sky, -1, 0) & np.roll(sky, -1, 1) & np.roll(sky, (-1, -1), (0, 1))]
    expected = np.abs(one[:, None] - inner[None, :]).mean()
    assert sky_difference(image, sky, (4, 7)) == pytest.approx(expected)
    assert expected == pytest.approx(by_hand, rel=0.1)


def test_definition_without_noise():
    # Half of the light of a second source has no partner on the other side.
    image = exponential(flux=1000) + exponential((60, 52), 1.0, 200)
    found = asymmetry(image, disc(25), NOTHING, CENTRE, 30)
    turned = image[::-1, ::-1]
    inside = disc(30)
    direct = np.abs(image - turned)[inside].sum() / image[inside].sum()
    assert found == pytest.approx(direct, abs=0.01)
    assert found > 0.3


@pytest.mark.parametrize("noise", [white, cosmos_noise])
@pytest.mark.parametrize("centre", [(49.5, 49.5), (49.75, 49.3)])
def test_noise_makes_an_even_galaxy_neither_lopsided_nor_negative(noise, centre):
    image = exponential(centre, flux=1200)
    found = [asymmetry(image + noise(seed), disc(18), NOTHING, centre, 25) for seed in range(12)]
    assert np.median(found) == pytest.approx(0, abs=0.04)


@pytest.mark.slow
def test_a_box_of_sky_turned_about_its_middle_takes_too_much():
    """Why the asymmetry is not statmorph's: the same galaxies come out negative there."""
    ours, theirs = [], []
    for seed in range(4):
        image = exponential((49.75, 49.3), flux=1500) + white(seed)
        own = disc(15)
        morphology = statmorph.SourceMorphology(
            image, own.astype(int), 1, weightmap=np.ones_like(image),
            sersic_fitting_args={"maxiter": 1},
        )  # fmt: skip
        centre = (morphology.xc_asymmetry, morphology.yc_asymmetry)
        ours.append(asymmetry(image, own, NOTHING, centre, 1.5 * morphology.rpetro_circ))
        theirs.append(morphology.asymmetry)
    assert np.median(theirs) < -0.1
    assert abs(np.median(ours)) < 0.05


def test_hidden_pixels_and_those_opposite_count_for_nothing():
    image, hidden = exponential() + white(), disc(6, (70, 40))
    clean = asymmetry(image, disc(20), hidden, CENTRE, 35)
    spoiled = np.where(hidden, 1e4, image)
    assert asymmetry(spoiled, disc(20), hidden, CENTRE, 35) == clean
    opposite = np.where(hidden[::-1, ::-1], image + 100, image)
    assert asymmetry(opposite, disc(20), hidden, CENTRE, 35) == pytest.approx(clean, abs=1e-6)
    assert asymmetry(spoiled, disc(20), NOTHING, CENTRE, 35) > clean + 1


def test_light_whose_partner_is_beyond_the_image_counts_for_nothing():
    image = exponential((88, 50))
    assert abs(asymmetry(image, disc(9, (88, 50)), NOTHING, (88, 50), 25)) < 0.01


def test_without_sky_or_light_there_is_no_asymmetry():
    image = exponential() + white()
    assert np.isnan(asymmetry(image, ~NOTHING, NOTHING, CENTRE, 30))
    assert np.isnan(asymmetry(0 * image, disc(9), NOTHING, CENTRE, 30))
    # Where the circle takes all, sky within it but off the segment does.
    assert np.isfinite(asymmetry(image, disc(30), NOTHING, CENTRE, 90))
    wings = ndimage.binary_dilation(disc(30), iterations=3)
    assert np.isfinite(asymmetry(image, wings, NOTHING, CENTRE, 90))
