"""Calibration of class probabilities, and their correction with classes by eye."""

import numpy as np
import pytest

from morphovote.classify import calibration, classifier
from morphovote.report.figures import reliability


def draw(size, seed=0, power=1.0):
    """Claimed probabilities, and outcomes whose true probability is claimed ** power."""
    rng = np.random.default_rng(seed)
    claimed = rng.uniform(0.2, 1, size)
    return claimed, rng.random(size) < claimed**power


def test_curve_by_hand():
    probability = np.array([0.8, 0.85, 0.89, 0.3, 1.0])
    right = np.array([True, False, True, False, True])
    curve = calibration.reliability_curve(probability, right)
    assert list(curve["low"]) == [0.3, 0.8, 0.9]
    assert list(curve["galaxies"]) == [1, 3, 1]
    assert curve["right"][1] == pytest.approx(2 / 3)
    assert curve["probability"][1] == pytest.approx(0.84667, abs=1e-4)
    gaps = 3 * (0.84667 - 2 / 3) + 0.3 + 0
    assert calibration.calibration_error(probability, right) == pytest.approx(gaps / 5, abs=1e-4)


def test_single_precision_stays_in_its_bin():
    for value in np.arange(1, 10) / 10:
        curve = calibration.reliability_curve(np.array([value], np.float32), np.array([True]))
        assert curve["low"][0] == pytest.approx(value)


def test_error_of_honest_and_of_boasting_probabilities():
    claimed, right = draw(20_000)
    assert calibration.calibration_error(claimed, right) < 0.02
    assert calibration.calibration_error(claimed, draw(20_000, power=2)[1]) > 0.1
    # In a small sample honest probabilities err by chance, and as much as is said.
    errors = [calibration.calibration_error(*draw(60, seed)) for seed in range(60)]
    assert calibration.chance_error(draw(60)[0]) == pytest.approx(np.mean(errors), rel=0.2)


def test_correction_makes_frequencies_of_boasts():
    fitted = calibration.fit_correction(*draw(400, power=3))
    claimed, right = draw(20_000, seed=1, power=3)
    corrected = calibration.correct(claimed, *fitted)
    assert calibration.calibration_error(corrected, right) < 0.05
    assert (np.diff(corrected[np.argsort(claimed)]) >= 0).all()
    high = (corrected > 0.75) & (corrected < 0.85)
    assert 0.7 < right[high].mean() < 0.9


def test_few_labels_change_nothing():
    claimed, right = draw(calibration.FEWEST_CHECKED - 1)
    assert calibration.fit_correction(claimed, right) == (0.0, 1.0)
    np.testing.assert_array_equal(calibration.correct(claimed, 0.0, 1.0), claimed)


def test_all_right_is_no_certainty():
    fitted = calibration.fit_correction(np.linspace(0.5, 1, 40), np.ones(40, bool))
    assert calibration.correct(np.array([1.0]), *fitted)[0] < 0.999


def test_cross_fitted_rows_know_nothing_of_their_own_label():
    # Labels without any relation to the data: whoever peeks agrees with them more often.
    rng = np.random.default_rng(0)
    labels = np.array(["SPH", "LTD"])[rng.integers(0, 2, 200)]
    model, held = classifier.fit_classifier(rng.normal(size=(200, 60)), labels)
    right = model["names"][held.argmax(axis=1)] == labels
    assert right.mean() < 0.6
    assert calibration.calibration_error(held.max(axis=1), right) < 0.15
    claimed, outcome = draw(200)
    before = calibration.cross_correct(claimed, outcome)
    # Another label in one galaxy: its own corrected probability stays to the bit.
    outcome[7] = ~outcome[7]
    after = calibration.cross_correct(claimed, outcome)
    assert before[7] == after[7]
    assert (before != after).any()


def test_figure_and_its_numbers():
    claimed, right = draw(100)
    vote = {"probability": claimed, "uncorrected": np.full(100, np.nan), "right": right}
    eye = vote | {"uncorrected": claimed**0.5}
    figure, numbers = reliability.plot_reliability({"vote": vote, "eye": eye})
    assert len(figure.axes) == 4
    assert numbers["galaxies"][numbers["check"] == "vote"].sum() == 100
    assert numbers["galaxies"][numbers["check"] == "eye"].sum() == 200
    figure, numbers = reliability.plot_reliability({})
    assert len(numbers) == 0
    assert "frozen" in figure.texts[0].get_text()
