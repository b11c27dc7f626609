"""The vote: fitted on a reference, cast on any galaxy, blind to names and order."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from morphovote.errors import InputError
from morphovote.storage import shards
from morphovote.storage.model_files import write_model
from morphovote.vote import bagged
from morphovote.vote.alignment import align, count_votes, pairwise_rand_index, rand_index

GROUPS = 6


@pytest.fixture(scope="module")
def blobs():
    """Components (700, 16) in six groups that touch, and the groups."""
    points, truth = make_blobs(700, 16, centers=GROUPS, cluster_std=4.0, random_state=3)
    return points.astype(np.float32), truth


@pytest.fixture(scope="module")
def voters(blobs):
    return bagged.fit_voters(blobs[0][:400], GROUPS, 0.667, seed=1, voters=12)


@pytest.fixture(scope="module")
def partitions():
    """Labels (9, 200) of nine disturbed copies of one partition, each with its own numbers."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, 200)
    labels = []
    for _ in range(9):
        copy = np.where(rng.random(200) < 0.3, rng.integers(0, 5, 200), truth)
        labels.append(rng.permutation(5)[copy])
    return np.stack(labels)


class TestAlignment:
    def test_partitions_stay_and_numbers_agree(self, partitions):
        aligned = align(partitions, 5)
        for before, after in zip(partitions, aligned, strict=True):
            assert rand_index(before, after) == 1
        share = count_votes(aligned, 5).max(axis=1).mean() / 9
        assert share > 0.7

    @settings(max_examples=15, deadline=None)
    @given(seed=st.integers(0, 10_000))
    def test_names_and_order_of_voters_change_nothing(self, partitions, seed):
        rng = np.random.default_rng(seed)
        order = rng.permutation(9)
        renamed = np.stack([rng.permutation(5)[voter] for voter in partitions[order]])
        np.testing.assert_array_equal(align(renamed, 5), align(partitions, 5)[order])

    def test_groups_are_numbered_by_size(self, partitions):
        votes = count_votes(align(partitions, 5), 5)
        sizes = np.bincount(votes.argmax(axis=1), minlength=5)
        assert (np.diff(sizes) <= 0).all()

    def test_voter_with_fewer_groups_takes_part(self, partitions):
        labels = partitions.copy()
        labels[2] = np.minimum(labels[2], 2)
        aligned = align(labels, 5)
        assert rand_index(aligned[2], labels[2]) == 1
        assert aligned.max() < 5

    @settings(max_examples=20, deadline=None)
    @given(seed=st.integers(0, 10_000), groups=st.integers(1, 6))
    def test_rand_index_is_scikit_learns(self, seed, groups):
        rng = np.random.default_rng(seed)
        first, second = rng.integers(0, groups, (2, 60))
        assert rand_index(first, second) == pytest.approx(adjusted_rand_score(first, second))
        assert pairwise_rand_index(np.stack([first, second]))[0, 1] == pytest.approx(
            rand_index(second, first)
        )


