"""What labels by eye tell: slips, the learning curve, and the sentences and figure on them."""

import numpy as np
import pytest

from morphovote.checks import by_eye
from morphovote.report.figures.labels import plot_labels
from morphovote.report.text.labels import describe_labels

NAMES = ["SPH", "LTD"]


def held_out():
    return {
        "id": np.array(["a", "b", "c", "anchor"], dtype=object),
        "check": np.array(["eye", "eye", "labels", "anchors"]),
        "class": np.array(["SPH", "SPH", "LTD", "SPH"], dtype=object),
        "label": np.array(["SPH", "LTD", "SPH", "LTD"], dtype=object),
        "uncorrected": np.array([0.9, 0.99, 0.6, np.nan]),
        "label_probability": np.array([0.9, 0.01, 0.4, np.nan]),
    }


def test_only_sure_contradictions_are_slips():
    (slip,) = by_eye.find_slips(held_out())
    assert slip == {"id": "b", "label": "LTD", "class": "SPH", "probability": 0.99}


def test_confusion_counts_the_labels_of_one_kind():
    rows = by_eye.count_confusion(held_out(), "eye")
    assert sum(row["galaxies"] for row in rows) == 2
    assert {"label": "LTD", "class": "SPH", "galaxies": 1} in rows


def test_learning_curve_judges_only_random_labels_left_out():
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, 80)
    taught = {
        "component": (4 * kind[:, None] + rng.normal(size=(80, 3))).astype(np.float32),
        "counts": np.eye(2, dtype=int)[kind] * 10,
        "share": np.eye(5)[np.where(kind, 2, 0)],
    }
    names = ["SPH", "ETD", "LTD", "IRR", "UNC"]
    curve = by_eye.learning_curve(None, taught, np.arange(80) < 40, names)
    assert [row["labels"] for row in curve] == [32, 48, 64]
    assert all(row["right"] > 0.9 for row in curve)
    assert 0 < curve[2]["galaxies"] < curve[0]["galaxies"] < by_eye.DRAWS * 40
    assert by_eye.learning_curve(None, taught, np.zeros(80, bool), names) == []


def test_what_more_labels_bring():
    right = {n: 0.5 + 0.1 * np.log(n / 40) for n in (40, 60)}
    rising = [{"labels": n, "right": r, "galaxies": 4000} for n, r in right.items()]
    more = by_eye.extrapolate(rising, 100)
    assert more["gain"] == pytest.approx(0.1 * np.log(1.5))
    assert more["low"] < more["gain"] < more["high"]
    assert by_eye.extrapolate(rising[:1], 100) is None


def test_sentences_and_figure():
    found = {
        "galaxies": 2, "people": 2, "check": "eye", "slips": by_eye.find_slips(held_out()),
        "accuracy": {"galaxies": 2, "right": 0.5, "low": 0.1, "high": 0.9},
        "confusion": by_eye.count_confusion(held_out(), "eye"),
        "agreement": {"galaxies": 1, "agree": 1.0, "kappa": None, "pairs": []},
        "curve": [{"labels": 40, "right": 0.7, "galaxies": 80}],
        "more": {"labels": 50, "gain": 0.02, "low": -0.01, "high": 0.05},
    }  # fmt: skip
    text = " ".join(describe_labels(found))
    for part in ("2 people", "drawn at random", "+2 per cent (-1 to +5)", "b (LTD, rather SPH?)"):
        assert part in text
    assert describe_labels(None) == []
    figure, numbers = plot_labels(found)
    assert len(figure.axes) == 2
    assert list(numbers["panel"]) == ["confusion"] * 4 + ["curve"]
    _, numbers = plot_labels(found | {"confusion": []})
    assert len(numbers) == 0
