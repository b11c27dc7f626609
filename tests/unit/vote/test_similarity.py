"""Similar and strange galaxies: against brute force, blind to batches and order."""

import numpy as np
import pytest

from morphovote.compute.neighbours import isolation
from morphovote.storage import shards
from morphovote.vote import bagged, similarity


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(5)
    cloud = rng.normal(size=(300, 6))
    cloud[7] = 30
    cloud[11, 2] = np.nan
    return cloud.astype(np.float32)


def brute(points, rows):
    away = np.linalg.norm(points[:, None].astype(float) - points[None], axis=2)
    away[rows, rows] = np.nan
    return away


def test_neighbours_are_those_of_brute_force_without_itself(points):
    rows = np.arange(300) * 2 + 1
    usable = np.isfinite(points).all(axis=1)
    found, distance = similarity.find_similar(points, rows, points[usable], rows[usable])
    away = brute(points, np.arange(300))
    for i in (0, 7, 100, 299):
        wanted = np.argsort(away[i])[: similarity.LISTED]
        np.testing.assert_array_equal(found[i], rows[wanted])
        np.testing.assert_allclose(distance[i], away[i][wanted], rtol=1e-5)
    assert (found[11] == -1).all()
    assert np.isnan(distance[11]).all()


@pytest.mark.parametrize("count", [0, 1, 3, 24, 25, 26])
def test_few_candidates_leave_places_empty(points, count):
    rows = np.arange(300)
    found, distance = similarity.find_similar(
        points[20:], rows[20:], points[20:][:count], rows[20:][:count]
    )
    listed = (found >= 0).sum(axis=1)
    assert (listed[:count] == min(max(count - 1, 0), similarity.LISTED)).all()
    assert (listed[count:] == min(count, similarity.LISTED)).all()
    assert not (found == rows[20:, None]).any()
    np.testing.assert_array_equal(np.isfinite(distance), found >= 0)


def test_exact_copies_are_listed_but_not_the_galaxy_itself():
    points, rows = np.zeros((40, 3), np.float32), np.arange(40)
    found, _ = similarity.find_similar(points, rows, points, rows)
    assert not (found == rows[:, None]).any()
    assert (found >= 0).all()


def test_strangeness_is_the_share_of_the_reference_that_is_less_isolated(points):
    reference = points[np.isfinite(points).all(axis=1)][:200]
    isolated = isolation(points, reference, 5)
    own = isolation(reference, reference, 5)
    strange = similarity.rank_strangeness(isolated, own)
    assert strange[7] == pytest.approx(199 / 200)  # a member of the reference is not below itself
    assert np.isnan(strange[11])
    i = 250
    assert strange[i] == pytest.approx((own < isolated[i]).mean())
    away = np.sort(np.linalg.norm(reference.astype(float) - points[i], axis=1))
    assert isolated[i] == pytest.approx(away[:5].mean(), rel=1e-5)
    beyond = isolation(np.full((1, 6), 90.0), reference, 5)
    assert similarity.rank_strangeness(beyond, own) == 1


def test_result_does_not_depend_on_the_batch(points):
    whole = isolation(points, points[20:120], 5)
    np.testing.assert_array_equal(isolation(points[40:43], points[20:120], 5), whole[40:43])


def test_candidates_are_bounded_and_hold_the_strangest():
    isolated = np.r_[np.arange(100.0), np.nan]
    assert similarity.choose_candidates(isolated, 0).tolist() == [1] * 100 + [0]
    few = similarity.choose_candidates(isolated, 0, limit=30, strangest=5)
    assert (few > 0)[95:100].all()
    assert 25 <= (few > 0).sum() <= 30
    assert few[-1] == 0


def test_file_of_a_field(tmp_path, points):
    reference = points[np.isfinite(points).all(axis=1)][:120]
    voters = bagged.fit_voters(reference, 3, 0.667, seed=1, voters=3)
    bagged.save_voters(tmp_path / "voters.h5", voters, {})
    rows = np.arange(300) + 5
    table = {"row": rows, "id": [f"g{i}" for i in rows], "component": points}
    shards.write_shard(tmp_path / "components.h5", table, {"pca": "p"})
    files = (tmp_path / "components.h5", tmp_path / "voters.h5", tmp_path / "neighbours.h5")
    similarity.find_neighbours_file(*files, scheme="bagged", seed=0)
    found = shards.read_shard(files[2])
    np.testing.assert_array_equal(found["row"], rows)
    assert found["strangeness"][7] == pytest.approx(119 / 120)
    assert found["candidate"].sum() == 299
    assert set(found["neighbour"][0]) <= set(rows.tolist())
    assert shards.read_attributes(files[2])["pca"] == "p"
