"""Names of groups from the anchors in them."""

import numpy as np
import pytest

from morphovote.groups.by_anchors import add_medians, is_weak, suggest_by_anchors

GROUPS = 4


@pytest.fixture
def anchors():
    """Forty spheroids in group 0, thirty discs in 1 with ten spheroids, two irregulars in 2."""
    kinds = ["SPH"] * 40 + ["LTD"] * 30 + ["SPH"] * 10 + ["IRR"] * 2
    group = np.array([0] * 40 + [1] * 40 + [2] * 2)
    place = np.array([[0.0, 0], [10, 0], [0, 10], [30, 30]])[group]
    rng = np.random.default_rng(0)
    return {
        "class": np.array(kinds),
        "group": group,
        "component": place + rng.normal(size=place.shape),
    }


def field(numbers):
    """Group, kept and components of a field with so many galaxies in each group."""
    group = np.repeat(np.arange(GROUPS), numbers)
    place = np.array([[0.0, 0], [10, 0], [0.5, 1.0], [30, 30]])[group]
    return group, np.ones(len(group), bool), place


def test_groups_take_the_class_of_their_anchors(anchors):
    found = suggest_by_anchors(*field([100, 100, 20, 0]), GROUPS, anchors)
    assert [found[number]["class"] for number in range(GROUPS)] == ["SPH", "LTD", "SPH", "UNC"]
    assert found[0]["purity"] == 1
    assert 0.5 < found[1]["purity"] < 0.95
    assert found[1]["anchors"] == 40
    assert "of the 40 anchors in the group" in found[1]["reason"]
    # Too few of its own: the nearest ones are spheroids.
    assert "nearest" in found[2]["reason"]
    assert "holds 2" in found[2]["reason"]
    assert found[3]["reason"] == "no members"


def test_classes_count_alike_however_many_anchors_they_have(anchors):
    more = {name: np.concatenate([values, values[:80]]) for name, values in anchors.items()}
    first, second = (suggest_by_anchors(*field([9] * 4), GROUPS, one) for one in (anchors, more))
    assert [first[n]["class"] for n in range(3)] == [second[n]["class"] for n in range(3)]
    assert first[1]["purity"] == pytest.approx(second[1]["purity"], abs=0.02)


def test_medians_stand_beside_as_a_check():
    by_anchors = {0: {"class": "SPH", "reason": "80 %", "anchors": 9, "purity": 0.8}}
    by_medians = {0: {"class": "ETD", "reason": "n 1.9", "galaxies": 12, "medians": {"snr": 9.0}}}
    (entry,) = add_medians(by_anchors, by_medians).values()
    assert entry["class"] == "SPH"
    assert entry["medians_say"] == "ETD"
    assert entry["reason"] == "80 %; the medians say ETD (n 1.9)"
    assert (entry["galaxies"], entry["medians"]) == (12, {"snr": 9.0})
    by_medians[0]["class"] = "SPH"
    assert "the medians agree" in add_medians(by_anchors, by_medians)[0]["reason"]


@pytest.mark.parametrize(
    ("entry", "weak"),
    [({"purity": 0.49}, True), ({"purity": 0.5}, False), ({"purity": None}, False), ({}, False)],
)
def test_a_name_for_less_than_half_of_the_anchors_is_weak(entry, weak):
    assert is_weak(entry) is weak
