"""The classifier that anchors teach, on groups of points whose classes are known."""

import numpy as np
import pytest

from morphovote.classify import anchored
from morphovote.classify.anchors import enough
from morphovote.classify.calibration import calibration_error, chance_error

CLASSES = ("SPH", "LTD", "IRR")
CENTRES = np.array([[0, 0, 0, 0], [3, 0, 0, 0], [0, 3, 0, 0]], float)


def draw(count, shares, seed):
    """Points of three classes, and the votes of ten voters with one group a class."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, count, p=shares)
    points = CENTRES[kind] + rng.normal(size=(count, 4))
    nearest = ((points[:, None] - CENTRES) ** 2).sum(axis=2).argmin(axis=1)
    counts = 6 * np.eye(3, dtype=int)[nearest] + rng.multinomial(4, [1 / 3] * 3, count)
    return kind, points.astype(np.float32), counts


@pytest.fixture(scope="module")
def anchors():
    kind, points, counts = draw(900, [1 / 3] * 3, 0)
    rng = np.random.default_rng(1)
    return {
        "class": np.array(CLASSES)[kind].astype(str),
        "clear": np.array(CLASSES)[kind].astype(str),
        "component": points,
        "counts": counts,
        "snr": np.exp(rng.uniform(1.5, 5, 900)),
        "segment": np.exp(rng.uniform(1, 3, 900)),
    }


@pytest.fixture(scope="module")
def fitted(anchors):
    kind, points, counts = draw(2000, [0.35, 0.35, 0.3], 2)
    model, held_out = anchored.fit_anchored(anchors)
    return kind, points, counts, model, held_out


def test_classes_are_found_and_probabilities_calibrated(fitted):
    kind, points, counts, model, _ = fitted
    chance, near = anchored.weigh_anchored(points, counts, model)
    np.testing.assert_allclose(chance.sum(axis=1), 1)
    names = [str(name) for name in model["classes"]]
    right = np.array(names)[chance.argmax(axis=1)] == np.array(CLASSES)[kind]
    assert right.mean() > 0.85
    best = chance.max(axis=1)
    assert calibration_error(best, right) < chance_error(best) + 0.03
    assert near.mean() > 0.95


def test_held_out_anchors_are_judged_without_their_own_class(anchors, fitted):
    *_, model, held_out = fitted
    given = model["classes"][held_out.argmax(axis=1)]
    assert 0.8 < (given == anchors["class"]).mean() < 0.97
    shuffled = anchors | {"class": np.random.default_rng(0).permutation(anchors["class"])}
    _, lost = anchored.fit_anchored(shuffled)
    found = model["classes"][lost.argmax(axis=1)] == shuffled["class"]
    assert found.mean() < 0.42


def test_far_from_the_anchors_nothing_is_known(fitted):
    *_, model, _ = fitted
    away = np.full((1, 4), 50, np.float32)
    chance, near = anchored.weigh_anchored(away, np.array([[10, 0, 0]]), model)
    assert near == 0
    known = np.isin(model["classes"], CLASSES)
    np.testing.assert_allclose(chance[0], known / 3)


def test_row_does_not_depend_on_its_company(fitted):
    _, points, counts, model, _ = fitted
    together, _ = anchored.weigh_anchored(points, counts, model)
    alone, _ = anchored.weigh_anchored(points[7:9], counts[7:9], model)
    np.testing.assert_array_equal(together[7:9], alone)


def test_brighter_galaxies_keep_their_class_more_often(anchors, fitted):
    *_, model, _ = fitted
    right = anchors["snr"] > 30
    given = np.where(right, anchors["clear"], "ETD")
    table = np.eye(5)[[list(model["classes"]).index(name) for name in given]]
    found = anchored.fit_recovery(anchors, table, [str(name) for name in model["classes"]])
    chance = anchored.chance_to_recover(np.array([5.0, 30.0, 140.0]), np.full(3, 8.0), found)
    assert (np.diff(chance) > 0).all()
    assert chance[0] < 0.2 < 0.8 < chance[2]


def test_few_anchors_or_one_class_are_not_enough(anchors):
    assert enough(anchors)
    assert not enough({"class": anchors["class"][:20]})
    assert not enough({"class": np.full(200, "SPH")})
