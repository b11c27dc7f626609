"""Clusterings of one bag."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, ward
from scipy.spatial.distance import cdist
from sklearn.datasets import make_blobs

from morphovote.compute.neighbours import nearest
from morphovote.vote import algorithms
from morphovote.vote.alignment import rand_index


@pytest.fixture(scope="module")
def blobs():
    """Points (360, 20) in six clear groups, and the groups."""
    return make_blobs(360, 20, centers=6, cluster_std=1.5, random_state=1)


@pytest.mark.parametrize("algorithm", algorithms.ALGORITHMS)
def test_clear_groups_are_found(blobs, algorithm):
    points, truth = blobs
    threshold = algorithms.birch_threshold(points, 6)
    labels = algorithms.cluster(points, 6, algorithm, 0, threshold)
    assert set(labels) == set(range(6))
    assert rand_index(labels, truth) > 0.95


@pytest.mark.parametrize("algorithm", algorithms.ALGORITHMS)
def test_same_seed_same_labels(blobs, algorithm):
    points, _ = blobs
    first, second = (algorithms.cluster(points, 9, algorithm, 4, 3.0) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_birch_has_far_fewer_subclusters_than_galaxies_and_is_not_ward():
    points = np.random.default_rng(0).normal(size=(400, 30)) * np.arange(1, 31) ** -0.5
    threshold = algorithms.birch_threshold(points, 10)
    number = len(algorithms._tree(points, threshold).subcluster_centers_)
    assert 40 <= number <= 200
    labels = [algorithms.cluster(points, 10, name, 0, threshold) for name in ("birch", "ward")]
    assert rand_index(*labels) < 0.9
    # The default threshold is what makes them one.
    labels = [algorithms.cluster(points, 10, name, 0, 0.01) for name in ("birch", "ward")]
    assert rand_index(*labels) > 0.98


def test_birch_threshold_follows_the_unit_of_the_data(blobs):
    points, _ = blobs
    one, thousand = (algorithms.birch_threshold(points * unit, 6) for unit in (1, 1000))
    assert thousand == pytest.approx(1000 * one, rel=1e-6)


def test_birch_gives_all_groups_even_at_a_coarse_threshold(blobs):
    points, _ = blobs
    labels = algorithms.cluster(points, 20, "birch", 0, 1e3)
    assert len(set(labels)) == 20


def test_weighted_ward_is_ward_at_equal_weights():
    points = np.random.default_rng(2).normal(size=(80, 5))
    found = algorithms._weighted_ward(points, np.ones(80), 7)
    expected = fcluster(ward(points), 7, "maxclust")
    assert rand_index(found, expected) == 1


def test_weighted_ward_counts_a_point_as_often_as_its_weight():
    rng = np.random.default_rng(3)
    points, weights = rng.normal(size=(40, 3)), rng.integers(1, 6, 40)
    repeated = fcluster(ward(np.repeat(points, weights, axis=0)), 5, "maxclust")
    first = np.cumsum(weights) - weights
    found = algorithms._weighted_ward(points, weights.astype(float), 5)
    assert rand_index(found, repeated[first]) == 1


def test_unknown_algorithm(blobs):
    with pytest.raises(ValueError, match="spectral"):
        algorithms.cluster(blobs[0], 3, "spectral", 0, 1.0)


class TestNearest:
    def test_finds_what_all_distances_give(self):
        rng = np.random.default_rng(0)
        queries, reference = rng.normal(size=(700, 12)) + 100, rng.normal(size=(900, 12)) + 100
        index, distance = nearest(queries, reference, 7)
        every = cdist(queries, reference)
        np.testing.assert_allclose(distance, np.sort(every, axis=1)[:, :7], rtol=1e-12)
        np.testing.assert_allclose(np.take_along_axis(every, index, 1), distance, rtol=1e-12)

    def test_query_is_alone_to_the_bit(self):
        rng = np.random.default_rng(1)
        queries, reference = rng.normal(size=(1100, 33)), rng.normal(size=(500, 33))
        index, distance = nearest(queries, reference, 6)
        order = rng.permutation(1100)
        shuffled = nearest(queries[order], reference, 6)
        np.testing.assert_array_equal(shuffled[0], index[order])
        np.testing.assert_array_equal(shuffled[1], distance[order])
        alone = nearest(queries[1099:], reference, 6)
        np.testing.assert_array_equal(alone[1][0], distance[1099])

    def test_equal_points_come_in_order_and_few_are_enough(self):
        reference = np.zeros((4, 3))
        index, distance = nearest(np.ones((2, 3)), reference, 9)
        np.testing.assert_array_equal(index, [[0, 1, 2, 3]] * 2)
        np.testing.assert_allclose(distance, np.sqrt(3))
