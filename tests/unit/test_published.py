"""The published steps do what is published; files, limits and errors around them."""

import numpy as np
import pytest
import torch
import yaml

from morphovote import flags
from morphovote.compute import memory
from morphovote.denoise import dense
from morphovote.denoise.scaling import scale_to_bytes, scale_to_range
from morphovote.denoise.schemes import denoise_shard
from morphovote.errors import InputError
from morphovote.groups.regrouping import relabel_unanimous_file
from morphovote.polar import extremes
from morphovote.polar.schemes import unwrap_shard
from morphovote.storage import shards
from morphovote.vote import unanimous
from morphovote.vote.bagged import cast_votes
from morphovote.vote.confidence import calibrate_votes_file
from morphovote.vote.controls import check_vote, check_vote_file


def spiral(size=100, x=50.0, y=50.0, turn=0.0):
    rows, columns = np.indices((size, size))
    dx, dy = columns - x, rows - y
    radius, phi = np.hypot(dx, dy), np.arctan2(dy, dx) - turn
    light = np.exp(-radius / 8) * (1 + 0.5 * np.cos(phi) + 0.3 * np.cos(2 * phi + radius / 5))
    return light.astype(np.float32)


def test_polar_picture_has_the_pole_in_the_middle_and_starts_at_the_faintest_pixel():
    image = spiral() + 0.01
    image[50, 80] = 0.0
    result = extremes.unwrap(image[None])
    picture = result["image"][0]
    assert picture.shape == (125, 200)
    assert (result["pole_x"][0], result["pole_y"][0]) == (50, 50)
    assert result["angle"][0] == 0.0
    assert result["radius"][0] == 49.5
    assert (picture[:, 100] == 1.0).all()
    # The faintest pixel lies 30 px out along the zero angle: 60 half pixels.
    assert picture[0, 160] == 0.0
    # A quarter turn on is row 31 (1.55 rad), 20 px out the pixel (50, 70).
    assert picture[31, 140] == pytest.approx(image[70, 50] / image.max(), abs=1e-6)


def test_quarter_turns_turn_nothing_in_a_noiseless_polar_picture():
    image = spiral(101, 50, 50) + 0.01
    image[50, 80] = 0.0
    pictures = extremes.unwrap(np.stack([np.rot90(image, k) for k in range(4)]))["image"]
    for picture in pictures[1:]:
        assert np.mean(np.abs(picture - pictures[0]) > 1e-5) < 0.02


def test_galaxy_without_data_and_limits():
    images = np.stack([spiral(), spiral()])
    empty = np.array([False, True])
    result = extremes.unwrap(images, (np.zeros(2), np.full(2, 2 * images.max())), empty)
    assert result["image"][0].max() == pytest.approx(0.5)
    assert not result["image"][1].any()
    assert np.isnan(result["angle"][1])


def test_shard_is_unwrapped_by_either_scheme(tmp_path):
    size, count = 40, 3
    images = np.stack([spiral(size, 20, 20, turn) for turn in (0.0, 1.0, 2.0)])
    rows = {"row": np.arange(count), "id": np.array(["a", "b", "c"])}
    mask = np.where(images > 0.2, flags.OWN, 0).astype(np.uint8)
    middle = np.full(count, 20.0, np.float32)
    source = {"mask": mask, "flags": np.array([0, 0, flags.NO_DATA]), "x": middle, "y": middle}
    source["arcs"] = np.zeros_like(images)
    shards.write_shard(tmp_path / "cutouts.h5", rows | source)
    shards.write_shard(tmp_path / "denoised.h5", rows | {"image": images})
    paths = [tmp_path / "denoised.h5", tmp_path / "cutouts.h5", tmp_path / "polar.h5"]
    for scheme, shape in (("moments", (64, 96)), ("published", (125, 200))):
        unwrap_shard(*paths, scheme)
        found = shards.read_shard(paths[2])
        assert found["image"].shape == (count, *shape)
        assert found["image"][0].max() > 0
        assert not found["image"][2].any()
        assert shards.read_attributes(paths[2])["scheme"] == scheme


def test_scaling_to_bytes_and_back():
    images = np.stack([spiral(), np.full((100, 100), 3.0, np.float32)])
    scaled, low, high = scale_to_bytes(images)
    assert scaled[0].min() == 0
    assert scaled[0].max() == 255
    assert not scaled[1].any()
    back = low[0] + (high[0] - low[0]) * scaled[0] / 255
    assert np.abs(back - images[0]).max() <= (high[0] - low[0]) / 255


@pytest.fixture(scope="module")
def trained():
    rng = np.random.default_rng(0)
    images = np.stack([spiral(32, *rng.uniform(14, 18, 2), turn) for turn in range(24)])
    images = scale_to_range(images)[0]
    return images, *dense.train(images, 12, 60, 0)


