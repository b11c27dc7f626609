"""Galaxies classified by eye: reading them, people who disagree, and what wins."""

import numpy as np
import pytest
from astropy.table import Table

from morphovote.classify import labels
from morphovote.classify.classes import CLASSES
from morphovote.errors import InputError

IDS = np.array(["a", "b", "c", "7"], dtype=object)


def write(folder, name="eye.csv", **columns):
    path = folder / name
    Table(columns).write(path, overwrite=True)
    return path


def test_people_are_counted_by_galaxy(tmp_path):
    first = write(
        tmp_path, "ann.csv", ID=["c", "x", "a", "b"], CLASS=["sph", "IRR", "cannot tell", ""]
    )
    second = write(tmp_path, "bob.csv", ID=["c", "7.0"], CLASS=["ETD", "LTD"], RANDOM=["yes", "no"])
    found = labels.read_labels([first, second], IDS)
    assert found.row.tolist() == [0, 2, 3]
    assert found.names == list(CLASSES)
    np.testing.assert_array_equal(found.votes[1], [1, 1, 0, 0, 0])
    np.testing.assert_array_equal(found.share.sum(axis=1), 1)
    assert found.names[found.votes[0].argmax()] == "UNC"
    assert found.random.tolist() == [False, True, False]
    assert found.says_random
    assert (2, "ann", "SPH") in found.answers


def test_labels_are_told_in_a_sentence_before_the_sources_are_known(tmp_path):
    path = write(tmp_path, ID=["a", "x"], CLASS=["sph", "IRR"], RANDOM=["yes", "no"])
    said = labels.describe_labels([path], IDS)
    assert said == "labels: 1 galaxies by 1 people (SPH 1); 1 of them drawn at random"
    assert "2 galaxies by 1 people (IRR 1, SPH 1)" in labels.describe_labels([path], None)
    wrong = write(tmp_path, "wrong.csv", ID=["a"], CLASS=["SHP"])
    with pytest.raises(InputError, match=r"SHP.*Did you mean SPH"):
        labels.describe_labels([wrong], IDS)


def test_own_classes_are_known_by_the_file_of_names_or_by_their_number(tmp_path):
    few = write(tmp_path, ID=["a", "b", "c"], CLASS=["RING", "SPH", "SPH"])
    with pytest.raises(InputError, match="'RING'"):
        labels.read_labels([few], IDS)
    assert labels.read_labels([few], IDS, {"RING"}).names == [*CLASSES, "RING"]
    many = write(tmp_path, ID=["a", "b", "c"], CLASS=["RING", "RING", "RING"])
    assert labels.read_labels([many], IDS).names == [*CLASSES, "RING"]


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"ID": [9], "CLASS": ["SPH"]}, "none of its 1 IDs"),
        ({"ID": ["a"], "CLASS": [""]}, "none of its 0 IDs"),
        ({"ID": ["a", "a"], "CLASS": ["SPH", "LTD"]}, "SPH in another row of the same person"),
        ({"ID": ["a"], "CLASS": ["a spheroid"]}, "'a spheroid'"),
        ({"ID": ["a"], "CLASS": ["SPHE"]}, "Did you mean SPH"),
        ({"ID": ["a"], "KIND": ["SPH"]}, "no column CLASS, only ID, KIND"),
        ({"ID": ["a"], "CLASS": ["SPH"], "RANDOM": ["perhaps"]}, "RANDOM holds 'perhaps'"),
    ],
)
def test_what_cannot_be_used(table, complaint, tmp_path):
    with pytest.raises(InputError, match=complaint):
        labels.read_labels([write(tmp_path, **table)], IDS)


def test_the_same_answer_twice_counts_once(tmp_path):
    path = write(tmp_path, ID=["a", "a"], CLASS=["SPH", "SPH"], RANDOM=[False, True])
    found = labels.read_labels([path], IDS)
    assert found.votes.sum() == 1
    assert found.random.all()


def classified():
    """What vote and classifier say of three galaxies, the last without data."""
    found = {f"p_{name}": np.array([0, 0, np.nan], np.float32) for name in CLASSES}
    found["p_ETD"][:2] = 0.9, 0.6
    found["p_SPH"][:2] = 0.1, 0.4
    return found | {
        "class": np.array(["ETD", "ETD", ""], dtype=object),
        "class_prob": np.array([0.9, 0.6, np.nan], np.float32),
        "class_second": np.array(["SPH", "SPH", ""], dtype=object),
        "class_origin": np.array(["vote", "anchors", "none"], dtype=object),
        "class_reason": np.array(["", "", "no data"], dtype=object),
    }


def test_the_label_of_a_person_wins(tmp_path):
    ann = write(tmp_path, "ann.csv", ID=["a", "b", "c"], CLASS=["IRR", "SPH", "RING"])
    bob = write(tmp_path, "bob.csv", ID=["b"], CLASS=["ETD"])
    given = labels.read_labels([ann, bob], IDS[:3], {"RING"})
    found = labels.put_labels(classified(), given, list(CLASSES))
    # People disagree about the second: the classifier decides.
    assert found["class"].tolist() == ["IRR", "ETD", "RING"]
    assert found["class_origin"].tolist() == ["labels"] * 3
    assert found["class_second"].tolist() == ["ETD", "SPH", ""]
    assert found["class_reason"][2] == ""
    chances = np.array([found[f"p_{name}"] for name in given.names])
    np.testing.assert_allclose(chances.sum(axis=0), 1, rtol=1e-6)
    np.testing.assert_allclose(chances.max(axis=0), found["class_prob"])
    assert found["class_prob"][0] >= 0.8
    assert found["class_prob"][1] < 0.6


def test_kappa_of_two_people_is_that_of_the_textbook():
    # Cohen 1960, in shares of 200: both normal 106 and so on, kappa 0.492.
    table = np.array([[88, 10, 2], [14, 40, 6], [18, 10, 12]])
    answers, row = [], 0
    for i, line in enumerate(table.tolist()):
        for j, count in enumerate(line):
            for _ in range(count):
                answers += [(row, "ann", "ABC"[i]), (row, "bob", "ABC"[j])]
                row += 1
    found = labels.agreement(answers)
    assert found["galaxies"] == 200
    assert found["pairs"][0]["agree"] == pytest.approx(0.70)
    assert found["pairs"][0]["kappa"] == pytest.approx(0.492, abs=1e-3)
    assert found["kappa"] == pytest.approx(0.49, abs=0.01)
    assert labels.agreement([(0, "ann", "A"), (1, "bob", "A")]) is None
