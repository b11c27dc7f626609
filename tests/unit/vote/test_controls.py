"""Controls of the vote."""

import json

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from morphovote.storage import shards
from morphovote.vote import algorithms
from morphovote.vote import controls as vote_controls

GROUPS = 8


@pytest.fixture(scope="module")
def blobs():
    points, _ = make_blobs(300, 12, centers=GROUPS, cluster_std=2.0, random_state=0)
    return points.astype(np.float32)


@pytest.fixture(scope="module")
def controls(blobs):
    return vote_controls.check_vote(blobs, GROUPS, 0.667, seed=0, voters=9)[0]


class TestNull:
    def test_has_the_mean_and_covariance_of_the_data(self):
        rng = np.random.default_rng(0)
        data = rng.normal(size=(20_000, 5)) @ rng.normal(size=(5, 5)) + 10
        null = vote_controls.null_sample(data, seed=1)
        assert null.shape == data.shape
        np.testing.assert_allclose(null.mean(axis=0), data.mean(axis=0), atol=0.1)
        np.testing.assert_allclose(np.cov(null.T), np.cov(data.T), atol=0.25)

    def test_has_no_groups(self, blobs):
        # Kurtosis of two-sided data is far below that of a Gaussian along the first component.
        data = np.concatenate([blobs[:150] + 40, blobs[:150] - 40])
        null = vote_controls.null_sample(data, seed=0)
        assert np.abs(data.sum(axis=1)).min() > 100
        assert np.abs(null.sum(axis=1)).min() < 100

    def test_follows_its_seed(self, blobs):
        first, same, other = (vote_controls.null_sample(blobs, seed) for seed in (0, 0, 1))
        np.testing.assert_array_equal(first, same)
        assert not np.array_equal(first, other)


class TestControls:
    def test_groups_are_kept_and_noise_is_not(self, controls):
        assert controls["data"]["mean"] > 0.8
        assert controls["null"]["mean"] < 0.5
        expected = controls["data"]["mean"] / controls["null"]["mean"]
        assert controls["ratio"]["value"] == pytest.approx(expected)
        assert controls["ratio"]["low"] < expected < controls["ratio"]["high"]
        assert len(controls["nulls"]["gaussian"]) == vote_controls.DRAWS >= 5

    def test_noise_as_data_is_called_no_more_than_chance(self):
        noise = np.random.default_rng(0).normal(size=(200, 10))
        found, _ = vote_controls.check_vote(noise, 8, 0.667, seed=0, voters=6)
        assert 0.5 < found["ratio"]["value"] < 1.5
        assert "hardly more than chance" in found["sentence"]

    def test_seeds_agree_on_clear_groups(self, controls):
        assert controls["seed_ari"] > 0.8
        assert controls["seeds"]["ari_kept"]["mean"] >= controls["seed_ari"]
        pairs = (1 + vote_controls.OTHER_SEEDS) * vote_controls.OTHER_SEEDS // 2
        assert len(controls["seeds"]["ari_all"]["pairs"]) == pairs

    def test_groups_are_matched_across_seeds(self):
        groups = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
        disturbed = groups.copy()
        disturbed[0] = 2
        runs = [
            {"group": np.array(names)[labels], "kept": np.ones(10, bool)}
            for names, labels in (
                ([0, 1, 2], groups),
                ([2, 0, 1], groups),
                ([1, 2, 0], groups),
                ([0, 2, 1], disturbed),
            )
        ]
        found, galaxies = vote_controls.seed_stability(runs, 3)
        np.testing.assert_allclose(galaxies[:, 1], [0.75, *[1] * 9])
        assert len(set(galaxies[:, 0])) == 3
        assert found["stability"] == pytest.approx(0.975)
        assert found["same_group_kept"] == pytest.approx(0.9)

    def test_histogram_is_of_votes(self, controls):
        for kind in ("data", "null"):
            shares = controls["vote_histogram"][kind]
            assert len(shares) == 10
            assert sum(shares) == pytest.approx(1)
            assert sum(shares[6:]) == pytest.approx(controls[kind]["mean"])

    def test_algorithms_are_told_apart_or_not(self, monkeypatch):
        noise = np.random.default_rng(0).normal(size=(200, 10)).astype(np.float32)
        _, distinct = vote_controls.compare_algorithms(noise, 6, seed=0)
        assert distinct == [["kmeans"], ["ward"], ["birch"]]
        # BIRCH with a threshold that makes no sub-clusters is Ward, and has to be found out.
        monkeypatch.setattr(algorithms, "birch_threshold", lambda points, groups: 1e-3)
        likeness, distinct = vote_controls.compare_algorithms(noise, 6, seed=0)
        assert likeness["ward-birch"] > 0.98
        assert distinct == [["kmeans"], ["ward", "birch"]]

    def test_voters_of_one_algorithm_are_compared_with_each_other(self):
        labels = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 1, 0, 1], [1, 1, 0, 0]])
        mean, pairs, matrix = vote_controls.voter_likeness(
            labels, ["kmeans", "ward", "birch", "kmeans"]
        )
        assert pairs["kmeans-kmeans"] == 1
        assert pairs["kmeans-ward"] == 1
        assert pairs["kmeans-birch"] < 0.1
        assert "ward-ward" not in pairs
        assert mean < 1
        assert matrix[0, 1] == matrix[1, 0] == 1

    def test_interval_covers_the_mean(self):
        found = vote_controls.mean_interval([0.1, 0.12, 0.11, 0.09, 0.13])
        assert found["low"] == pytest.approx(0.11 - 2.776 * 0.0070711, abs=1e-4)
        assert found["mean"] == pytest.approx(0.11)
        assert vote_controls.mean_interval([0.0, 0.0])["low"] == 0

    def test_null_that_keeps_nothing_has_no_ratio(self, controls):
        nothing = controls | {"ratio": {"value": None, "low": None, "high": None}}
        assert vote_controls._ratio(controls["data"], vote_controls.mean_interval([0.0, 0.0])) == {
            "value": None,
            "low": None,
            "high": None,
        }
        assert "times" not in vote_controls.describe_controls(nothing)


def test_file_is_json_with_the_size_of_the_sample(blobs, tmp_path, monkeypatch):
    monkeypatch.setattr(vote_controls, "SAMPLE", 120)
    rows = np.arange(len(blobs))
    points = blobs.copy()
    points[0] = np.nan
    arrays = {"row": rows, "id": rows.astype(str), "component": points}
    shards.write_shard(tmp_path / "components.h5", arrays)
    settings = {"groups": 5, "agreement": 0.667, "seed": 0, "voters": 3, "threads": 1}
    vote_controls.check_vote_file(
        tmp_path / "components.h5", tmp_path / "c.json", tmp_path / "s.csv", **settings
    )
    found = json.loads((tmp_path / "c.json").read_text())
    assert found["galaxies"] == 120
    assert found["field_galaxies"] == 299
    assert found["sentence"].startswith("The vote keeps")
    assert isinstance(found["voter_ari"], float)
    assert np.shape(found["voter_ari_pairs"]["ari"]) == (3, 3)
    seeds = np.genfromtxt(tmp_path / "s.csv", delimiter=",", names=True)
    assert len(seeds) == len(set(seeds["row"])) == 120
    assert 0 not in seeds["row"]
    assert seeds["stability"].mean() == pytest.approx(found["seeds"]["stability"])
