"""An encoder that learns a field: what is held out, and how before and after are compared."""

import numpy as np
import pytest

from morphovote.classify.labels import Labels
from morphovote.errors import InputError
from morphovote.pretrain import adaptation


def views_of(count):
    row = np.arange(count)
    image = np.zeros((count, 4, 64, 96), np.uint8)
    image[:, 0, 0, 0] = row % 251
    return {"row": row, "id": row.astype(str).astype(object), "image": image}


def test_a_tenth_is_held_out():
    learnt, held = adaptation.split_views(views_of(2400))
    assert len(held["row"]) == 240
    assert len(learnt["row"]) == 2160
    assert not set(held["row"]) & set(learnt["row"])


def test_a_small_field_is_refused():
    with pytest.raises(InputError, match=r"Only 100 galaxies.*2000"):
        adaptation.split_views(views_of(100))


def test_retrieval_counts_galaxies_that_are_found():
    near = np.random.default_rng(0).standard_normal((50, 8))
    assert adaptation.retrieval(near, 3 * near - 2 * near.mean(0)) == 1
    swapped = near[np.r_[1, 0, 2:50]]
    assert adaptation.retrieval(near, swapped) == pytest.approx(48 / 50)


def test_accuracy_of_labels_is_by_class():
    rng = np.random.default_rng(1)
    classes = np.repeat(["SPH", "LTD", "IRR"], [60, 20, 2])
    points = rng.standard_normal((82, 3))
    points[60:80, 0] += 8
    assert adaptation.label_accuracy(points, classes) > 0.95
    # Without structure a class that is as common as all others together does not help.
    assert adaptation.label_accuracy(rng.standard_normal((82, 3)), classes) < 0.75
    assert np.isnan(adaptation.label_accuracy(points[:60], classes[:60]))


def test_labelled_images_are_those_of_the_galaxies():
    views = views_of(20)
    labels = Labels(
        np.array([3, 7, 90]), ["IRR", "SPH"], np.array([[2, 1], [0, 1], [1, 0]]),
        np.zeros(3, bool), False, [],
    )  # fmt: skip
    images, classes = adaptation.labelled_images(views, labels)
    assert images[:, 0, 0].tolist() == [3, 7]
    assert classes.tolist() == ["IRR", "SPH"]
    assert adaptation.labelled_images(views, labels._replace(row=np.array([88, 89, 90]))) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"retrieval": 0.5}, "helped: retrieval 0.30 to 0.50, seeds 0.60 to 0.60"),
        ({}, "did not help"),
        ({"retrieval": 0.5, "seeds": 0.4}, "made it worse (seeds)"),
    ],
)
def test_what_is_said_of_the_training(change, says):
    before = {"retrieval": 0.3, "components": 20, "kept": 0.5, "null": 0.1, "seeds": 0.6}
    rows, sentence = adaptation.compare_encoders(before, before | change)
    assert says in sentence
    assert [row["quantity"] for row in rows] == list(before)
    assert rows[0]["after"] == change.get("retrieval", 0.3)
