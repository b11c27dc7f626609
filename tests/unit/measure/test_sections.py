"""Measuring on sections of the images: true sizes at every size, neighbours, skies and edges."""

import galsim
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from morphovote import flags
from morphovote.fields import cutouts, sky, sources
from morphovote.measure import neighbours, sections
from morphovote.measure.morphology import BULGE_DISC, UNITS
from morphovote.storage import shards

SCALE, SIDE = 0.03, 640
FINE = galsim.GSParams(folding_threshold=2e-3, maxk_threshold=5e-4, maximum_fft_size=16384)
PSF = galsim.Moffat(beta=3, fwhm=0.1, gsparams=FINE)
# n, r_e (arcsec), axis ratio, flux in units of a pixel's noise, x, y (px).
GALAXIES = [
    (1.0, 0.60, 0.6, 2e4, 160.3, 180.8),
    (4.0, 0.60, 0.8, 5e4, 430.1, 200.4),
    (2.5, 0.30, 0.7, 8e3, 470.2, 240.9),
    (1.0, 0.15, 0.5, 3e3, 200.6, 470.2),
    (4.0, 0.20, 0.9, 6e3, 460.7, 450.1),
    (1.0, 0.30, 0.7, 5e3, 140.4, 215.5),
]


def psf_image(psf=PSF):
    image = psf.drawImage(nx=41, ny=41, scale=SCALE).array.astype(float)
    return image / image.sum()


def draw(n, r_e, q, flux, x, y, side, psf=PSF):
    profile = galsim.Sersic(n, half_light_radius=r_e * np.sqrt(q), flux=flux, gsparams=FINE)
    image = galsim.ImageD(galsim.BoundsI(0, side - 1, 0, side - 1))
    galsim.Convolve(profile.shear(q=q, beta=40 * galsim.degrees), psf).drawImage(
        image, scale=SCALE, center=galsim.PositionD(x, y)
    )
    return image.array


def only_fits(image, rms, mask, x, y):
    """In place of `measure_galaxy`, which takes its time."""
    return dict.fromkeys(UNITS, np.nan) | {"measure_flag": 0}, []


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """Six galaxies, some close to another, on a tilted sky: what `measure_on_images` takes."""
    folder = tmp_path_factory.mktemp("field")
    y, x = np.indices((SIDE, SIDE)) / SIDE
    image = 5 + 2 * x + y + np.random.default_rng(2).normal(size=x.shape)
    for galaxy in GALAXIES:
        image += draw(*galaxy, SIDE)
    fits.writeto(folder / "image.fits", image.astype(np.float32))
    names = ("n", "r_e", "q", "flux", "x", "y")
    Table(rows=GALAXIES, names=names)["x", "y"].write(folder / "catalogue.csv")
    listed, tiles = sources.list_sources(
        [str(folder / "image.fits")], "images", folder / "catalogue.csv", pixel_scale=SCALE
    )
    level, _ = sky.model_sky(tiles, {"mesh": 128})
    write_shard(folder / "all.h5", cutouts.make_cutouts(listed, tiles, 100, sky=level))
    return folder, listed, tiles, level


def write_shard(path, arrays):
    shards.write_shard(path, arrays, {"pixel_scale": SCALE})


def test_sizes_are_true_beside_neighbours_and_on_a_tilted_sky(field):
    folder, listed, tiles, level = field
    found, _ = sections.measure_on_images(
        folder / "all.h5", listed, tiles, level, 2, lambda *place: psf_image(), measure=only_fits
    )
    truth = np.array(GALAXIES)
    assert found["sersic_n"] == pytest.approx(truth[:, 0], rel=0.08)
    assert found["r_e"] == pytest.approx(truth[:, 1], rel=0.08)
    assert found["axis_ratio"] == pytest.approx(truth[:, 2], abs=0.03)
    assert (found["measure_flag"] == 0).all()


