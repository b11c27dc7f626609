"""The denoiser: its noise model, its loss, its independence of the batch, its files."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from scipy import ndimage

from morphovote.denoise import network, noise, recorrupted, schemes
from morphovote.errors import InputError
from morphovote.flags import MISSING, NEIGHBOUR, NO_DATA, OWN
from morphovote.storage import shards

SIZE = 40
KERNEL = np.array([[0.0, 0.2, 0.0], [0.2, 0.9, 0.3], [0.0, 0.3, 0.1]])
KERNEL /= np.sqrt((KERNEL**2).sum())


def draw_sky(rng: np.random.Generator, shape: tuple) -> np.ndarray:
    """Noise of variance 1, correlated by KERNEL."""
    return ndimage.convolve(rng.standard_normal(shape), KERNEL[None], mode="wrap")


@pytest.fixture(scope="module")
def field() -> dict[str, np.ndarray]:
    """Elliptical exponential galaxies on correlated noise of rms 0.1."""
    rng, count = np.random.default_rng(4), 96
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    truth = np.empty((count, SIZE, SIZE), np.float32)
    for i in range(count):
        angle, ratio, size = rng.uniform(0, np.pi), rng.uniform(0.3, 1), rng.uniform(2, 5)
        u = x * np.cos(angle) + y * np.sin(angle)
        v = (y * np.cos(angle) - x * np.sin(angle)) / ratio
        galaxy = np.exp(-np.hypot(u, v) / size)
        truth[i] = ndimage.gaussian_filter(galaxy, 1.3) * rng.uniform(0.2, 1.5)
    sky = 0.1 * draw_sky(rng, truth.shape)
    return {
        "truth": truth,
        "image": (truth + sky).astype(np.float32),
        "rms": np.full(truth.shape, 0.1, np.float32),
        "mask": np.where(truth > 0.05, OWN, 0).astype(np.uint8),
    }


@pytest.fixture(scope="module")
def sample(field) -> dict[str, np.ndarray]:
    return {
        "image": field["image"] / 0.1,
        "level": np.ones_like(field["rms"], np.float16),
        "mask": field["mask"],
    }


def train(sample, epochs):
    torch.set_num_threads(1)
    covariance = noise.noise_correlation(sample["image"], sample["level"], sample["mask"])
    return recorrupted.train(sample, covariance, latent=12, epochs=epochs, seed=1)


@pytest.fixture(scope="module")
def trained(sample):
    """Trained enough to be no trivial network."""
    return train(sample, 6)


@pytest.fixture(scope="module")
def well_trained(sample):
    return train(sample, 24)


def test_sky_gives_back_the_kernel_that_correlated_it():
    rng = np.random.default_rng(0)
    rms = rng.uniform(0.5, 2, (40, 60, 60))
    images = 1.2 * rms * draw_sky(rng, rms.shape)
    mask = np.zeros(rms.shape, np.uint8)
    # What is masked, or next to it, must not be taken for sky.
    mask[:, 20:35, 20:35] = OWN
    images[:, 19:36, 19:36] += 100
    found = noise.noise_correlation(images, rms, mask)
    known = ndimage.correlate(np.pad(KERNEL, 1), KERNEL, mode="constant")
    assert np.allclose(found, found[::-1, ::-1])
    assert np.allclose(found[6:11, 6:11], 1.44 * known, atol=0.06)
    assert abs(found[8, 12]) < 0.02


def test_drawn_noise_has_the_covariance_asked_for():
    rng = np.random.default_rng(0)
    sky = draw_sky(rng, (40, 60, 60))
    flat = np.ones_like(sky)
    asked = noise.noise_correlation(sky, flat, np.zeros(sky.shape, np.uint8))
    amplitude = noise.noise_amplitude(asked, 50, 47)
    drawn = noise.draw_noise(amplitude, (60, 50, 47), torch.Generator().manual_seed(0)).numpy()
    assert drawn.shape == (60, 50, 47)
    found = noise.noise_correlation(drawn, np.ones(drawn.shape), np.zeros(drawn.shape, np.uint8))
    assert np.allclose(found, asked, atol=0.03)


def test_without_sky_the_noise_is_taken_as_white():
    images = np.ones((3, 20, 20))
    full = np.full(images.shape, OWN, np.uint8)
    for mask in (full, np.zeros_like(full)):
        found = noise.noise_correlation(images, images, mask)
        assert found[8, 8] == 1
        assert np.count_nonzero(found) == 1


def test_loss_estimates_the_true_error(field):
    """Over many draws, loss minus the target's noise is the weighted error against the truth."""
    rng = np.random.default_rng(1)
    torch.manual_seed(0)
    model = network.Denoiser(4)
    truth = torch.from_numpy(np.repeat(field["truth"][:4] / 0.1, 30, 0))
    sky = torch.from_numpy(draw_sky(rng, truth.shape).astype(np.float32))
    fresh = torch.from_numpy(draw_sky(rng, truth.shape).astype(np.float32))
    tau, good, dim = torch.full((len(truth), 1, 1), 0.7), truth > -1, (1 + 0.49) ** 0.5
    place = network.centre_distance(SIZE, SIZE).expand_as(truth)
    with torch.no_grad():
        loss = recorrupted.recorrupted_loss(model, truth + sky, place, good, fresh, tau[:, 0, 0])
        source = (truth + sky + 0.7 * fresh) / dim
        answer = model(source[:, None], place[:, None])[:, 0]
        weight = recorrupted._weights(source, place, good, tau)
    error = float((weight * (answer - truth / dim) ** 2).sum() / weight.sum())
    assert float(loss) - 1 / 0.49 == pytest.approx(error, abs=0.03)


