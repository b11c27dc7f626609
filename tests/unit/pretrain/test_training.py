"""Losses, checkpoints and outcome of the encoder's training."""

import math

import numpy as np
import pytest
import torch

from morphovote.encode import encoding
from morphovote.encode import weights as encoder_weights
from morphovote.encode.weights import load_encoder, write_encoder
from morphovote.errors import InputError
from morphovote.pretrain import losses, recipe, training
from morphovote.pretrain.learner import Learner, bare_encoder, halfway, start_from
from morphovote.pretrain.views import draw_views
from morphovote.simulate.layered import galaxies

SETTINGS = {
    "name": "convnext_atto", "seed": 0, "steps": 4, "galaxies": 3, "reuse": 2,
    "learning_rate": 1e-3, "workers": 0, "check_every": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def validation():
    return draw_views(0, 24, held_out=True)


@pytest.fixture(scope="module")
def trained(validation, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    return *training.train_encoder(SETTINGS, validation, folder), folder


def test_pair_loss_prefers_true_pairs():
    views = torch.randn(8, 16, generator=torch.Generator().manual_seed(0))
    paired = losses.pair_loss(torch.cat([views, views]))
    mixed = losses.pair_loss(torch.cat([views, views.roll(1, 0)]))
    assert paired < 0.5 * mixed
    # All alike: any of the other 15 rows is as good.
    assert losses.pair_loss(torch.ones(16, 4)).item() == pytest.approx(math.log(15), abs=1e-4)


def test_correlation_loss_is_of_redundant_features():
    draw = torch.randn(4000, 8, generator=torch.Generator().manual_seed(1))
    independent = losses.correlation_loss(draw)
    redundant = losses.correlation_loss(draw[:, :1] + 0.1 * draw)
    assert independent < 0.01 * redundant
    assert losses.correlation_loss(draw * 7 + 3).item() == pytest.approx(
        independent.item(), rel=1e-3
    )


def test_targets_are_left_out_where_they_mean_nothing(validation):
    batch = losses.prepare(validation)
    names = list(losses.VALUES)
    spheroids = torch.from_numpy(validation["kind"] == galaxies.SPHEROID)
    assert torch.isfinite(batch["values"][spheroids, names.index("n")]).all()
    assert torch.isnan(batch["values"][~spheroids, names.index("n")]).all()
    assert torch.isnan(batch["values"][spheroids, names.index("pitch")]).all()
    assert (batch["arms"][spheroids] == -1).all()


def test_variation_turns_and_mirrors_only():
    images = torch.rand(200, 64, 96, generator=torch.Generator().manual_seed(2))
    varied = training.vary(images, torch.Generator().manual_seed(3))
    # Powers keep the order of the pixels of a row, so ranks are those of a turn or mirror image.
    before, after = images.sort(2).values, varied.sort(2).values
    power = torch.log(after[:, :, 40]) / torch.log(before[:, :, 40])
    assert torch.allclose(power, power[:, :1].expand_as(power), rtol=1e-2)
    assert 0.3 < (varied[:, 0] == images[:, 0]).all(1).float().mean() + 0.25 < 0.7


@pytest.mark.slow
def test_training_learns_and_ends_in_a_stock_network(trained, tmp_path):
    model, curve, _ = trained
    assert [int(row["step"]) for row in curve] == [2, 4]
    assert all(np.isfinite(float(row["loss"])) for row in curve)
    about = recipe.describe_training(SETTINGS, curve)
    weights, card = tmp_path / "e.safetensors", tmp_path / "e.json"
    write_encoder(model.half(), weights, card, about)
    again, content = load_encoder(weights, card)
    assert weights.stat().st_size < 20e6
    assert content["licence"] == "BSD-3-Clause"
    assert content["channels"] == 3
    image = torch.rand(2, 3, 64, 96)
    assert torch.allclose(again(image), model.float()(image), atol=1e-4)


def test_bare_encoder_has_the_learner_s_features():
    torch.manual_seed(0)
    learner = Learner("convnext_atto").eval()
    bare = bare_encoder(learner, "convnext_atto")
    encoding.wrap_angle(bare)
    image = torch.rand(2, 64, 96)
    card = recipe.describe_training({"name": "convnext_atto", "seed": 0}, [{"galaxies": 1}])
    with torch.no_grad():
        expected = learner.features(image)
        found = bare(encoding.prepare_input(image.numpy(), card, torch.float32))[:2]
    assert torch.allclose(found, expected, atol=1e-4)


def test_halfway_between_two_encoders_lies_the_mean_of_their_weights():
    torch.manual_seed(3)
    one, other = (bare_encoder(Learner("convnext_atto"), "convnext_atto") for _ in range(2))
    own, end = one.half().state_dict(), {k: v.clone() for k, v in other.state_dict().items()}
    mean = halfway(one, other).state_dict()
    for key, value in mean.items():
        assert torch.allclose(value, (own[key].float() + end[key]) / 2)
        assert torch.equal(other.state_dict()[key], end[key])


def test_a_start_gives_the_learner_its_features():
    torch.manual_seed(1)
    first, second = Learner("convnext_atto").eval(), Learner("convnext_atto").eval()
    image = torch.rand(2, 64, 96)
    start_from(second, bare_encoder(first, "convnext_atto"))
    with torch.no_grad():
        assert torch.allclose(first.features(image), second.features(image), atol=1e-5)


def test_real_galaxies_have_no_target_that_needs_a_truth(validation):
    torch.manual_seed(0)
    real = {"image": validation["image"][:6], "code": validation["code"][:6]}
    both = training._join(losses.prepare(validation), losses.prepare_sky(real))
    scales = losses.target_scales(losses.prepare(validation))
    heads, features = Learner("convnext_atto"), torch.randn(60, 320)
    parts = losses.losses(heads, both, scales, features)
    assert all(torch.isfinite(value) for value in parts.values())
    # Simulated ones alone: first and second views of 24, without those of the 6.
    rows = torch.cat([torch.arange(24), 30 + torch.arange(24)])
    alone = losses.losses(heads, losses.prepare(validation), scales, features[rows])
    for name in ("kind", "arms", "values", "pairs"):
        assert parts[name].item() == pytest.approx(alone[name].item(), rel=1e-5)
    assert "sky_pairs" in parts
    assert "sky_pairs" not in alone


def test_pairs_are_of_one_galaxy():
    image = np.arange(40 * 4, dtype=np.uint8).reshape(40, 4, 1, 1)
    sky = {"image": image, "code": np.zeros((40, 4, 56), np.float32)}
    pair = training._draw_sky(sky, 30, torch.Generator().manual_seed(0))["image"][:, :, 0, 0]
    galaxy, view = pair // 4, pair % 4
    assert (galaxy[:, 0] == galaxy[:, 1]).all()
    assert len(galaxy[:, 0].unique()) == 30
    assert {tuple(v) for v in view.tolist()} == {(0, 1), (2, 3)}


@pytest.mark.slow
def test_a_cut_run_goes_on(trained, validation):
    _, curve, folder = trained
    again = training.train_encoder(SETTINGS, validation, folder)[1]
    assert [float(row["loss"]) for row in again] == [float(row["loss"]) for row in curve]
    longer = training.train_encoder(SETTINGS | {"steps": 5}, validation, folder)[1]
    assert [int(row["step"]) for row in longer] == [2, 4, 5]
    longest = training.train_encoder(SETTINGS | {"steps": 6}, validation, folder)[1]
    # The last row is of one step, not of the two since the last whole check.
    assert 0.5 < float(longest[-1]["loss"]) / float(longest[-2]["loss"]) < 1.5
    _, shorter = training.train_encoder(SETTINGS, validation, folder)
    assert recipe.describe_training(SETTINGS, shorter)["source"].startswith(
        "the project's own training on 18 simulated galaxies"
    ), "the card tells what was trained, not what was asked for"
    other = training.train_encoder(SETTINGS | {"steps": 2, "seed": 1}, validation, folder)[1]
    assert len(other) == 1, "another recipe starts anew"


def test_recipe_is_checked():
    good = SETTINGS | {"output": "results/pretrain", "validation": 64}
    sky = {"start": None, "real_sky": [], "sky_galaxies": 48}
    assert recipe.complete_settings(good) == good | sky
    assert recipe.complete_settings(good | {"real_sky": "sky"})["real_sky"] == ["sky"]
    for change, what in (
        ({"steps": "many"}, "steps"),
        ({"step": 3}, "step"),
        ({"reuse": 0}, "reuse"),
        ({"validation": 8}, "validation.*at least 64"),
        ({"learning_rate": "1e-3"}, "learning_rate.*such as 0.0015"),
        ({"name": "resnet50"}, "resnet50"),
        ({"real_sky": 3}, "'real_sky' is 3"),
        ({"real_sky": [3]}, "real_sky.*folder"),
        ({"start": 3}, "'start' is 3"),
    ):
        with pytest.raises(InputError, match=what):
            recipe.complete_settings(good | change)
    with pytest.raises(InputError, match="validation"):
        recipe.complete_settings(SETTINGS)


def test_shipped_recipe_is_valid():
    import yaml

    from morphovote.storage.digests import PACKAGE

    with open(PACKAGE.parents[1] / "config/pretrain.yaml") as file:
        recipe.complete_settings(yaml.safe_load(file))


def test_bundled_encoder_is_whole_and_small(tmp_path):
    weights, card = tmp_path / "e.safetensors", tmp_path / "e.json"
    content = encoder_weights.fetch_encoder("convnext_atto", "bundled", 0, weights, card)
    assert content["weights"] == "bundled"
    assert content["licence"] == "BSD-3-Clause"
    assert "simulated" in content["source"]
    assert (encoder_weights.BUNDLED / "encoder.safetensors").stat().st_size < 20e6
    model, _ = load_encoder(weights, card)
    assert model(torch.zeros(1, 3, 64, 96)).shape == (1, 320)


def test_bundled_encoder_knows_simulated_galaxies(validation, tmp_path):
    """Two views of a galaxy lie closer than views of different ones; more so than untrained."""
    found = {}
    for source in ("bundled", "random"):
        files = tmp_path / f"{source}.safetensors", tmp_path / f"{source}.json"
        encoder_weights.fetch_encoder("convnext_atto", source, 0, *files)
        model, card = load_encoder(*files)
        device, dtype = torch.device("cpu"), torch.float32
        encoder = encoding.prepare_model(model, device, dtype)
        views = []
        for k in (0, 1):
            images = encoding.prepare_input(validation["image"][:, k] / 255, card, dtype)
            views.append(encoding.encode_batch(encoder, images, 1)[: len(validation["kind"])])
        middle = torch.cat(views).mean(0)
        first, second = (torch.nn.functional.normalize(v - middle, dim=1) for v in views)
        likeness = first @ second.T
        rank = (likeness > likeness.diagonal()[:, None]).float().mean()
        found[source] = float(rank)
    assert found["bundled"] < 0.2
    assert found["bundled"] < found["random"]


@pytest.mark.parametrize("fault", ["changed", "missing"])
def test_bundled_encoder_is_checked(fault, tmp_path, monkeypatch):
    whole = encoder_weights.BUNDLED
    (tmp_path / "card.json").write_bytes((whole / "card.json").read_bytes())
    if fault == "changed":
        content = bytearray((whole / "encoder.safetensors").read_bytes())
        content[-1] ^= 1
        (tmp_path / "encoder.safetensors").write_bytes(content)
    monkeypatch.setattr(encoder_weights, "BUNDLED", tmp_path)
    with pytest.raises(InputError, match="git checkout"):
        encoder_weights.fetch_encoder("convnext_atto", "bundled", 0, tmp_path / "e", tmp_path / "c")
