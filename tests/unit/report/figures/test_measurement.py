"""The figure of how well the parameters are measured."""

import numpy as np

from morphovote.measure.calibration import CORRECTED, MEASURED
from morphovote.measure.calibration_table import measurement_table
from morphovote.report.figures.measurement import WORDS, draw
from morphovote.storage.numbers import save_numbers


def measured(count):
    rng = np.random.default_rng(0)
    found = {"snr": np.exp(rng.uniform(2, 5, count)), "size": rng.uniform(1, 6, count)}
    found |= {"measure_flag": np.zeros(count), "true_flag": np.zeros(count)}
    for name in MEASURED:
        found |= {name: rng.normal(size=count), f"true_{name}": np.zeros(count)}
        found[f"{name}_err"] = np.ones(count)
    known = {f"{name}_err": np.ones(count) for name in MEASURED}
    for name in CORRECTED:
        known |= {f"{name}_corr": found[name], f"{name}_corr_err": np.ones(count)}
    return found, known


def test_coverage_and_bias_of_each_parameter_are_drawn(tmp_path):
    save_numbers(measurement_table(*measured(200)), tmp_path / "measurement.csv")
    figure, numbers = draw(tmp_path / "measurement.csv")
    assert numbers is None
    axes = [one for part in figure.subfigs for one in part.axes]
    assert [one.get_title("left") for one in axes[2:]] == [WORDS[name] for name in CORRECTED]
    labels = [line.get_label() for one in axes[:2] for line in one.lines]
    assert {WORDS[name] for name in MEASURED} <= set(labels)
    x, y = axes[0].lines[2].get_data()
    assert len(x) >= 4
    assert np.all((y >= 0) & (y <= 1))


def test_without_anchors_the_figure_says_so(tmp_path):
    save_numbers(measurement_table(*measured(0)), tmp_path / "measurement.csv")
    figure, _ = draw(tmp_path / "measurement.csv")
    assert "No anchors were measured" in figure.texts[0].get_text() or any(
        "No anchors" in text.get_text() for one in figure.axes for text in one.texts
    )
