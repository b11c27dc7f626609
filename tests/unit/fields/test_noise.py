"""Whether a noise map fits the pixels of its image."""

import logging

import numpy as np
import pytest
from astropy.io import fits
from scipy import ndimage

from morphovote.errors import InputError
from morphovote.fields.tiles import inspect_tiles

SIDE = 200
# Across the field the noise grows threefold.
RMS = np.geomspace(0.6, 1.8, SIDE)[None, :] * np.ones((SIDE, SIDE))
NOISE = np.random.default_rng(1).normal(size=(SIDE, SIDE))
MAPS = {
    "rms": lambda rms: rms,
    "variance": lambda rms: rms**2,
    "weight": lambda rms: rms**-2.0,
}


@pytest.fixture
def judge(tmp_path, caplog):
    """Judge a map under a key; what is warned."""

    def run(key, noise_map, pixels, name="map.fits"):
        for path, data in (("image.fits", pixels), (name, noise_map)):
            fits.writeto(tmp_path / path, np.asarray(data, np.float32), overwrite=True)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            inspect_tiles([str(tmp_path / "image.fits")], **{key: [str(tmp_path / name)]})
        return " ".join(caplog.messages)

    return run


@pytest.mark.parametrize("scale", [3e-3, 300.0])
@pytest.mark.parametrize("key", ["rms", "weight"])
@pytest.mark.parametrize("kind", list(MAPS))
def test_a_map_of_another_kind_stops_and_is_told_what_it_is(judge, key, kind, scale):
    rms = scale * RMS
    if key == kind:
        assert judge(key, MAPS[kind](rms), rms * NOISE) == ""
        return
    with pytest.raises(InputError) as error:
        judge(key, MAPS[kind](rms), rms * NOISE)
    said = str(error.value)
    line = {"rms": "`rms:`", "weight": "`weight:`", "variance": "value='VARIANCE', ext=0)"}[kind]
    assert line in said
    assert {"rms": "an rms map", "variance": "square root", "weight": "1 / variance"}[kind] in said
    assert len(said) < 700


@pytest.mark.parametrize("factor", [4.0, 0.2])
def test_a_variance_within_ten_times_the_noise_stops(judge, factor):
    rms = factor * RMS
    with pytest.raises(InputError, match="a variance map"):
        judge("rms", rms**2, rms * NOISE)


def test_flat_maps_that_look_otherwise_are_doubted_only(judge):
    assert "It looks like a variance map" in judge("weight", np.full_like(RMS, 9e-6), 3e-3 * NOISE)
    assert "It looks like an rms map" in judge("weight", np.full_like(RMS, 3e-3), 3e-3 * NOISE)
    assert "It looks like a variance map" in judge("rms", np.full_like(RMS, 25.0), 5 * NOISE)


def test_a_variance_near_one_is_told_by_its_variations(judge):
    assert "scatter more where it is larger" in judge("weight", RMS**2, RMS * NOISE)


@pytest.mark.parametrize("most", [1.0, 30.0, 2e4])
def test_relative_weights_are_accepted(judge, most):
    """Normalised weights, numbers of exposures, exposure times."""
    weight = most * RMS.min() ** 2 / RMS**2
    for scale in (1e-3, 1.0, 50.0):
        assert judge("weight", weight, scale * RMS * NOISE) == ""
    assert judge("weight", np.full_like(RMS, most), 1e-3 * NOISE) == ""


@pytest.mark.parametrize("sigma", [0.5, 0.8])
def test_noise_that_goes_together_is_accepted(judge, sigma):
    """As in drizzled images, whose maps say the noise of independent pixels."""
    pixels = RMS * ndimage.gaussian_filter(NOISE, sigma)
    for scale in (3e-3, 1.0, 300.0):
        assert judge("rms", scale * RMS, scale * pixels) == ""
        assert judge("weight", (scale * RMS) ** -2, scale * pixels) == ""


def test_a_map_with_the_noise_of_the_sources_is_accepted(judge):
    y, x = np.indices((SIDE, SIDE)) - SIDE / 2
    light = 300 * np.exp(-np.hypot(x, y) / 20)
    rms = np.sqrt(RMS**2 + light)
    assert judge("rms", rms, rms * NOISE + light) == ""
    assert judge("weight", rms**-2, rms * NOISE + light) == ""


def test_the_name_of_a_file_says_that_it_is_a_variance(judge):
    assert judge("rms", (30 * RMS) ** 2, 30 * RMS * NOISE, "field_var.fits") == ""
