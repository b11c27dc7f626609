"""Folders of cutouts and pictures for the training."""

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from morphovote.errors import InputError
from morphovote.pretrain import pictures, recipe


def galaxy(side, seed=0):
    y, x = np.indices((side, side)) - (side - 1) / 2
    light = 120 * np.exp(-np.hypot(x / 5, y / 3))
    return light + np.random.default_rng(seed).standard_normal((side, side)) + 20


def test_a_cutout_and_a_picture_of_a_galaxy_give_the_same(tmp_path):
    image = galaxy(120)
    fits.writeto(tmp_path / "a.fits", image.astype(np.float32))
    Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(tmp_path / "b.png")
    first, second = (pictures._cut(tmp_path / name) for name in ("a.fits", "b.png"))
    assert first["image"].shape == (100, 100)
    assert first["flags"] == second["flags"] == 0
    assert first["image"].max() == pytest.approx(second["image"].max(), rel=0.1)
    assert first["image"].max() == pytest.approx(100, rel=0.25), "the sky is taken off"


def test_a_picture_smaller_than_a_cutout_is_used(tmp_path):
    fits.writeto(tmp_path / "a.fits", galaxy(64).astype(np.float32))
    cut = pictures._cut(tmp_path / "a.fits")
    assert cut["image"].shape == (100, 100)
    assert cut["snr"] > 50


def test_bad_pictures_are_told(tmp_path):
    with pytest.raises(InputError, match="not a folder"):
        pictures.list_pictures(tmp_path / "none")
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"holds 1 files.*at least 100"):
        pictures.list_pictures(tmp_path)
    with pytest.raises(InputError, match=r"a\.jpg: cannot be read"):
        pictures.read_picture(tmp_path / "a.jpg")
    fits.writeto(tmp_path / "line.fits", np.zeros(5, np.float32))
    with pytest.raises(InputError, match="no extension holds a 2-D image"):
        pictures.read_picture(tmp_path / "line.fits")


def test_the_card_says_which_surveys_were_seen():
    settings = {
        "name": "convnext_atto",
        "seed": 0,
        "sky": {"nircam": 900},
        "start": "old.safetensors",
    }
    source = recipe.describe_training(settings, [{"galaxies": 64}])["source"]
    assert "64 simulated galaxies" in source
    assert "real galaxies without labels (900 of nircam)" in source
    assert "from the weights old.safetensors" in source
