"""The rule that gives a simulated galaxy its class."""

import math

import pytest

from morphovote.simulate.truth import Truth, classify_truth, disturbed_share, split_sersic

SPHEROID = Truth("spheroid", True, 1.0, 0.0, 0.0, 0.9, 8.0)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, "SPH"),
        ({"axis_ratio": 0.3}, "ETD"),
        ({"bulge": 0.5, "disc": 0.5}, "ETD"),
        ({"bulge": 0.1, "disc": 0.9}, "LTD"),
        ({"bulge": 0.1, "disc": 0.9, "disturbed": 0.4}, "IRR"),
        ({"disturbed": 0.4}, "IRR"),
        ({"bulge": 0.0, "disc": 0.0}, "UNC"),
        ({"galaxy": False, "disturbed": 0.9}, "UNC"),
    ],
)
def test_class_follows_from_the_true_parameters(change, wanted):
    assert classify_truth(SPHEROID._replace(**change)) == wanted


def test_what_cannot_be_seen_does_not_count():
    merger = SPHEROID._replace(bulge=0.1, disc=0.9, disturbed=0.3)
    assert classify_truth(merger, snr=50, fwhm=4) == "IRR"
    # 0.3 of the light at S/N 8 is not seen by itself: the galaxy passes for a disc.
    assert classify_truth(merger, snr=8, fwhm=4) == "LTD"
    assert classify_truth(merger, snr=4, fwhm=4) == "UNC"
    assert classify_truth(merger, snr=50, fwhm=30) == "UNC"


def test_single_bodies_are_bulge_or_disc_by_their_index():
    assert split_sersic(4.0) == (1.0, 0.0)
    assert split_sersic(1.0) == (0.0, 1.0)
    assert split_sersic(0.5) == (0.0, 0.0)


def test_clumps_of_a_regular_disc_count_half():
    assert disturbed_share(0.4, 0.1) == pytest.approx(0.2 + 0.1 / math.pi)
    assert disturbed_share(0.4, 0.6) == pytest.approx(0.4 + 0.6 / math.pi)
    assert disturbed_share(0.0, 0.0, tails=0.2, companion=0.3) == pytest.approx(0.5)
    assert disturbed_share(0.9, 0.9, tails=0.9) == 1