class TestFit:
    def test_groups_are_found(self, blobs, voters):
        points, truth = blobs
        votes = bagged.cast_votes(points, voters)
        kept = votes["kept"]
        assert 0.5 < kept.mean() <= 1
        assert adjusted_rand_score(truth[kept], votes["group"][kept]) > 0.9

    def test_every_voter_labels_every_reference_galaxy(self, voters):
        assert voters.labels.shape == (12, 400)
        assert voters.labels.min() == 0
        assert voters.labels.max() == GROUPS - 1
        assert voters.algorithms[:4] == ["kmeans", "ward", "birch", "kmeans"]

    @pytest.mark.slow
    def test_processes_do_not_change_the_result(self, blobs, monkeypatch):
        monkeypatch.setattr(bagged, "SMALL_BAG", 0)
        one, two = (
            bagged.fit_voters(blobs[0][:200], GROUPS, 0.667, 5, voters=4, threads=threads)
            for threads in (1, 2)
        )
        np.testing.assert_array_equal(one.labels, two.labels)

    def test_relabelling_a_voter_changes_nothing(self, blobs, voters, monkeypatch):
        rng = np.random.default_rng(0)
        cluster = bagged.cluster
        monkeypatch.setattr(
            bagged,
            "cluster",
            lambda points, groups, *rest: rng.permutation(groups)[cluster(points, groups, *rest)],
        )
        renamed = bagged.fit_voters(blobs[0][:400], GROUPS, 0.667, seed=1, voters=12)
        np.testing.assert_array_equal(renamed.labels, voters.labels)

    def test_seed_changes_the_bags(self, blobs):
        one, two = (bagged.fit_voters(blobs[0][:200], 8, 0.667, s, voters=4) for s in (0, 1))
        assert not np.array_equal(one.labels, two.labels)

    def test_too_many_groups_are_refused_with_a_number_to_take(self):
        points = np.random.default_rng(0).normal(size=(30, 4))
        with pytest.raises(InputError, match=r"voting\.groups is 20.*30 galaxies"):
            bagged.fit_voters(points, 20, 0.667, 0)

    def test_few_galaxies_are_enough_where_groups_are_few(self):
        points = np.random.default_rng(0).normal(size=(12, 3))
        fitted = bagged.fit_voters(points, 3, 0.667, 0, voters=6)
        votes = bagged.cast_votes(points, fitted)
        assert (votes["counts"].sum(axis=1) == 6).all()

    def test_copies_of_one_galaxy_do_no_harm(self):
        points = np.repeat(np.random.default_rng(0).normal(size=(10, 3)), 30, axis=0)
        fitted = bagged.fit_voters(points, 5, 0.667, 0, voters=6)
        votes = bagged.cast_votes(points, fitted)
        assert np.isfinite(votes["distance"]).all()
        for start in range(0, 300, 30):
            assert len(set(votes["group"][start : start + 30])) == 1

    def test_galaxy_outside_a_bag_takes_its_nearest_members_label(self):
        reference = np.array([[0.0], [1.0], [10.0], [11.0], [0.4], [10.6]])
        graph, distance = bagged.reference_graph(reference)
        bag = np.array([0, 1, 2, 3])
        labels = bagged.spread_labels(reference, graph, distance, bag, np.array([3, 3, 7, 7]))
        np.testing.assert_array_equal(labels, [3, 3, 7, 7, 3, 7])

    def test_galaxy_with_no_member_in_its_graph_is_searched_for(self):
        reference = np.array([[0.0], [0.1], [0.2], [9.0], [5.0]])
        graph, distance = bagged.reference_graph(reference)
        # As if the graph held one neighbour each: that of 0.1 is outside the bag.
        labels = bagged.spread_labels(
            reference, graph[:, :1], distance[:, :1], np.array([3, 4]), np.array([1, 2])
        )
        np.testing.assert_array_equal(labels, [2, 2, 2, 1, 2])


class TestCast:
    def test_votes_add_up(self, blobs, voters):
        votes = bagged.cast_votes(blobs[0], voters)
        counts = votes["counts"]
        assert (counts.sum(axis=1) == 12).all()
        np.testing.assert_array_equal(votes["group"], counts.argmax(axis=1))
        np.testing.assert_allclose(votes["vote_fraction"], counts.max(axis=1) / 12)
        np.testing.assert_array_equal(votes["kept"], counts.max(axis=1) >= 8)
        second = votes["group_second"]
        unanimous = counts.max(axis=1) == 12
        assert (second[unanimous] == -1).all()
        assert (second[~unanimous] != votes["group"][~unanimous]).all()
        assert (counts[np.flatnonzero(~unanimous), second[~unanimous]] > 0).all()

    def test_one_neighbour_search_serves_all_voters(self, blobs, voters, monkeypatch):
        searches = []

        def search(queries, reference, count):
            searches.append((len(queries), len(reference)))
            return nearest(queries, reference, count)

        nearest = bagged.nearest
        monkeypatch.setattr(bagged, "nearest", search)
        bagged.cast_votes(blobs[0], voters)
        assert searches == [(700, 400)]
        searches.clear()
        bagged.fit_voters(blobs[0][:400], GROUPS, 0.667, seed=1, voters=12)
        assert searches == [(400, 400)]

    def test_member_of_the_reference_keeps_its_own_votes(self, blobs, voters):
        votes = bagged.cast_votes(blobs[0][:400], voters)
        np.testing.assert_array_equal(votes["counts"], count_votes(voters.labels, GROUPS))
        assert (votes["distance"] > 0).all()

    def test_row_is_alone_to_the_bit(self, blobs, voters):
        points = blobs[0].copy()
        points[5] = np.nan
        together = bagged.cast_votes(points, voters)
        order = np.random.default_rng(0).permutation(len(points))
        shuffled = bagged.cast_votes(points[order], voters)
        parts = [bagged.cast_votes(points[i : i + 23], voters) for i in range(0, len(points), 23)]
        for name, values in together.items():
            np.testing.assert_array_equal(shuffled[name], values[order])
            np.testing.assert_array_equal(np.concatenate([p[name] for p in parts]), values)

    def test_galaxy_without_data_has_no_group(self, blobs, voters):
        points = blobs[0][:3].copy()
        points[1, 2] = np.nan
        votes = bagged.cast_votes(points, voters)
        assert votes["group"][1] == votes["group_second"][1] == -1
        assert np.isnan(votes["vote_fraction"][1])
        assert not votes["kept"][1]
        assert not votes["outlier"][1]
        assert votes["counts"][1].sum() == 0

    def test_outliers_are_the_strange_ones(self, blobs, voters):
        points, _ = blobs
        normal = bagged.cast_votes(points[400:], voters)
        assert normal["outlier"].mean() < 0.01
        strange = bagged.cast_votes(points[:20] + 60, voters)
        assert strange["outlier"].all()

    def test_two_thirds_means_two_thirds(self, blobs, voters):
        # 8 of 12 voters are 0.6667, below the config's 0.667 by rounding only.
        votes = bagged.cast_votes(blobs[0], voters)
        reached = votes["counts"].max(axis=1) == 8
        assert reached.any()
        assert votes["kept"][reached].all()

    def test_votes_do_not_depend_on_which_galaxies_are_in_the_reference(self, blobs, voters):
        # Members and others are kept about equally often: hubs would draw the others to them.
        votes = bagged.cast_votes(blobs[0], voters)
        inside, outside = votes["kept"][:400].mean(), votes["kept"][400:].mean()
        assert abs(inside - outside) < 0.12


