"""The sky of images on a mesh: slopes, galaxies' halos, sections, and what `auto` decides."""

import logging

import numpy as np
import pytest
from astropy.io import fits

from morphovote.fields import sky
from morphovote.fields.tiles import inspect_tiles

SIDE = 700


def write_image(path, level=0.0, slope=0.0, seed=1, halos=40):
    """An image of noise 1 with Gaussian galaxies, and a plane as its sky: tiles and true sky."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((SIDE, SIDE))
    truth = level + slope * (x + 0.5 * y) / SIDE
    image = truth + rng.normal(size=truth.shape)
    for place in rng.uniform(0, SIDE, (halos, 2)):
        radius = np.hypot(x - place[0], y - place[1])
        # The wings of an exponential disc go on below the noise.
        image += 20 * np.exp(-radius / 5)
    fits.writeto(path, image.astype(np.float32))
    return inspect_tiles([str(path)])[1], truth


def test_a_tilted_sky_comes_back(tmp_path):
    tiles, truth = write_image(tmp_path / "tilted.fits", level=30, slope=4)
    found, subtracted = sky.model_sky(tiles, "auto")
    assert subtracted
    error = sky.sky_section(found, 0, 0, 0, SIDE, SIDE) - truth
    assert abs(np.median(error)) < 0.03
    assert np.percentile(np.abs(error), 95) < 0.08
    assert sky.LEAST_NOISE <= found.noise < 0.05


def test_a_section_is_a_piece_of_the_whole(tmp_path):
    tiles, _ = write_image(tmp_path / "tilted.fits", level=3, slope=4, halos=5)
    found, _ = sky.model_sky(tiles, {"mesh": 100})
    assert found.level[0].shape == (7, 7)
    whole = sky.sky_section(found, 0, 0, 0, SIDE, SIDE)
    assert (sky.sky_section(found, 0, 211, 37, 90, 150) == whole[211:301, 37:187]).all()
    # Beyond the border it goes on.
    outside = sky.sky_section(found, 0, -20, -20, 60, 60)
    assert (outside[20:, 20:] == whole[:40, :40]).all()


@pytest.mark.slow
def test_blocks_and_processes_do_not_change_the_sky(tmp_path, monkeypatch):
    tiles, _ = write_image(tmp_path / "tilted.fits", level=3, slope=1)
    whole, _, _ = sky.measure_cells(tiles[0], 128)
    monkeypatch.setattr(sky, "CORE", 256)
    parts, _, _ = sky.measure_cells(tiles[0], 128)
    again, _, _ = sky.measure_cells(tiles[0], 128, threads=2)
    assert (parts == again).all()
    # What surrounds a block decides which sources are seen: a little, and no more.
    assert np.abs(parts - whole).max() < 0.05


@pytest.mark.parametrize(("level", "has_sky"), [(0.0, False), (0.5, True), (-0.3, True)])
def test_auto_tells_which(tmp_path, caplog, level, has_sky):
    tiles, _ = write_image(tmp_path / "flat.fits", level=level, halos=20)
    with caplog.at_level(logging.INFO):
        found, subtracted = sky.model_sky(tiles, "auto")
    assert subtracted == has_sky
    assert ("the images have a sky" in caplog.text) == has_sky
    assert ("subtracted already" in caplog.text) != has_sky
    assert (np.abs(found.level[0]).max() > 0) == has_sky


def test_a_large_galaxy_is_not_the_sky(tmp_path):
    y, x = np.indices((SIDE, SIDE))
    image = np.random.default_rng(0).normal(size=x.shape)
    image += 50 * np.exp(-np.hypot(x - 350, y - 350) / 15)
    fits.writeto(tmp_path / "large.fits", image.astype(np.float32))
    tiles = inspect_tiles([str(tmp_path / "large.fits")])[1]
    found, _ = sky.model_sky(tiles, {"mesh": 128})
    assert np.abs(found.level[0]).max() < 0.06


def test_what_is_written_is_read(tmp_path):
    levels = [np.arange(6, dtype=np.float32).reshape(2, 3), np.ones((1, 1), np.float32)]
    sky.write_sky(tmp_path / "sky.h5", sky.Sky(128, levels, 0.02), True)
    again = sky.read_sky(tmp_path / "sky.h5")
    assert (again.mesh, again.noise) == (128, 0.02)
    assert all((a == b).all() for a, b in zip(again.level, levels, strict=True))


def test_an_image_without_sky_pixels(tmp_path):
    fits.writeto(tmp_path / "blank.fits", np.zeros((300, 300), np.float32))
    tiles = inspect_tiles([str(tmp_path / "blank.fits")])[1]
    found, subtracted = sky.model_sky(tiles, "auto")
    assert not subtracted
    assert (found.level[0] == 0).all()
