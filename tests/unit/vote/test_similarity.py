"""Similar galaxies: against brute force, blind to batches and order."""

import numpy as np
import pytest

from morphovote.errors import InputError
from morphovote.storage import shards
from morphovote.vote import similarity
from morphovote.vote.strangeness import fit_strangeness_file, load_reference, strangeness


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


def test_candidates_are_bounded_and_hold_the_strangest():
    isolated = np.r_[np.arange(100.0), np.nan]
    assert similarity.choose_candidates(isolated, 0).tolist() == [1] * 100 + [0]
    few = similarity.choose_candidates(isolated, 0, limit=30, strangest=5)
    assert (few > 0)[95:100].all()
    assert 25 <= (few > 0).sum() <= 30
    assert few[-1] == 0


def test_file_of_a_field(tmp_path, points):
    rows = np.arange(300) + 5
    table = {"row": rows, "id": [f"g{i}" for i in rows], "component": points}
    shards.write_shard(tmp_path / "components.h5", table, {"pca": "p"})
    # Pictures that say something else than the components.
    pictures = np.random.default_rng(8).normal(size=(300, 4)).astype("f2")
    pictures[20], pictures[11] = 9, np.nan
    parts = [tmp_path / f"{i}.h5" for i in range(2)]
    for path, part in zip(parts, np.split(np.arange(300), [170]), strict=True):
        arrays = {"row": rows[part], "id": rows[part].astype(str), "picture": pictures[part]}
        shards.write_shard(path, arrays, {"polar": "moments"})
    fit_strangeness_file(parts[:1], tmp_path / "strangeness.h5", seed=0)
    reference = load_reference(tmp_path / "strangeness.h5")
    assert len(reference["picture"]) == 169
    files = (tmp_path / "components.h5", parts, tmp_path / "strangeness.h5")
    similarity.find_neighbours_file(*files, tmp_path / "neighbours.h5", seed=0)
    found = shards.read_shard(tmp_path / "neighbours.h5")
    np.testing.assert_array_equal(found["row"], rows)
    assert found["strangeness"][20] == pytest.approx(168 / 169)
    alone = strangeness(pictures[[7, 250]], reference)
    np.testing.assert_array_equal(found["strangeness"][[7, 250]], alone)
    assert np.isnan(found["strangeness"][11])
    assert found["candidate"].sum() == 299
    away = brute(points[np.arange(300) != 11], np.arange(299))
    assert found["distance"][0, 0] == pytest.approx(np.nanmin(away[0]), rel=1e-5)
    assert set(found["neighbour"][0]) <= set(rows.tolist())
    assert shards.read_attributes(tmp_path / "neighbours.h5")["pca"] == "p"
    with pytest.raises(InputError, match="rows are not those of the embeddings"):
        similarity.find_neighbours_file(files[0], parts[:1], files[2], tmp_path / "n.h5", seed=0)