class TestFiles:
    @pytest.fixture
    def field(self, blobs, tmp_path):
        points = blobs[0].copy()
        points[9] = np.nan
        rows = np.arange(len(points))
        path = tmp_path / "components.h5"
        arrays = {"row": rows, "id": rows.astype(str), "component": points}
        shards.write_shard(path, arrays, {"pca": "p1", "encoder": "e1"})
        model = tmp_path / "voters.h5"
        bagged.fit_voters_file(path, model, 6, 0.667, seed=0, voters=6, threads=1)
        calibration = tmp_path / "confidence.h5"
        table = {"confidence": np.linspace(0, 0.9, 7)}
        write_model(calibration, "confidence", table, {"pca": "p1"})
        return path, model, calibration, points

    def test_saved_vote_is_the_same_vote(self, field, tmp_path, monkeypatch):
        path, model, calibration, points = field
        fitted, _ = bagged.load_voters(model)
        monkeypatch.setattr(bagged, "BATCH", 111)
        bagged.cast_votes_file(path, model, calibration, tmp_path / "votes.h5")
        found = shards.read_shard(tmp_path / "votes.h5")
        votes = bagged.cast_votes(points, fitted)
        for name, values in votes.items():
            np.testing.assert_array_equal(found[name], values)
        np.testing.assert_allclose(
            found["vote_confidence"], 0.9 * votes["vote_fraction"], rtol=1e-6
        )
        assert np.isnan(found["vote_confidence"][9])
        attributes = shards.read_attributes(tmp_path / "votes.h5")
        assert attributes["voters"] == fitted.digest
        assert attributes["groups"] == 6
        assert fitted.reference.shape == (699, 16)

    def test_components_of_another_pca_are_refused(self, field, tmp_path):
        path, model, calibration, _ = field
        with h5py.File(path, "a") as file:
            file.attrs["pca"] = np.bytes_("p2")
        with pytest.raises(InputError, match="PCA p1"):
            bagged.cast_votes_file(path, model, calibration, tmp_path / "votes.h5")

    def test_confidence_of_another_model_is_refused(self, field, tmp_path):
        path, model, calibration, _ = field
        write_model(calibration, "confidence", {"confidence": np.zeros(7)}, {"pca": "p2"})
        with pytest.raises(InputError, match="PCA p2"):
            bagged.cast_votes_file(path, model, calibration, tmp_path / "votes.h5")
        write_model(calibration, "confidence", {"confidence": np.zeros(9)}, {"pca": "p1"})
        with pytest.raises(InputError, match="6 voters"):
            bagged.cast_votes_file(path, model, calibration, tmp_path / "votes.h5")

    def test_damaged_votes_are_named(self, field):
        _, model, _, _ = field
        with h5py.File(model, "a") as file:
            file["labels"][0, 0] = 99
        with pytest.raises(InputError, match="'labels'"):
            bagged.load_voters(model)
