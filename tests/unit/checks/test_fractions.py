"""Class fractions corrected for confusion: on counts whose truth is known."""

import numpy as np
import pytest
from astropy.table import Table

from morphovote.checks import fractions

NAMES = ["SPH", "LTD", "UNC"]
# What galaxies of each class (column) are called (row), from faint to bright.
TABLE = np.array(
    [
        [[0.5, 0.1, 0.0], [0.1, 0.5, 0.1], [0.4, 0.4, 0.9]],
        [[0.7, 0.2, 0.0], [0.2, 0.7, 0.1], [0.1, 0.1, 0.9]],
        [[0.9, 0.1, 0.0], [0.1, 0.9, 0.1], [0.0, 0.0, 0.9]],
    ]
)


def draw(shares, count, rng):
    """Classes, S/N ranges and called classes of galaxies."""
    true = rng.choice(3, count, p=shares)
    stratum = rng.integers(0, 3, count)
    chance = TABLE[stratum, :, true]
    called = (rng.random((count, 1)) > np.cumsum(chance, axis=1)).sum(axis=1).clip(max=2)
    return true, stratum, called


def test_counts_without_noise_give_the_fractions_back():
    shares = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.5, 0.5, 0.0]])
    counts = 1000 * np.einsum("tjc,tc->tj", TABLE, shares)
    found = fractions.unfold(counts, TABLE, np.full((3, 3), 1e-6))
    np.testing.assert_allclose(found, shares, atol=0.02)


@pytest.mark.parametrize("shares", [(0.2, 0.7, 0.1), (0.7, 0.1, 0.2)])
def test_intervals_hold_shifted_fractions(shares):
    rng = np.random.default_rng(3)
    clear, stratum, called = draw((1 / 3,) * 3, 900, rng)
    anchors = {"called": called, "clear": clear, "stratum": stratum}
    anchors["kind"] = clear * 4 + rng.integers(0, 4, 900)
    true, stratum, called = draw(shares, 600, rng)
    bins = [np.arange(600), np.arange(300)]
    middle, low, high = fractions.correct(called, stratum, bins, anchors, np.zeros((3, 3)))
    np.testing.assert_allclose(middle.sum(axis=1), 1)
    truth = np.array([np.bincount(true[rows], minlength=3) / len(rows) for rows in bins])
    assert ((low <= truth) & (truth <= high)).all()
    raw = np.bincount(called, minlength=3) / 600
    assert np.abs(middle[0] - truth[0]).max() < np.abs(raw - truth[0]).max()
    # Many labels drawn at random leave less doubt than anchors.
    eye = 300 * TABLE.mean(axis=0)
    _, less, more = fractions.correct(called, stratum, bins, anchors, eye)
    assert (more - less)[0].mean() < 0.8 * (high - low)[0].mean()


def test_only_random_labels_of_a_known_class_count():
    held = {
        "check": np.array(["eye", "eye", "labels", "anchors", "eye"]),
        "class": np.array(["SPH", "LTD", "SPH", "SPH", "SPH"]),
        "label": np.array(["SPH", "SPH", "SPH", "SPH", "UNC"]),
    }
    found = fractions.count_by_eye(held, NAMES)
    np.testing.assert_array_equal(found, [[1, 0, 0], [1, 0, 0], [0, 0, 0]])


def test_every_bin_adds_up():
    rng = np.random.default_rng(0)
    names = np.array(NAMES)[rng.integers(0, 3, 500)]
    sources = Table({"REDSHIFT": rng.uniform(0, 1, 500), "LOG_MASS": np.full(500, np.nan)})
    use = np.arange(500) >= 20
    bins = fractions.list_bins(sources, {"all": np.ones(500, bool)}, use)
    found = fractions.table_fractions(names, bins, NAMES, None)
    assert set(found["panel"]) == {"all", "redshift"}
    assert found["members"][found["panel"] == "all"].sum() == 480
    assert found["members"][found["panel"] == "redshift"].sum() == 480
    assert np.isnan(found["corrected"]).all()
