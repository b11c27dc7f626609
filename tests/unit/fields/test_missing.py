"""Blank pixels are found, whatever marks them, and none where there are none."""

import numpy as np
import pytest

from morphovote.fields.missing import missing_pixels


def noise(seed=1, shape=(90, 90)):
    return np.random.default_rng(seed).normal(0, 0.2, shape).astype(np.float32)


@pytest.mark.parametrize("value", [0, -99, -32768, 65535, 1.0, 0.05])
@pytest.mark.parametrize(
    "place",
    [
        (slice(20, 40), slice(30, 44)),
        (slice(None), 17),
        (33, slice(10, 50)),
        (slice(40, 43), slice(40, 43)),
    ],
)
def test_pixels_of_one_value_are_missing_and_no_others(value, place):
    image = noise()
    image[place] = value
    expected = np.zeros(image.shape, dtype=bool)
    expected[place] = True
    np.testing.assert_array_equal(missing_pixels(image), expected)


def test_several_blank_values_in_one_image():
    image = noise()
    image[:30, :45] = -99
    image[:, 60] = 0
    image[70:73, 20:23] = 65535
    assert missing_pixels(image).sum() == 30 * 45 + 90 + 9


@pytest.mark.parametrize(
    "image",
    [
        noise() + 1000,
        np.round(noise() * 10),
        np.round(noise() * 200) + 500,
        np.where(np.abs(noise()) < 0.4, 7, np.round(noise() * 20)),
        np.full((40, 40), 3.0),
        # A galaxy without noise on a constant sky.
        5 + 40 * np.exp(-np.hypot(*(np.indices((90, 90)) - 44.3)) / 2),
        np.kron(noise(shape=(45, 45)), np.ones((2, 2))),
    ],
    ids=["sky", "steps", "fine steps", "one level", "constant", "no noise", "doubled pixels"],
)
def test_images_without_blanks_have_none(image):
    assert not missing_pixels(image.astype(np.float32)).any()


@pytest.mark.parametrize("scale", [1e-28, 1, 1e28])
@pytest.mark.parametrize("hot", [1e9, -1e9])
def test_a_pixel_beyond_all_range_is_missing_in_any_unit(scale, hot):
    image = noise() * np.float32(scale)
    image[5, 6] = hot * scale
    missing = missing_pixels(image)
    assert missing[5, 6]
    assert missing.sum() == 1


@pytest.mark.parametrize("value", [1e30, 1e10, 1e4, 1e-30, 0, -1, np.inf, np.nan])
def test_noise_that_cannot_be_is_missing(value):
    rms = np.full((90, 90), 0.2, np.float32)
    # Photon noise of a bright star is noise.
    rms[60:64, 60:64] = 80
    rms[10:30, :40] = value
    missing = missing_pixels(noise(), rms)
    assert missing[10:30, :40].all()
    assert missing.sum() == 20 * 40


def test_a_section_with_hardly_any_noise_that_can_be():
    rms = np.full((90, 90), 1e30, np.float32)
    rms[:3] = 0.2
    missing = missing_pixels(noise(), rms)
    assert missing[3:].all()
    assert not missing[:3].any()


def test_relative_weights_of_an_image_in_small_units_are_noise():
    rng = np.random.default_rng(0)
    image = (1e-12 * rng.normal(size=(40, 40))).astype(np.float32)
    for level in (1.0, 1e-2, 7e5):
        rms = np.full(image.shape, level, np.float32)
        rms[:3] = 1e30
        found = missing_pixels(image, rms)
        assert found[:3].all()
        assert not found[3:].any()
    assert missing_pixels(image, np.full(image.shape, 1e30, np.float32)).all()
