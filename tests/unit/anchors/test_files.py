"""The files of the anchors: with anchors and without, from the truth to their votes."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from morphovote.anchors.making import empty_anchors, make_anchors_file
from morphovote.anchors.measuring import (
    MOST,
    choose_anchors,
    drawn_fraction,
    measure_anchors_file,
    true_flag,
)
from morphovote.anchors.placing import place_anchors_file
from morphovote.classify.anchors import enough, read_anchors
from morphovote.fields.sources import write_sources
from morphovote.flags import BAD, OWN, SERSIC_SUSPECT
from morphovote.measure.calibration import read_calibration
from morphovote.measure.calibration_table import calibrate_file
from morphovote.storage import shards
from morphovote.storage.model_files import write_model
from morphovote.storage.numbers import read_numbers
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


@pytest.mark.slow
def test_measured_anchors_have_what_was_seen_and_what_is_true(folder):
    make(folder, 3)
    args = (folder / "anchors.h5", folder / "sources.fits", [], [], [folder / "cut.h5"])
    how = {"size": SIZE, "engine": "fast"}
    measure_anchors_file(*args, folder / "some.h5", **how, processes=1)
    measure_anchors_file(*args, folder / "same.h5", **how, processes=2, bulge_disc=True)
    some, same = (shards.read_shard(folder / f"{name}.h5") for name in ("some", "same"))
    assert len(some["row"])
    assert set(some["row"]) <= set(shards.read_shard(args[0])["row"])
    for name in some:
        assert np.array_equal(some[name], same[name], equal_nan=True)
    more = {"bulge_fraction", "bulge_fraction_err", "bulge_disc_flag", "true_bulge_fraction"}
    assert set(same) - set(some) == more
    assert np.isfinite(same["bulge_fraction"]).any()
    good = (some["measure_flag"] == 0) & (some["true_flag"] == 0)
    near = np.abs(some["gini"] - some["true_gini"])[good]
    assert (near < 0.3).all()


def test_true_bulges_are_those_of_galaxies_made_of_bulge_and_disc():
    made = {
        "kind": np.array(["ETD", "SPH", "spheroid", "IRR merger"]),
        "bulge": np.array([0.4, 1.0, 1.0, 0.2]),
        "disturbed": np.array([0.0, 0.0, 0.0, 0.5]),
    }
    found = [drawn_fraction(made, row) for row in range(4)]
    assert np.array_equal(found, [0.4, 1.0, np.nan, np.nan], equal_nan=True)


def test_without_anchors_nothing_is_measured(folder):
    make(folder, 0)
    args = (folder / "anchors.h5", folder / "sources.fits", [], [], [folder / "cut.h5"])
    how = {"size": SIZE, "engine": "fast", "processes": 1}
    measure_anchors_file(*args, folder / "none.h5", **how, bulge_disc=True)
    calibrate_file(folder / "none.h5", folder / "measurement.h5", folder / "measurement.csv")
    known = read_calibration(folder / "measurement.h5")
    assert known.galaxies == 0
    assert known.bulge_share is None
    assert len(read_numbers(folder / "measurement.csv")) == 0


def test_bins_of_anchors_are_measured_alike():
    rng, count = np.random.default_rng(0), 2000
    made = {
        "kind": np.array(["SPH", "UNC star", "spiral", "artefact"] * (count // 4)),
        "snr": np.exp(rng.normal(3, 1, count)),
        "segment": np.exp(rng.normal(2, 0.5, count)),
    }
    chosen = choose_anchors(made)
    assert len(chosen) == MOST
    assert (np.diff(chosen) > 0).all()
    assert set(made["kind"][chosen]) == {"SPH", "spiral"}
    bright = made["snr"] > np.percentile(made["snr"], 95)
    assert bright[chosen].mean() > 2 * bright.mean()


def test_a_truth_is_not_bad_for_its_halo():
    halo = "the background is not subtracted"
    assert true_flag(BAD | SERSIC_SUSPECT, [halo]) == SERSIC_SUSPECT
    assert true_flag(BAD, [halo, "a second moment is not positive"]) == BAD
    assert true_flag(BAD, ["the centroid is outside"]) == BAD
