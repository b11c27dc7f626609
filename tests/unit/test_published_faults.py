"""Every fault that `published_faults.FAULTS` names, each shown on a small case."""

import importlib

import numpy as np
import pytest
import torch
from paths import ROOT
from sklearn.datasets import make_blobs

from morphovote.checks.published_faults import FAULTS
from morphovote.denoise import dense
from morphovote.denoise.scaling import scale_to_bytes
from morphovote.encode import encoding
from morphovote.polar import extremes
from morphovote.vote import unanimous
from morphovote.vote.alignment import rand_index


def galaxy(size=40, x=20, y=20, width=4.0):
    """A round galaxy of peak 1 on an empty sky whose faintest pixel is in a corner."""
    rows, columns = np.indices((size, size))
    image = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * width**2)).astype(np.float32)
    image[-1, -1] = -0.01
    return image


def test_every_fault_has_a_test_a_place_and_a_line_in_the_docs():
    page = (ROOT / "docs/published.md").read_text(encoding="utf-8")
    for name, (stage, wrong, place) in FAULTS.items():
        assert f"test_{name.replace('-', '_')}" in globals()
        module, thing = place.rsplit(".", 1)
        assert hasattr(importlib.import_module(f"morphovote.{module}"), thing)
        assert f"| {name} | {stage} | {wrong} | `{place}` |" in page


def test_min_max():
    """A bright pixel elsewhere takes up the range: fine detail becomes one level."""
    image = galaxy()
    alone = scale_to_bytes(image[None])[0][0]
    crowded = image.copy()
    crowded[2, 2] = 50.0
    squeezed = scale_to_bytes(crowded[None])[0][0]
    assert alone.dtype == np.uint8
    assert alone.min() == 0
    assert alone.max() == 255
    middle = (slice(15, 25), slice(15, 25))
    assert len(np.unique(alone[middle])) > 15
    assert len(np.unique(squeezed[middle])) < 6
    # And pure noise a thousand times fainter fills the range as a bright galaxy does.
    noise = np.random.default_rng(0).normal(size=(40, 40)) / 1000
    assert scale_to_bytes(noise[None])[0].std() > 30


def test_neighbours():
    """A brighter neighbour becomes the pole."""
    image = galaxy()
    image[5, 33] = 1.2
    assert extremes.find_pixels(galaxy())[:2] == (20, 20)
    assert extremes.find_pixels(image)[:2] == (33, 5)


def test_no_bottleneck():
    """The code has as many numbers as its input, so it can keep every pixel's noise unchanged."""
    model = dense.DenseAutoencoder(40, 1600)
    to_code, from_code = (one for one in model.modules() if isinstance(one, torch.nn.Linear))
    assert (to_code.in_features, to_code.out_features) == (1600, 1600)
    assert (from_code.in_features, from_code.out_features) == (1600, 1600)
    with torch.no_grad():
        for layer in (to_code, from_code):
            layer.weight.copy_(torch.eye(1600))
            layer.bias.zero_()
    noise = torch.randn((2, 1, 40, 40), generator=torch.Generator().manual_seed(0))
    before = model.encoder[:-1](noise)
    after = model.decoder[0](model.encoder(noise))
    assert torch.equal(before, after)
    # It learns from the noisy cutout as the target, so nothing keeps it from doing that.
    image = np.random.default_rng(0).random((8, 16, 16), np.float32)
    model, curve = dense.train(image, 256, 1, 0)
    with torch.no_grad():
        batch = torch.from_numpy(image)[:, None]
        seen = torch.nn.functional.mse_loss(model(batch), batch).item()
    assert seen == pytest.approx(curve[0]["train_loss"], rel=0.2)


def test_two_pixels():
    """A little noise turns the frame of a galaxy by more than ten degrees, and not only once."""
    image = galaxy()
    rows, columns = np.indices(image.shape)
    image += 0.2 * np.exp(-(((columns - 26) / 3.0) ** 2) - ((rows - 20) / 1.5) ** 2)
    rng = np.random.default_rng(0)
    noisy = image + 0.01 * rng.normal(size=(50, *image.shape)).astype(np.float32)
    noisy[:, -1, -1] += 0.01
    angles = np.array([extremes.find_pixels(one)[2] for one in noisy])
    off = np.abs(np.angle(np.exp(1j * (angles - np.median(angles)))))
    assert np.mean(off > np.radians(10)) > 0.5
    assert len({extremes.find_pixels(one)[:2] for one in noisy}) > 1


