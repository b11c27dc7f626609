"""The files of the anchors: with anchors and without, from the truth to their votes."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from morphovote.anchors.making import empty_anchors, make_anchors_file
from morphovote.anchors.placing import place_anchors_file
from morphovote.classify.anchors import enough, read_anchors
from morphovote.fields.sources import write_sources
from morphovote.flags import OWN
from morphovote.storage import shards
from morphovote.storage.model_files import write_model
from morphovote.vote.bagged import fit_voters, save_voters

SIDE, SIZE, NOISE, WIDTH = 300, 48, 0.003, 6
ABOUT = {"encoder": "e", "rotations": 2, "polar": "moments", "input": "normalised"}


@pytest.fixture
def folder(tmp_path):
    """A field of noise with five sources, and a model fitted to nothing in particular."""
    rng = np.random.default_rng(0)
    fits.writeto(tmp_path / "image.fits", rng.normal(0, NOISE, (SIDE, SIDE)).astype(np.float32))
    fits.writeto(tmp_path / "rms.fits", np.full((SIDE, SIDE), NOISE, np.float32))
    row = (str(tmp_path / "image.fits"), 0, str(tmp_path / "rms.fits"), 0, "", -1)
    names = ("IMAGE", "HDU", "RMS", "RMS_HDU", "WEIGHT", "WEIGHT_HDU")
    tiles = Table(rows=[row], names=names)
    tiles.meta = {
        "PIXSCALE": 0.03,
        "ZEROPT": np.nan,
        "KIND": "images",
        "CATALOG": "",
        "NOTES": "[]",
    }
    one = {"ID": ["a"], "SELECTED": [True], "TILE": [0], "X": [50.0], "Y": [50.0]}
    write_sources(tmp_path / "sources.fits", Table(one), tiles)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    light = np.exp(-np.hypot(x, y) / 4)
    arrays = {
        "row": np.arange(5),
        "image": np.repeat(light[None], 5, axis=0).astype(np.float32),
        "rms": np.full((5, SIZE, SIZE), NOISE, np.float32),
        "mask": np.repeat((light > 0.02)[None] * np.uint8(OWN), 5, axis=0),
        "flags": np.zeros(5, int),
        "snr": np.full(5, 40.0, np.float32),
    }
    shards.write_shard(tmp_path / "cut.h5", arrays)
    model = {"mean": np.zeros(WIDTH), "components": np.eye(WIDTH)}
    write_model(tmp_path / "pca.h5", "pca", model, ABOUT | {"pca": "p"})
    points = rng.normal(size=(200, WIDTH)).astype(np.float32)
    voters = fit_voters(points, 3, 0.667, 0, voters=5, quiet=True)
    save_voters(tmp_path / "voters.h5", voters, {"pca": "p"})
    confidence = {"confidence": np.linspace(0, 1, 6)}
    write_model(tmp_path / "confidence.h5", "confidence", confidence, {"null_share": 0.1})
    return tmp_path


def embedder():
    """Embeds a galaxy as six of its pixels."""
    return SimpleNamespace(
        steps=ABOUT,
        encoder=(None, {"sha256": "e"}),
        threads=1,
        embed=lambda some: some["image"].reshape(len(some["x"]), -1)[:, :WIDTH],
    )


def make(folder, count):
    make_anchors_file(
        folder / "sources.fits", [], [], [folder / "cut.h5"], embedder(), folder / "anchors.h5",
        count=count, seed=0, cutout={"size": SIZE, "neighbours": "mask"},
    )  # fmt: skip
    names = ("anchors.h5", "pca.h5", "voters.h5", "confidence.h5", "components.h5")
    place_anchors_file(*(folder / name for name in names), "bagged", folder / "placed.h5")
    return read_anchors(folder / "placed.h5")


def test_anchors_have_truth_places_and_votes(folder):
    found, about = make(folder, 12)
    made = shards.read_shard(folder / "anchors.h5")
    assert set(made) == set(empty_anchors())
    assert len(made["row"]) == 12
    assert 6 < len(found["class"]) <= 12
    assert found["component"].shape[1] == WIDTH
    assert (found["counts"].sum(axis=1) == 5).all()
    assert about["groups"] == 3
    assert not about["missing"]
    assert not enough(found)


def test_without_anchors_the_files_are_empty_and_say_why(folder):
    found, about = make(folder, 0)
    assert len(found["class"]) == 0
    assert "classes.anchors: 0" in about["missing"]
    assert not enough(found)