def test_masked_pixels_do_not_influence_the_loss(sample):
    model = network.Denoiser(4)
    image = torch.from_numpy(sample["image"][:4]).clone()
    place, tau = network.centre_distance(SIZE, SIZE).expand_as(image), torch.ones(4)
    good = torch.from_numpy(recorrupted._good(sample["mask"][:4]))
    assert good.all(), "the own segment is no reason to leave a pixel out"
    bits = sample["mask"][:4].copy()
    bits[:, :8], bits[:, 30:] = NEIGHBOUR, MISSING
    good = torch.from_numpy(recorrupted._good(bits))
    weight = 0 * image
    weight[:, 10:14] = 1  # far enough from the masked rows for no filter to reach across
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight.zero_()
        model.answer.bias[0] = 50.0  # only the unfiltered image
        before = recorrupted.recorrupted_loss(model, image, place, good, 0 * image, tau)
        image[:, :8] = 1e3
        image[:, 30:] = -1e3
        after = recorrupted.recorrupted_loss(model, image, place, good, 0 * image, tau)
        everywhere = recorrupted.recorrupted_loss(model, image, place, good | True, image, tau)
    assert torch.equal(before, after)
    assert everywhere > 10 * after


def test_loss_falls_and_curve_is_complete(trained):
    _, curve = trained
    assert [row["epoch"] for row in curve] == list(range(1, len(curve) + 1))
    assert min(row["validation_loss"] for row in curve[3:]) < curve[0]["validation_loss"]
    assert all(np.isfinite(list(row.values())).all() for row in curve)


@pytest.mark.slow
def test_beats_every_gaussian_filter(field, well_trained):
    clean = recorrupted.denoise(well_trained[0], field["image"], field["rms"])
    inside = field["truth"] > 0.05

    def error(image):
        return (((image - field["truth"]) / 0.1) ** 2)[inside].mean()

    filters = [
        error(ndimage.gaussian_filter(field["image"], (0, sigma, sigma)))
        for sigma in np.arange(0.25, 4, 0.25)
    ]
    assert error(clean) < min(filters) < error(field["image"])


def test_same_seed_same_weights(sample):
    torch.set_num_threads(1)
    few = {name: array[:32] for name, array in sample.items()}
    covariance = np.zeros((17, 17))
    covariance[8, 8] = 1
    runs = [recorrupted.train(few, covariance, 4, 2, seed)[0].state_dict() for seed in (0, 0, 1)]
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])
    assert any(not torch.equal(runs[0][name], runs[2][name]) for name in runs[0])


def test_training_stops_early(sample, monkeypatch):
    few = {name: array[:16] for name, array in sample.items()}
    losses = iter([1.0, 0.5, 0.7, 0.6, 0.9, 0.8])
    monkeypatch.setattr(recorrupted, "_validate", lambda *_: next(losses))
    monkeypatch.setattr(recorrupted, "PATIENCE", 3)
    _, curve = recorrupted.train(few, np.eye(1), 4, 50, 0)
    assert len(curve) == 5


@settings(max_examples=5, deadline=None)
@given(st.permutations(range(20)), st.integers(1, 20))
def test_a_galaxy_does_not_depend_on_its_batch(field, trained, order, count):
    order = list(order)[:count]
    images, rms = (field[name][:20, :24, :24] for name in ("image", "rms"))
    whole = recorrupted.denoise(trained[0], images, rms)
    part = recorrupted.denoise(trained[0], images[order], rms[order])
    assert np.array_equal(part, whole[order])


def test_turned_galaxy_gives_turned_answer(field, trained):
    images, rms = field["image"][:3], field["rms"][:3]
    clean = recorrupted.denoise(trained[0], images, rms)
    for turn in (lambda a: np.rot90(a, 1, (1, 2)), lambda a: a[:, ::-1]):
        turned = recorrupted.denoise(trained[0], turn(images).copy(), rms)
        assert np.allclose(turned, turn(clean), atol=1e-4 * clean.max())


def test_answer_is_never_far_from_the_data(trained):
    """A star a thousand times brighter than anything in training stays what it is."""
    x = np.arange(SIZE) - SIZE / 2
    star = 1e5 * np.exp(-0.5 * (x[:, None] ** 2 + x**2) / 1.5**2)
    image = (star + np.random.default_rng(0).standard_normal((1, SIZE, SIZE))).astype(np.float32)
    clean = recorrupted.denoise(trained[0], image, np.ones_like(image))
    assert np.abs(clean - image).max() < recorrupted.REACH * 1.001 + 0.02


