"""Principal components: fitted on a sample, applied row by row."""

import h5py
import numpy as np
import pytest

from morphovote.errors import InputError
from morphovote.reduce import pca
from morphovote.storage import shards
from morphovote.storage.rows import sample_rows

RNG = np.random.default_rng(0)
LOADINGS = RNG.normal(size=(6, 40))


def draw(number, seed=1):
    """Embeddings (number, 40) with six directions of decreasing variance and a little noise."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(number, 6)) * 2.0 ** -np.arange(6)
    noise = 0.01 * rng.normal(size=(number, 40))
    return (5 + scores @ LOADINGS + noise).astype(np.float32)


def write(path, embedding, first_row=0, **attributes):
    rows = first_row + np.arange(len(embedding))
    made_by = {"encoder": "aaa", "rotations": 1, "name": "convnext", "weights": "random"}
    arrays = {"row": rows, "id": rows.astype(str), "embedding": embedding}
    shards.write_shard(path, arrays, made_by | attributes)
    return path


@pytest.fixture
def field(tmp_path):
    """Two shards with 150 galaxies, one of them without data, and the fitted PCA."""
    embedding = draw(150)
    embedding[17] = np.nan
    paths = [
        write(tmp_path / "0.h5", embedding[:100]),
        write(tmp_path / "1.h5", embedding[100:], first_row=100),
    ]
    model = tmp_path / "model" / "pca.h5"
    pca.fit_pca_shards(paths, model, 0.95, seed=0)
    return paths, model, embedding


class TestFit:
    def test_share_of_variance_is_reached_and_no_more(self):
        ratio = pca.fit_pca(draw(300), 0.95)["explained_ratio"]
        assert ratio.sum() >= 0.95
        assert ratio[:-1].sum() < 0.95

    def test_components_are_orthonormal_and_not_whitened(self):
        sample = draw(300)
        model = pca.fit_pca(sample, 4)
        np.testing.assert_allclose(
            model["components"] @ model["components"].T, np.eye(4), atol=1e-10
        )
        projected = pca.project(sample, model)
        np.testing.assert_allclose(projected.mean(axis=0), 0, atol=1e-3)
        np.testing.assert_allclose(projected.var(axis=0, ddof=1), model["explained_variance"], 1e-3)
        assert model["explained_variance"][0] > 2 * model["explained_variance"][3]

    def test_few_galaxies_give_what_is_possible_and_say_so(self, caplog):
        caplog.set_level("INFO", logger="morphovote")
        model = pca.fit_pca(draw(5), 20)
        assert len(model["components"]) == 4
        assert "4 at most" in caplog.text

    @pytest.mark.parametrize("components", [0, -3, 0.0, 1.0, 1.5, True, "many", None])
    def test_impossible_request_is_named(self, components):
        with pytest.raises(InputError, match=r"pca\.components"):
            pca.fit_pca(draw(50), components)

    def test_too_few_or_equal_galaxies_are_refused(self):
        with pytest.raises(InputError, match="2 galaxies"):
            pca.fit_pca(draw(2), 0.9)
        with pytest.raises(InputError, match="same features"):
            pca.fit_pca(np.ones((50, 8)), 0.9)


class TestSample:
    def test_sample_has_only_finite_rows_of_all_shards_and_keeps_their_order(self, field):
        paths, _, embedding = field
        sample, available = sample_rows(paths, "embedding", 1000, seed=0)
        assert available == 149
        np.testing.assert_array_equal(sample, np.delete(embedding, 17, axis=0))

    def test_limit_and_seed(self, field):
        paths = field[0]
        one, _ = sample_rows(paths, "embedding", 60, seed=3)
        same, _ = sample_rows(paths, "embedding", 60, seed=3)
        other, _ = sample_rows(paths, "embedding", 60, seed=4)
        assert len(one) == 60
        assert len(np.unique(one[:, 0])) == 60
        np.testing.assert_array_equal(one, same)
        assert not np.array_equal(one, other)


class TestRowsAreAlone:
    @pytest.mark.parametrize("width", [1, 3, 37])
    def test_affine_does_not_depend_on_batch_or_place(self, width):
        rng = np.random.default_rng(5)
        rows, matrix = rng.normal(size=(1300, 70)), rng.normal(size=(70, width))
        offset = rng.normal(size=width)
        together = pca.affine(rows, matrix, offset)
        np.testing.assert_allclose(together, rows @ matrix + offset, rtol=1e-9, atol=1e-12)
        order = rng.permutation(1300)
        np.testing.assert_array_equal(pca.affine(rows[order], matrix, offset), together[order])
        for row in (0, 1, 511, 512, 1299):
            alone = pca.affine(rows[row : row + 1], matrix, offset)
            np.testing.assert_array_equal(alone[0], together[row])

    def test_row_without_data_is_nan_and_harms_no_other(self):
        rows = np.random.default_rng(0).normal(size=(10, 4))
        clean = pca.affine(rows, np.eye(4), np.zeros(4))
        rows[3, 1] = np.nan
        found = pca.affine(rows, np.eye(4), np.zeros(4))
        assert np.isnan(found[3]).all()
        np.testing.assert_array_equal(np.delete(found, 3, 0), np.delete(clean, 3, 0))


class TestFiles:
    def test_projection_joins_shards_in_order(self, field, tmp_path):
        paths, model, embedding = field
        pca.project_shards(paths, model, tmp_path / "components.h5")
        found = shards.read_shard(tmp_path / "components.h5")
        np.testing.assert_array_equal(found["row"], np.arange(150))
        assert list(found["id"][[0, 149]]) == ["0", "149"]
        assert np.isnan(found["component"][17]).all()
        assert np.isfinite(np.delete(found["component"], 17, 0)).all()
        reversed_paths = paths[::-1]
        pca.project_shards(reversed_paths, model, tmp_path / "other.h5")
        other = shards.read_shard(tmp_path / "other.h5")
        np.testing.assert_array_equal(other["component"][:50], found["component"][100:])
        assert len(embedding) == len(found["row"])

    def test_attributes_say_what_made_them(self, field, tmp_path):
        paths, model, _ = field
        pca.project_shards(paths, model, tmp_path / "components.h5")
        found = shards.read_attributes(tmp_path / "components.h5")
        assert found["encoder"] == "aaa"
        assert found["pca"] == shards.read_attributes(model)["pca"]

    @pytest.mark.parametrize("changed", [{"encoder": "bbb"}, {"rotations": 8}])
    def test_embeddings_of_another_encoder_are_refused(self, field, tmp_path, changed):
        paths, model, _ = field
        alien = write(tmp_path / "alien.h5", draw(20), **changed)
        with pytest.raises(InputError, match=next(iter(changed))):
            pca.project_shards([alien], model, tmp_path / "components.h5")
        with pytest.raises(InputError, match=r"alien\.h5"):
            pca.fit_pca_shards([paths[0], alien], tmp_path / "pca.h5", 0.9, seed=0)
        assert not (tmp_path / "components.h5").exists()

    def test_embeddings_of_another_width_are_refused_and_leave_nothing(self, field, tmp_path):
        _, model, _ = field
        narrow = write(tmp_path / "narrow.h5", draw(20)[:, :30])
        with pytest.raises(InputError, match="30 features"):
            pca.project_shards([narrow], model, tmp_path / "components.h5")
        assert not list(tmp_path.glob("*components*"))

    def test_damaged_model_is_named(self, field, tmp_path):
        paths, model, _ = field
        with h5py.File(model, "a") as file:
            file["mean"][0] = np.nan
        with pytest.raises(InputError, match="'mean'"):
            pca.project_shards(paths, model, tmp_path / "components.h5")
        with h5py.File(model, "a") as file:
            del file["mean"]
        with pytest.raises(InputError, match="no array mean"):
            pca.project_shards(paths, model, tmp_path / "components.h5")
        with pytest.raises(InputError, match="'kind'"):
            pca.project_shards(paths, paths[0], tmp_path / "components.h5")