@pytest.mark.slow
def test_dense_autoencoder_learns_and_repeats_to_the_bit(trained):
    images, model, curve = trained
    assert len(curve) == 60
    assert curve[-1]["validation_loss"] < 0.3 * curve[0]["validation_loss"]
    again, _ = dense.train(images, 12, 60, 0)
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_denoised_cutout_is_in_its_own_unit_whatever_its_neighbours(trained):
    images, model, _ = trained
    flux = 40 * images - 3
    clean, low, high = dense.denoise(model, flux, "published")
    np.testing.assert_allclose(low, flux.min((1, 2)))
    np.testing.assert_allclose(high, flux.max((1, 2)))
    assert np.abs(clean - flux).mean() < 0.1 * 40
    alone = dense.denoise(model, flux[5:6], "published")[0]
    assert np.array_equal(alone[0], clean[5])
    eight_bits = dense.denoise(model, flux, "flux")[0]
    assert 0 < np.abs(eight_bits - clean).max() < 1


def test_denoiser_file_holds_what_was_trained_and_nothing_else_passes(trained, tmp_path):
    images, model, _ = trained
    path = tmp_path / "denoiser.safetensors"
    dense.save_model(path, model)
    loaded = dense.load_model(path)
    found, wanted = (dense.denoise(one, images[:3], "flux")[0] for one in (loaded, model))
    assert np.array_equal(found, wanted)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="not a readable denoiser"):
        dense.load_model(path)


def write_cutouts(path, size, count=12):
    images = np.stack([spiral(size, size / 2, size / 2, turn) for turn in range(count)])
    rows = np.arange(count)
    arrays = {"row": rows, "id": rows.astype(str), "image": images}
    arrays |= {"rms": np.full_like(images, 0.1), "mask": np.zeros(images.shape, np.uint8)}
    arrays["flags"] = np.where(rows == 2, flags.NO_DATA, 0)
    shards.write_shard(path, arrays, {"pixel_scale": 0.03})


def test_shards_train_and_are_denoised(tmp_path):
    write_cutouts(tmp_path / "cutouts.h5", 32)
    paths = [tmp_path / name for name in ("denoiser.safetensors", "history.csv")]
    dense.train_file([tmp_path / "cutouts.h5"], *paths, 4, 2, 0, "published")
    assert paths[1].read_text().count("\n") == 3
    model = dense.load_model(paths[0])
    output = tmp_path / "denoised.h5"
    denoise_shard("published", model, tmp_path / "cutouts.h5", output, "published")
    found = shards.read_shard(output)
    assert found["image"].shape == (12, 32, 32)
    assert not found["image"][2].any()
    assert found["image"][3].any()
    assert found["high"].shape == (12,)
    assert shards.read_attributes(output)["pixel_scale"] == 0.03
    write_cutouts(tmp_path / "larger.h5", 40)
    with pytest.raises(InputError, match=r"larger\.h5: .*side of 40 px.* trained for 32 px"):
        denoise_shard("published", model, tmp_path / "larger.h5", output, "published")


def test_denoiser_stops_where_it_does_not_fit(tmp_path, monkeypatch):
    write_cutouts(tmp_path / "odd.h5", 34)
    paths = [tmp_path / name for name in ("denoiser.safetensors", "history.csv")]
    with pytest.raises(InputError, match="34 px"):
        dense.train_file([tmp_path / "odd.h5"], *paths, 4, 2, 0, "published")
    write_cutouts(tmp_path / "even.h5", 100)
    monkeypatch.setattr(memory, "available_memory", lambda: 3.0)
    with pytest.raises(InputError, match=r"latent 10000 .*would take 4\.6 GB.*3\.0 GB are free"):
        dense.train_file([tmp_path / "even.h5"], *paths, 10_000, 2, 0, "published")
    assert not paths[0].exists()
    assert dense.training_gigabytes(100, 40) < 1


def test_vote_stops_before_it_starts_where_it_does_not_fit(monkeypatch):
    assert unanimous.needed_gigabytes(20_000, 320) == pytest.approx(3.5, abs=0.1)
    started = []
    monkeypatch.setattr(unanimous, "cluster_all", lambda *_: started.append(1))
    points = np.zeros((99_806, 2), np.float32)
    monkeypatch.setattr(memory, "available_memory", lambda: 24.0)
    with pytest.raises(InputError, match=r"99,806 galaxies.* would take 79\.7 GB.*24\.0 GB"):
        unanimous.fit_voters(points, 20, 0)
    assert not started
    with pytest.raises(InputError, match=r"voting\.groups is 20"):
        unanimous.fit_voters(points[:20], 20, 0)


