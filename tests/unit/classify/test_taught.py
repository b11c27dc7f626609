"""Labels teach the classifier: alone, beside anchors that are right, and beside wrong ones."""

import numpy as np
import pytest

from morphovote.classify import anchored, taught
from morphovote.classify.classes import CLASSES

NAMES = list(CLASSES)
KINDS = ("SPH", "LTD", "IRR")
CENTRES = np.array([[0, 0, 0, 0], [3, 0, 0, 0], [0, 3, 0, 0]], float)
PLACE = np.array([NAMES.index(kind) for kind in KINDS])


def draw(count, shares, seed):
    """Points of three classes, and the votes of ten voters with one group a class."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, count, p=shares)
    points = CENTRES[kind] + rng.normal(size=(count, 4))
    near = ((points[:, None] - CENTRES) ** 2).sum(axis=2).argmin(axis=1)
    counts = 6 * np.eye(3, dtype=int)[near] + rng.multinomial(4, [1 / 3] * 3, count)
    return kind, points.astype(np.float32), counts


def anchors_of(count, turned=False):
    kind, points, counts = draw(count, [1 / 3] * 3, 0)
    named = np.array(KINDS)[(kind + turned) % 3].astype(str)
    light = {"snr": np.full(count, 30.0), "segment": np.full(count, 5.0)}
    return {"class": named, "clear": named, "component": points, "counts": counts} | light


def labels_of(count, seed=5):
    kind, points, counts = draw(count, [0.6, 0.3, 0.1], seed)
    return {"component": points, "counts": counts, "share": np.eye(5)[PLACE[kind]]}


def score(model, seed=9):
    kind, points, counts = draw(600, [0.6, 0.3, 0.1], seed)
    chance, _ = anchored.weigh_anchored(points, counts, model)
    return (chance.argmax(axis=1) == PLACE[kind]).mean()


@pytest.fixture(scope="module")
def beside_anchors():
    return taught.fit_taught(anchors_of(300), labels_of(60), NAMES)


def test_labels_alone_teach():
    model, held, left_out = taught.fit_taught(None, labels_of(60), NAMES)
    assert held.shape == (0, 5)
    assert model["taught_by"] == ["labels"]
    assert score(model) > 0.85
    labelled = labels_of(60)["share"].argmax(axis=1)
    assert (left_out.argmax(axis=1) == labelled).mean() > 0.8
    assert not len(model["recover"])


def test_labels_and_anchors_teach_together(beside_anchors):
    model, held, _ = beside_anchors
    assert model["taught_by"] == ["anchors and labels"]
    assert held.shape == (300, 5)
    assert score(model) > 0.85
    # Labels tell how common the classes are, and those without any example have no chance.
    assert model["prior"][PLACE[0]] > 1.5 * model["prior"][PLACE[2]]
    assert model["prior"][NAMES.index("UNC")] == 0


def test_labels_overrule_wrong_anchors():
    model, *_ = taught.fit_taught(anchors_of(300, turned=True), labels_of(60), NAMES)
    assert score(model) > 0.8
    alone, _ = anchored.fit_anchored(anchors_of(300, turned=True))
    assert score(alone) < 0.2


def test_a_label_left_out_has_not_been_seen():
    labels = labels_of(60)
    *_, before = taught.fit_taught(None, labels, NAMES)
    shuffled = labels | {"share": np.random.default_rng(0).permutation(labels["share"])}
    *_, after = taught.fit_taught(None, shuffled, NAMES)
    right = after.argmax(axis=1) == shuffled["share"].argmax(axis=1)
    # Not better than calling all by the most common class.
    assert right.mean() <= 0.7
    assert (before.argmax(axis=1) == labels["share"].argmax(axis=1)).mean() > 0.8


def test_disagreement_counts_in_parts():
    labels = labels_of(60)
    torn = labels["share"].copy()
    torn[:, PLACE[0]] = 0.5
    torn[:, PLACE[1]] = 0.5
    torn[:, PLACE[2]] = 0
    model, *_ = taught.fit_taught(None, labels | {"share": torn}, NAMES)
    chance, _ = anchored.weigh_anchored(labels["component"], labels["counts"], model)
    np.testing.assert_allclose(chance[:, PLACE[:2]], 0.5, atol=0.06)


def test_few_labels_or_one_class_are_not_enough():
    assert taught.enough_labels(labels_of(60)["share"])
    assert not taught.enough_labels(labels_of(19)["share"])
    assert not taught.enough_labels(np.tile(np.eye(5)[0], (40, 1)))
