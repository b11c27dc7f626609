"""Cutouts on other pixels keep light, place, noise and masks."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from morphovote.fields import cutouts, resampling
from morphovote.flags import MISSING, NEIGHBOUR, NO_DATA, OWN


def gaussian(size, sigma, x, y, flux=1000.0):
    rows, columns = np.mgrid[:size, :size]
    light = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return flux * light / light.sum()


def make_cutout(native, factor, sigma=4.0, seed=0, noise=0.1):
    """A galaxy a little off the middle; `sigma` and place in new pixels."""
    x = y = (native - 1) / 2 + 1.5
    image = gaussian(native, sigma / factor, x, y)
    own = image > 0.01 * image.max()
    random = np.random.default_rng(seed)
    return {
        "image": (image + random.normal(0, noise, image.shape)).astype(np.float32),
        "rms": np.full(image.shape, noise, np.float32),
        "mask": (own * OWN).astype(np.uint8),
        "arcs": np.zeros_like(image, dtype=np.float32),
        "flags": 0,
        "snr": 50.0,
        "x": x,
        "y": y,
        "neighbours": 0,
    }


@pytest.mark.parametrize("factor", [0.5, 0.7, 1.3, 2.0])
def test_light_place_and_width_are_kept(factor):
    size = 80
    native = resampling.native_side(size, factor, 1.0)
    result = resampling.resample_cutout(make_cutout(native, factor, noise=1e-4), size, factor)
    image = result["image"]
    assert image.shape == (size, size)
    assert image.sum() == pytest.approx(1000, rel=2e-3)
    rows, columns = np.mgrid[:size, :size]
    centre = (columns * image).sum() / image.sum(), (rows * image).sum() / image.sum()
    assert centre == pytest.approx((result["x"], result["y"]), abs=0.05)
    width = np.sqrt(((columns - centre[0]) ** 2 * image).sum() / image.sum())
    assert width == pytest.approx(4.0, rel=0.04)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.5, 2.0])
def test_rms_is_the_scatter_of_the_new_pixels(factor):
    native = resampling.native_side(100, factor, 1.0)
    ratios = []
    for seed in range(5):
        result = resampling.resample_cutout(make_cutout(native, factor, seed=seed), 100, factor)
        sky = result["mask"] == 0
        ratios.append(result["image"][sky].std() / np.median(result["rms"][sky]))
    assert np.mean(ratios) == pytest.approx(1, abs=0.08)


def test_masks_are_carried():
    cutout = make_cutout(50, 2.0)
    cutout["mask"][:4] = MISSING
    cutout["mask"][40:, 40:] = NEIGHBOUR
    mask = resampling.resample_cutout(cutout, 100, 2.0)["mask"]
    assert (mask[:8] == MISSING).all()
    assert not (mask[9:] & MISSING).any()
    assert (mask[82:, 82:] == NEIGHBOUR).all()
    own = np.count_nonzero(cutout["mask"] == OWN)
    assert np.count_nonzero(mask == OWN) == pytest.approx(4 * own, rel=0.02)


def test_arcs_are_carried_with_their_light():
    cutout = make_cutout(50, 2.0)
    assert not resampling.resample_cutout(cutout, 100, 2.0)["arcs"].any()
    cutout["arcs"][10:13, 20:30] = 7
    arcs = resampling.resample_cutout(cutout, 100, 2.0)["arcs"]
    assert arcs.dtype == np.float32
    assert arcs.sum() == pytest.approx(210, rel=1e-4)
    assert arcs[22:24, 45:55].mean() == pytest.approx(7 / 4, rel=0.2)


def test_a_cutout_without_data_stays_one():
    empty = make_cutout(50, 2.0) | {"flags": NO_DATA, "image": np.zeros((50, 50), np.float32)}
    result = resampling.resample_cutout(empty, 100, 2.0)
    assert (result["mask"] == MISSING).all()
    assert (result["rms"] == 1).all()
    assert not result["image"].any()
    assert result["arcs"].shape == (100, 100)


def test_same_pixels_change_nothing():
    cutout = make_cutout(60, 1.0)
    result = resampling.resample_cutout(cutout, 60, 1.0)
    np.testing.assert_allclose(result["image"], cutout["image"], atol=1e-5)
    np.testing.assert_array_equal(result["mask"], cutout["mask"])
    np.testing.assert_allclose(result["rms"], cutout["rms"], rtol=1e-3)


def test_cutting_with_a_target_scale_gives_the_same_galaxy(tmp_path):
    random = np.random.default_rng(1)
    fine = gaussian(400, 6.0, 199.5, 199.5, 5e4) + random.normal(0, 1, (400, 400))
    coarse = fine.reshape(200, 2, 200, 2).sum(axis=(1, 3))
    found = {}
    for name, image, scale in (("fine", fine, 0.03), ("coarse", coarse, 0.06)):
        path = tmp_path / f"{name}.fits"
        fits.writeto(path, image.astype(np.float32))
        middle = (len(image) - 1) / 2
        sources = Table({"ROW": [0], "ID": ["a"], "TILE": [0], "X": [middle], "Y": [middle]})
        tiles = Table({"IMAGE": [str(path)], "HDU": [0], "RMS": [""], "WEIGHT": [""]})
        tiles.meta = {"PIXSCALE": scale, "KIND": "images"}
        found[name] = cutouts.make_cutouts(sources, tiles, 100, target=0.03)
    assert found["coarse"]["image"].shape == (1, 100, 100)
    flux = [found[name]["image"][0].sum() for name in found]
    assert flux[1] == pytest.approx(flux[0], rel=0.02)
    assert found["coarse"]["x"] == pytest.approx(found["fine"]["x"], abs=0.6)
    peak = [found[name]["image"][0].max() for name in found]
    assert peak[1] == pytest.approx(peak[0], rel=0.1)
