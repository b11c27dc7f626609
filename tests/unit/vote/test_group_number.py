"""How many groups: a recommendation if the data support one, otherwise none."""

import json

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from morphovote.errors import InputError
from morphovote.report.figures import groups as groups_figure
from morphovote.storage import model_files
from morphovote.storage.model_files import write_model
from morphovote.vote import group_number


def scan_row(groups, data, null, stability=(0.3, 0.3, 0.3)):
    """A row of a scan with the given kept fractions of data and null."""

    def entry(values):
        return {"values": list(values), "mean": float(np.mean(values)), "low": 0, "high": 1}

    other = {"silhouette": entry([0.1] * 3), "davies_bouldin": entry([2.0] * 3)}
    return {
        "groups": groups,
        "data": {"kept": entry(data), "stability": entry(stability), **other},
        "null": {"kept": entry(null), "stability": entry([0.1] * 3), **other},
    }


@pytest.fixture(scope="module")
def scan():
    """Of eight groups that are well apart."""
    points, _ = make_blobs(300, 10, centers=8, cluster_std=1.0, random_state=1)
    return group_number.scan_groups(points.astype(np.float32), 0.667, 0, (5, 6, 8, 10, 15, 30, 90))


@pytest.mark.slow
def test_groups_that_are_there_are_counted(scan):
    assert scan["recommended"] == 8
    assert scan["best"]["silhouette"] in (8, 10)
    assert scan["used_by_auto"] == scan["recommended"]
    assert "recommend themselves" in scan["sentence"]


@pytest.mark.slow
def test_numbers_that_leave_too_few_galaxies_a_group_are_left_out(scan):
    assert [row["groups"] for row in scan["rows"]] == [5, 6, 8, 10, 15, 30]


@pytest.mark.slow
def test_noise_recommends_nothing():
    noise = np.random.default_rng(0).normal(size=(300, 10)).astype(np.float32)
    found = group_number.scan_groups(noise, 0.667, 0, (5, 10, 20, 30))
    assert found["recommended"] is None
    assert found["used_by_auto"] == 20
    assert found["sentence"].startswith("No number of groups between 5 and 30 recommends itself")


def test_gain_within_the_nulls_scatter_does_not_count():
    null = (0.1, 0.2, 0.3)
    rows = [scan_row(groups, (0.4, 0.4, 0.4), null) for groups in (5, 10, 20)]
    assert group_number.recommend(rows)["recommended"] is None
    steady = [scan_row(groups, (0.4, 0.4, 0.4), (0.2, 0.2, 0.21)) for groups in (5, 10, 20)]
    assert group_number.recommend(steady)["recommended"] == 5
    # Significant, but hardly more than the null.
    little = [scan_row(groups, (0.23, 0.23, 0.23), (0.2, 0.2, 0.2)) for groups in (5, 10, 20)]
    assert group_number.recommend(little)["recommended"] is None


def test_best_is_taken_and_its_like_are_named():
    null = (0.1, 0.1, 0.11)
    rows = [
        scan_row(5, (0.50, 0.52, 0.54), null),
        scan_row(10, (0.51, 0.53, 0.55), null),
        scan_row(20, (0.505, 0.525, 0.545), null),
        scan_row(40, (0.40, 0.42, 0.44), null),
    ]
    found = group_number.recommend(rows)
    assert found["recommended"] == 10
    assert found["range"] == [5, 20]
    assert "Between 5 and 20" in found["sentence"]
    assert found["best"]["kept"] == 10


def test_too_few_galaxies_are_refused_with_a_number_to_take():
    with pytest.raises(InputError, match="only 30 galaxies"):
        group_number.scan_groups(np.zeros((30, 3)), 0.667, 0)


@pytest.mark.slow
def test_auto_and_frozen_models_read_the_number_from_a_file(tmp_path, scan):
    path = tmp_path / "group_scan.json"
    path.write_text(json.dumps(scan))
    write_model(tmp_path / "voters.h5", "voters", {}, {"groups": 13})
    assert model_files.read_groups(17, []) == 17
    assert model_files.read_groups("auto", [path]) == scan["recommended"]
    assert model_files.read_groups("auto", [tmp_path / "voters.h5"]) == 13


@pytest.mark.slow
def test_figure_has_every_criterion_with_its_interval(scan):
    figure, numbers = groups_figure.plot_groups(scan)
    assert len(figure.axes) == len(group_number.CRITERIA)
    assert len(numbers) == len(scan["rows"]) * (2 * len(group_number.CRITERIA) + 1)
    assert (numbers["low"] <= numbers["value"]).all()
    assert (numbers["high"] >= numbers["value"]).all()
    lines = {line.get_label() for line in figure.axes[0].lines}
    assert "recommended" in lines
    groups_figure.plot_groups(scan | {"recommended": None})