def test_available_memory_is_a_sensible_number():
    assert 0.1 < memory.available_memory() < 1e5


@pytest.fixture
def components(tmp_path):
    rng = np.random.default_rng(1)
    points = rng.normal(size=(150, 10)) + 6 * rng.normal(size=(5, 10))[np.arange(150) % 5]
    points = points.astype(np.float32)
    points[7] = np.nan
    rows = np.arange(150)
    path = tmp_path / "components.h5"
    arrays = {"row": rows, "id": rows.astype(str), "component": points}
    shards.write_shard(path, arrays, {"pca": "abc"})
    return path


def test_vote_files_keep_the_contract(components, tmp_path):
    model, output = tmp_path / "voters.h5", tmp_path / "votes.h5"
    paths = [tmp_path / name for name in ("controls.json", "seeds.csv", "confidence.h5")]
    unanimous.fit_voters_file(components, model, 5, 0)
    check_vote_file(
        components, *paths[:2], groups=5, agreement=1.0, seed=0, voters=3, scheme="published"
    )
    calibrate_votes_file(paths[0], paths[2])
    unanimous.cast_votes_file(components, model, paths[2], output)
    votes, attributes = shards.read_shard(output), shards.read_attributes(output)
    assert set(votes) == {
        "row", "id", "group", "vote_fraction", "vote_confidence", "group_second", "kept",
        "counts", "distance", "outlier",
    }  # fmt: skip
    assert attributes["voters"]
    assert attributes["groups"] == 5
    assert attributes["agreement"] == 1
    assert votes["counts"].shape == (150, 5)
    assert votes["group"][7] == -1
    assert np.isnan(votes["vote_fraction"][7])
    known = votes["group"] >= 0
    share = votes["counts"][known, votes["group"][known]] / 3
    np.testing.assert_allclose(votes["vote_fraction"][known], share, rtol=1e-6)
    np.testing.assert_array_equal(votes["kept"][known], share == 1)
    confidence = votes["vote_confidence"][known]
    assert confidence[share == 1].min() >= confidence[share < 1].max(initial=0)
    groups, passed = tmp_path / "groups.yaml", tmp_path / "passed.h5"
    relabel_unanimous_file(model, passed, groups, None)
    content = yaml.safe_load(groups.read_text())
    assert content["voters"] == content["regrouped"] == attributes["voters"]
    assert len(content["centres"]) == 5
    names = tmp_path / "names.yaml"
    names.write_text("version: 1\ngroups:\n  0: {class: SPH}\n  1: {class: SPH, merge: 0}\n")
    with pytest.raises(InputError, match="joined or split"):
        relabel_unanimous_file(model, passed, groups, names)
    near = unanimous.nearest_voters(components, model)
    again = cast_votes(shards.read_shard(components)["component"], near)
    np.testing.assert_array_equal(again["group"][votes["kept"]], votes["group"][votes["kept"]])
    # Five groups that are there are found by all.
    assert votes["kept"].mean() > 0.95


def test_vote_is_only_for_its_own_galaxies(components, tmp_path):
    model = tmp_path / "voters.h5"
    unanimous.fit_voters_file(components, model, 5, 0)
    arrays = shards.read_shard(components)
    fewer = {name: values[:100] for name, values in arrays.items()}
    shards.write_shard(tmp_path / "other.h5", fewer, {"pca": "abc"})
    with pytest.raises(InputError, match="cannot be used on another"):
        unanimous.cast_votes_file(tmp_path / "other.h5", model, "none", "votes.h5")
    shards.write_shard(tmp_path / "other.h5", arrays, {"pca": "xyz"})
    with pytest.raises(InputError, match="cannot be used on another"):
        unanimous.cast_votes_file(tmp_path / "other.h5", model, "none", "votes.h5")


def test_published_vote_keeps_much_of_structureless_noise():
    """The control runs on the published vote too, and shows what it is worth."""
    points = np.random.default_rng(0).normal(size=(400, 30)) * np.linspace(3, 0.5, 30)
    result, _ = check_vote(points.astype(np.float32), 10, 1.0, 0, 3, scheme="published")
    assert len(result["null"]["values"]) >= 5
    assert result["null"]["mean"] > 0.2
    assert 0.7 < result["ratio"]["value"] < 1.4
    assert ["ward", "birch"] in result["algorithms"]
    assert sum(result["vote_histogram"]["null"]) == pytest.approx(1)
    assert "ward and birch are one algorithm" in result["sentence"]


def test_published_vote_is_the_same_every_time_and_changes_with_the_seed():
    points = np.random.default_rng(0).normal(size=(200, 20)).astype(np.float32)
    first, again, other = (unanimous.fit_voters(points, 8, seed).labels for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first[0], other[0])
    assert np.array_equal(first[1:], other[1:])