def test_a_galaxy_does_not_depend_on_its_shard(field, tmp_path):
    folder, listed, tiles, level = field
    arrays = shards.read_shard(folder / "all.h5")
    for name, rows in (("three", [0, 1, 3]), ("two", [3, 0])):
        write_shard(tmp_path / f"{name}.h5", {key: array[rows] for key, array in arrays.items()})
    run = (listed, tiles, level)
    fit = np.array([False, False, False, True, False, False])
    both = [sections.measure_on_images(path, *run, parts, lambda *place: psf_image(), fit)[0]
            for path, parts in ((tmp_path / "three.h5", 2), (tmp_path / "two.h5", 1))]  # fmt: skip
    for name in UNITS:
        np.testing.assert_array_equal(both[0][name][[2, 0]], both[1][name])
    assert np.isfinite(both[1]["r_e"]).tolist() == [True, False]
    # The first is larger than its cutout of 100 px, and measured whole.
    assert both[1]["measure_flag"][1] == flags.NO_SERSIC


def test_ready_made_cutouts_are_fitted_with_their_sky_and_psf(tmp_path):
    rng = np.random.default_rng(3)
    places, stars = [], (PSF.dilate(2.5), PSF)
    for number, (r_e, side) in enumerate([(0.3, 121), (0.9, 121)]):
        centre = (side - 1) / 2
        image = 7 + draw(1.5, r_e, 0.7, 2e4, centre, centre, side, stars[number])
        image += rng.normal(size=(side, side))
        places.append(str(tmp_path / f"g{number}.fits"))
        fits.writeto(places[-1], image.astype(np.float32))
    listed, tiles = sources.list_sources(
        places, "cutouts", pattern=str(tmp_path / "g*.fits"), pixel_scale=SCALE
    )
    path = tmp_path / "shard.h5"
    write_shard(path, cutouts.make_cutouts(listed, tiles, 100))
    found, _ = sections.measure_on_images(
        path, listed, tiles, None, 1, lambda n, x, y: psf_image(stars[n]), measure=only_fits
    )
    assert found["r_e"] == pytest.approx([0.3, 0.9], rel=0.08)
    assert found["sersic_n"] == pytest.approx([1.5, 1.5], rel=0.1)
    assert found["axis_ratio"] == pytest.approx([0.7, 0.7], abs=0.03)
    assert ((found["measure_flag"] & flags.FILLS_IMAGE) > 0).tolist() == [False, True]


@pytest.mark.parametrize("unit", [1.0, 1e-10])
@pytest.mark.parametrize("with_map", [True, False])
def test_neighbours_that_can_reach_the_galaxy_are_chosen_in_any_unit(unit, with_map):
    section = np.random.default_rng(5).normal(size=(201, 201))
    section += draw(2, 0.2, 0.8, 2e3, 100, 100, 201)
    for flux, x in ((3e3, 140), (3e2, 20)):  # one that shines on it, and one that does not
        section += draw(3, 0.2, 0.8, flux, x, 120, 201)
    section = (section * unit).astype(np.float32)
    rms = np.full_like(section, unit) if with_map else None
    scene = cutouts.find_scene(section, rms, np.zeros(section.shape, bool))
    own, _ = cutouts.own_segment(scene, 100, 100, SCALE)
    main = int(scene.labels[100, 100]) - 1
    chosen = neighbours.chosen_neighbours(scene, own, main)
    assert np.round(scene.found["x"][chosen]).tolist() == [140]
    assert len(scene.found) >= 3


def test_bulge_and_disc_are_fitted_where_they_are_asked_for_and_change_nothing_else(
    field, tmp_path
):
    folder, listed, tiles, level = field
    arrays = shards.read_shard(folder / "all.h5")
    write_shard(tmp_path / "one.h5", {key: array[4:5] for key, array in arrays.items()})
    run = (tmp_path / "one.h5", listed, tiles, level, 1, lambda *place: psf_image())
    none, both = (
        sections.measure_on_images(*run, measure=only_fits, bulge_disc=mode)[0]
        for mode in ("none", "auto")
    )
    for name, values in none.items():
        np.testing.assert_array_equal(values, both[name])
    assert set(both) - set(none) == {*BULGE_DISC, "bulge_disc_flag"}
    # It is a spheroid.
    assert both["bulge_disc_flag"][0] >= 0
    assert both["bulge_fraction"][0] > 0.7
    assert both["bulge_disc_delta_bic"][0] < 0
