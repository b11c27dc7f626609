"""Trails are found and taken off; galaxies seen edge-on are not taken for trails."""

import numpy as np
import pytest

from morphovote.fields.cutouts import find_scene
from morphovote.fields.missing import missing_pixels

SIDE = 114


def turned(angle, offset=0.0):
    y, x = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle) - offset


def edge_on(angle, length, height, peak):
    along, across = turned(angle)
    return peak * np.exp(-np.abs(along) / length) / np.cosh(across / height) ** 2


def scene(light, seed=0):
    image = (light + np.random.default_rng(seed).normal(size=(SIDE, SIDE))).astype(np.float32)
    return find_scene(image, None, missing_pixels(image)), image


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.2, 2.5])
@pytest.mark.parametrize(("height", "wide"), [(5, 1.5), (20, 1.5), (20, 3.0), (100, 0.5)])
def test_a_trail_is_taken_off(angle, height, wide):
    _, across = turned(angle, 4.0)
    trail = height * np.exp(-(across**2) / (2 * wide**2))
    found, _ = scene(trail + edge_on(2.0, 4, 2, 60))
    assert found.trail is not None
    on_it = (np.abs(across) < 1) & (edge_on(2.0, 4, 2, 60) < 0.1)
    assert found.trail[on_it].all()
    assert abs(np.median(found.image[on_it])) < 0.1 * height + 0.5
    assert found.trail.mean() < 0.2


@pytest.mark.parametrize("length", [5, 12, 25, 40])
@pytest.mark.parametrize("peak", [5, 50, 1000])
@pytest.mark.parametrize("angle", [0.0, 0.7, 1.57])
def test_discs_seen_edge_on_are_no_trails(length, peak, angle):
    found, _ = scene(edge_on(angle, length, max(0.12 * length, 1.2), peak))
    assert found.trail is None


def test_a_trail_that_ends_in_the_section_is_left():
    along, across = turned(0.4)
    found, _ = scene(20 * np.exp(-(across**2) / 4) * (along < 10))
    assert found.trail is None