def test_wrap_round():
    """Near the left edge the picture shows what lies at the right one; beyond that, nothing."""
    image = np.zeros((100, 100), np.float32)
    image[:, 95] = 1.0
    polar = extremes.sample_pixels(image, 10, 50, np.pi)  # the first row looks to the left
    # Column -5, which is column 95, is 15 px away: 30 half pixels.
    assert polar[0, 29:32].max() == 1.0
    assert polar[0, :29].max() == 0.0
    image = np.zeros((100, 100), np.float32)
    image[:, 5] = 1.0
    assert extremes.sample_pixels(image, 90, 50, 0.0)[0, 20:].max() == 0.0


def test_mirror():
    """The left half is not the mirrored right half, but that moved by one column."""
    polar = np.arange(1.0, 201.0).reshape(2, 100)
    picture = extremes.mirror_radii(polar)
    assert picture.shape == (2, 200)
    assert (picture[:, 100:] == polar).all()
    assert not (picture[:, :100] == polar[:, ::-1]).any()
    assert (picture[:, 1:100] == polar[:, :0:-1]).all()
    assert (picture[:, 0] == 0).all()


def test_open_turn():
    """The last angle stops short of a full turn by more than one step."""
    turn = extremes.ANGLES * extremes.ANGLE_STEP
    assert 0.03 < 2 * np.pi - turn < extremes.ANGLE_STEP
    assert extremes.sample_pixels(galaxy(), 20, 20, 0.0).shape == (125, 100)


def test_plain_input():
    """Values are not normalised, the shape is not kept, and the angle's two ends do not meet."""
    images = np.random.default_rng(0).random((2, 125, 200), np.float32)
    card = {"channels": 3, "mean": [0.5] * 3, "std": [0.5] * 3, "upsample": 1}
    batch = encoding.prepare_published_input(images, card, torch.float32)
    assert batch.shape == (encoding.BATCH, 3, 224, 224)
    assert batch.min() >= 0
    assert batch[:2].mean() == pytest.approx(images.mean(), abs=0.01)
    assert torch.equal(batch[:, 0], batch[:, 2])

    class Tiny(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = torch.nn.Conv2d(3, 4, 7, padding=3)
            self.head = torch.nn.Identity()

    plain = encoding.prepare_model(Tiny(), torch.device("cpu"), torch.float32, wrap=False)
    wrapped = encoding.prepare_model(Tiny(), torch.device("cpu"), torch.float32)
    assert isinstance(plain.stem, torch.nn.Conv2d)
    assert not isinstance(wrapped.stem, torch.nn.Conv2d)


def test_twin_voters():
    """On features of a network's size Ward and BIRCH are one voter."""
    points, _ = make_blobs(300, 60, centers=6, cluster_std=4.0, random_state=0)
    _, ward, birch = unanimous.cluster_all(points.astype(np.float32), 6, 0)
    assert rand_index(ward, birch) > 0.999


# K-means groups, and the clusters of another voter. Clusters 0 and 1 are both mostly group 0.
# Cluster 2 is mostly group 1, and group 2 is no cluster's favourite.
REFERENCE = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
CLUSTERS = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 0, 2])


def test_overwritten():
    """If two clusters map to one group, members of the earlier one are rejected."""
    meant, owner = unanimous.map_clusters(REFERENCE, CLUSTERS, 3)
    assert meant.tolist() == [0, 0, 1]
    assert owner.tolist() == [1, 2, -1]
    said = unanimous.voter_labels(REFERENCE, CLUSTERS, 3)
    # Its own group is what the cluster of the first three means, and they are rejected.
    assert said[:3].tolist() == [-1, -1, -1]
    assert said[3:10].tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_unmapped():
    """A group that no cluster maps to is accepted from every cluster."""
    said = unanimous.voter_labels(REFERENCE, CLUSTERS, 3)
    assert said[10:].tolist() == [2, 2]
    votes = unanimous.cast_votes(
        np.random.default_rng(0).normal(size=(12, 2)),
        unanimous.PublishedVoters(np.stack([REFERENCE, CLUSTERS, CLUSTERS]), 3),
    )
    assert votes["kept"].tolist() == [False] * 3 + [True] * 9
