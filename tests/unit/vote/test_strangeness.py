"""Strange galaxies: against brute force, blind to batches."""

import numpy as np
import pytest

from morphovote.compute.neighbours import isolation
from morphovote.errors import InputError
from morphovote.storage.model_files import write_model
from morphovote.vote.strangeness import load_reference, rank_strangeness


@pytest.fixture(scope="module")
def points():
    cloud = np.random.default_rng(5).normal(size=(300, 6))
    cloud[7] = 30
    cloud[11, 2] = np.nan
    return cloud.astype(np.float16)


def test_strangeness_is_the_share_of_the_reference_that_is_less_isolated(points):
    reference = points[np.isfinite(points).all(axis=1)][:200]
    isolated = isolation(points, reference, 5)
    own = isolation(reference, reference, 5)
    strange = rank_strangeness(isolated, own)
    assert strange[7] == pytest.approx(199 / 200)  # a member of the reference is not below itself
    assert np.isnan(strange[11])
    i = 250
    assert strange[i] == pytest.approx((own < isolated[i]).mean())
    away = np.sort(np.linalg.norm(reference.astype(float) - points[i], axis=1))
    assert isolated[i] == pytest.approx(away[:5].mean(), rel=1e-5)
    beyond = isolation(np.full((1, 6), 90.0), reference, 5)
    assert rank_strangeness(beyond, own) == 1


def test_result_does_not_depend_on_the_batch(points):
    whole = isolation(points, points[20:120], 5)
    np.testing.assert_array_equal(isolation(points[40:43], points[20:120], 5), whole[40:43])


def test_a_reference_of_another_kind_is_refused(tmp_path):
    write_model(tmp_path / "strangeness.h5", "pca", {"picture": np.ones((3, 2))}, {})
    with pytest.raises(InputError, match="'kind' is 'pca', expected 'strangeness'"):
        load_reference(tmp_path / "strangeness.h5")