@pytest.mark.parametrize("shape", [(33, 33), (30, 41), (8, 8)])
def test_any_size_and_any_unit(trained, shape):
    image = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    rms = np.ones_like(image)
    clean = recorrupted.denoise(trained[0], image, rms)
    assert clean.shape == image.shape
    assert clean.dtype == np.float32
    scaled = recorrupted.denoise(trained[0], image * 1e-20, rms * 1e-20)
    assert np.allclose(scaled * 1e20, clean, atol=1e-4)


def write_cutouts(path, image, rms, mask, flags):
    arrays = {
        "row": np.arange(len(image)),
        "id": [f"g{i}" for i in range(len(image))],
        "image": image,
        "rms": rms,
        "mask": mask,
        "flags": np.asarray(flags, np.int32),
    }
    shards.write_shard(path, arrays, {"pixel_scale": 0.03})


def test_shard_keeps_rows_and_blanks_what_has_no_data(field, trained, tmp_path):
    source, target = tmp_path / "00000.h5", tmp_path / "clean.h5"
    flags = np.zeros(5)
    flags[3] = NO_DATA
    write_cutouts(source, *(field[name][:5] for name in ("image", "rms", "mask")), flags)
    schemes.denoise_shard("recorrupted", trained[0], source, target)
    result = shards.read_shard(target)
    assert list(result["id"]) == ["g0", "g1", "g2", "g3", "g4"]
    assert not result["image"][3].any()
    assert result["image"][[0, 1, 2, 4]].any((1, 2)).all()
    assert shards.read_attributes(target)["pixel_scale"] == 0.03
    write_cutouts(source, *(field[name][:0] for name in ("image", "rms", "mask")), [])
    schemes.denoise_shard("recorrupted", trained[0], source, target)
    assert shards.read_shard(target)["image"].shape == (0, SIZE, SIZE)


def test_sample_is_bounded_random_and_only_of_data(field, tmp_path, monkeypatch):
    paths = []
    for i in range(2):
        part = slice(40 * i, 40 * i + 40)
        flags = np.where(np.arange(40) % 4 == 0, NO_DATA, 0)
        rms = field["rms"][part].copy()
        rms[:, 0] *= 2
        paths.append(tmp_path / f"{i:05d}.h5")
        write_cutouts(paths[i], field["image"][part], rms, field["mask"][part], flags)
    every = recorrupted.read_sample(paths, 0)
    rows = [i for i in range(80) if i % 4]
    assert np.allclose(every["image"], field["image"][rows] / 0.1, rtol=1e-5)
    assert np.allclose(every["level"][:, 0], 2, atol=0.01)
    assert np.allclose(every["level"][:, 1:], 1, atol=0.01)
    monkeypatch.setattr(recorrupted, "SAMPLE_GALAXIES", 10)
    few, again, other = (recorrupted.read_sample(paths, seed)["image"] for seed in (0, 0, 1))
    assert few.shape == (10, SIZE, SIZE)
    assert np.array_equal(few, again)
    assert not np.array_equal(few, other)


def test_too_few_galaxies_are_an_input_error(field, tmp_path):
    path = tmp_path / "00000.h5"
    write_cutouts(path, *(field[name][:9] for name in ("image", "rms", "mask")), [1] * 4 + [0] * 5)
    with pytest.raises(InputError, match="only 5 cutouts have data"):
        recorrupted.read_sample([path], 0)


def test_denoiser_survives_its_file(field, trained, tmp_path):
    path = tmp_path / "model" / "denoiser.safetensors"
    network.save_denoiser(path, trained[0], np.eye(17))
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    images, rms = field["image"][:2], field["rms"][:2]
    again = recorrupted.denoise(network.load_denoiser(path), images, rms)
    assert np.array_equal(again, recorrupted.denoise(trained[0], images, rms))


def test_same_denoiser_is_the_same_file(trained, tmp_path):
    path = tmp_path / "denoiser.safetensors"
    found = set()
    for _ in range(8):
        network.save_denoiser(path, trained[0], np.eye(17))
        found.add(path.read_bytes())
    assert len(found) == 1


def test_bad_weight_files_are_input_errors(tmp_path):
    path = tmp_path / "denoiser.safetensors"
    state = network.Denoiser(4).state_dict()
    good = {name: tensor.contiguous() for name, tensor in state.items()}
    header = {"format": "morphovote denoiser 1", "latent": "4"}

    def check(message):
        with pytest.raises(InputError, match=message) as caught:
            network.load_denoiser(path)
        assert str(path) in str(caught.value)

    check("not a readable safetensors")
    path.write_bytes(b"\x80\x04not weights")
    check("not a readable safetensors")
    save_file(good, path)
    check("not a denoiser")
    save_file(good, path, header | {"latent": "-3"})
    check("not a denoiser")
    save_file(good, path, header | {"latent": "5"})
    check("do not fit")
    save_file({name: good[name] for name in list(good)[1:]}, path, header)
    check("do not fit")
    good["answer.bias"][0] = float("nan")
    save_file(good, path, header)
    check("finite")
    good["answer.bias"][0] = 0
    save_file(good, path, header)
    assert network.load_denoiser(path).latent == 4
