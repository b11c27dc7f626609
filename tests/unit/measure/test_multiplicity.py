"""Multiplicity against its definition and on galaxies whose order is known."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from morphovote.measure.multiplicity import multiplicity, pair_sum


def blob(size: int, x: float, y: float, sigma: float) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return np.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / sigma**2)


def test_pair_sum_is_that_of_all_pairs():
    light = np.random.default_rng(0).random((9, 14))
    places = np.argwhere(np.ones(light.shape))
    product = [a * b for i, a in enumerate(light.ravel()) for b in light.ravel()[i + 1 :]]
    assert pair_sum(light) == pytest.approx(np.sum(product / pdist(places)))


def test_round_galaxy_is_nearly_compact_and_two_clumps_are_not():
    everywhere = np.ones((60, 60), bool)
    one = multiplicity(blob(60, 30, 30, 4), everywhere)
    close = multiplicity(blob(60, 25, 30, 4) + blob(60, 35, 30, 4), everywhere)
    far = multiplicity(blob(60, 15, 30, 4) + blob(60, 45, 30, 4), everywhere)
    assert 0 <= one < 0.1
    assert one + 0.5 < close < far - 5
    # However far apart, each clump keeps its own sum of pairs.
    assert far < 100 * np.log10(2)


def test_brightness_and_place_do_not_matter_and_other_pixels_do_not_count():
    image = blob(60, 25, 30, 3) + 0.5 * blob(60, 40, 33, 5)
    segment = image > 0.05
    value = multiplicity(image, segment)
    moved = np.roll(np.roll(7 * image, 4, 0), -6, 1)
    assert multiplicity(moved, np.roll(np.roll(segment, 4, 0), -6, 1)) == pytest.approx(value)
    assert multiplicity(image + 3 * blob(60, 5, 5, 1) * ~segment, segment) == pytest.approx(value)
    assert multiplicity(np.where(segment, image, -1.0), segment) == pytest.approx(value)


def test_without_light_there_is_none():
    assert np.isnan(multiplicity(np.zeros((5, 5)), np.ones((5, 5), bool)))
    assert np.isnan(multiplicity(np.eye(5)[:1] + 1, np.zeros((1, 5), bool)))
