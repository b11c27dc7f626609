"""Several bands: which band each galaxy is taken in, and what is cut and measured there."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from morphovote.errors import InputError
from morphovote.fields.bands import choose_bands, inspect_bands, list_band_sources
from morphovote.fields.cutouts import make_cutouts
from morphovote.fields.psf import field_psf
from morphovote.fields.sources import read_sources, write_sources
from morphovote.flags import FAR_BAND, NO_REDSHIFT, NOT_COVERED
from morphovote.storage import shards

NIRCAM = np.array([1.154, 1.501, 2.776])
CENTRE = (150.0, 2.0)


def choose(redshift, covered=None, wavelength=NIRCAM, fallback=1, rest_frame=0.5, within=0.15):
    redshift = np.atleast_1d(np.asarray(redshift, dtype=float))
    if covered is None:
        covered = np.ones((len(redshift), len(wavelength)), dtype=bool)
    return choose_bands(redshift, covered, wavelength, fallback, rest_frame, within)


def test_the_nearest_band_in_the_rest_frame_is_taken():
    found = choose([1.0, 1.5, 2.0, 3.5, 4.5])
    assert found.band.tolist() == [0, 0, 1, 2, 2]
    np.testing.assert_allclose(
        found.rest_wavelength, NIRCAM[[0, 0, 1, 2, 2]] / [2, 2.5, 3, 4.5, 5.5]
    )
    assert not found.flag.any()


@pytest.mark.parametrize("redshift", [np.nan, np.inf, -99.0, -1.0])
def test_no_redshift_is_the_fallback_and_a_flag(redshift):
    found = choose(redshift)
    assert (found.band[0], found.flag[0]) == (1, NO_REDSHIFT)
    assert np.isnan(found.rest_wavelength[0])


@pytest.mark.parametrize(
    ("redshift", "flag"), [(0.0, FAR_BAND), (-0.001, FAR_BAND), (9.0, FAR_BAND)]
)
def test_no_band_near_enough_is_the_fallback_and_a_flag(redshift, flag):
    found = choose(redshift)
    assert (found.band[0], found.flag[0]) == (1, flag)
    assert found.rest_wavelength[0] == pytest.approx(1.501 / (1 + redshift))
    assert choose(redshift, within=10.0).flag[0] == 0


def test_the_distance_is_inclusive_and_ties_go_to_the_first_band():
    found = choose([1.0], wavelength=np.array([0.8, 1.2]), fallback=1, within=0.1)
    assert (found.band[0], found.flag[0]) == (0, 0)


def test_only_bands_that_cover_the_galaxy_count():
    covered = np.array([[0, 1, 1], [0, 0, 1], [1, 0, 1], [0, 0, 0]], dtype=bool)
    found = choose([1.5, 1.5, np.nan, 1.5], covered)
    # Next to nearest; none near, and the fallback does not have it; no redshift, likewise; nowhere.
    assert found.band.tolist() == [1, 2, 0, 1]
    assert found.flag.tolist() == [0, FAR_BAND | NOT_COVERED, NO_REDSHIFT | NOT_COVERED, 0]


def test_one_band_for_all_needs_no_redshift():
    covered = np.array([[1, 1], [1, 0]], dtype=bool)
    found = choose_bands(np.array([np.nan, 2.0]), covered, np.array([np.nan, np.nan]), 1)
    assert found.band.tolist() == [1, 0]
    assert found.flag.tolist() == [0, NOT_COVERED]
    assert np.isnan(found.rest_wavelength).all()


def write_band(folder, name, scale, side, blobs, zero_point=None, centre=CENTRE, psf=0.0, parts=1):
    """Images of one band with a round galaxy at each place (arcsec right and up of the centre)."""
    files = []
    for part in range(parts):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        wcs.wcs.crval, wcs.wcs.cdelt = centre, [-scale / 3600, scale / 3600]
        wcs.wcs.crpix = [(side + 1) / 2 - part * side, (side + 1) / 2]
        y, x = np.mgrid[:side, :side]
        pixels = np.random.default_rng(len(name) + part).normal(0, 0.01, (side, side))
        for right, up, flux in blobs:
            column = wcs.wcs.crpix[0] - 1 + right / scale
            row = wcs.wcs.crpix[1] - 1 + up / scale
            width = 0.15 / scale
            profile = np.exp(-((x - column) ** 2 + (y - row) ** 2) / 2 / width**2)
            pixels += flux * profile / (2 * np.pi * width**2)
        path = folder / f"{name}_{part}.fits"
        fits.writeto(path, pixels.astype(np.float32), wcs.to_header())
        files.append(str(path))
    star = []
    if psf:
        y, x = np.mgrid[-12:13, -12:13]
        star = [str(folder / f"{name}_star.fits")]
        fits.writeto(star[0], np.exp(-(x**2 + y**2) / 2 / (psf / scale) ** 2))
    return {"name": name, "wavelength": None, "zero_point": zero_point, "pixel_scale": None,
            "psf_oversampling": None, "pattern": None, "images": files, "rms": [], "weight": [],
            "planes": {"images": ""}, "psf_plane": star, "psfs": []}  # fmt: skip


def sky_of(places):
    """RA and Dec of places right and up of the centre (arcsec)."""
    ra = CENTRE[0] - np.array([p[0] for p in places]) / 3600 / np.cos(np.radians(CENTRE[1]))
    return ra, CENTRE[1] + np.array([p[1] for p in places]) / 3600


PLACES = [(0.0, 0.0), (3.0, 1.0), (-3.0, 2.0), (8.0, 0.0)]


@pytest.fixture
def survey(tmp_path):
    """Three bands: one of two images; one of coarser pixels; a small one without a PSF."""
    blobs = [(*place, 40.0) for place in PLACES]
    blue = write_band(tmp_path, "blue", 0.05, 320, blobs, 25.0, psf=0.05, parts=2)
    red = write_band(tmp_path, "red", 0.1, 240, [(*p, 4 * 40.0) for p in PLACES], 27.0, psf=0.1)
    far = write_band(tmp_path, "far", 0.05, 200, blobs, 25.0)
    for band, wave in zip((blue, red, far), (0.8, 1.6, 2.4), strict=True):
        band["wavelength"] = wave
    ra, dec = sky_of(PLACES)
    # Of far, z = 5, the last galaxy is outside.
    table = Table({"ID": [1, 2, 3, 4], "ra": ra, "dec": dec, "redshift": [0.6, 2.2, -99.0, 4.0]})
    table.write(tmp_path / "cat.csv")
    return [blue, red, far], str(tmp_path / "cat.csv")


CHOICE = {"band": "blue", "rest_frame": 0.5, "rest_frame_within": 0.2, "match_bands": False}


def test_each_galaxy_is_cut_and_seen_in_its_own_band(survey, tmp_path):
    bands, catalogue = survey
    listed = list_band_sources(bands, CHOICE, "images", catalogue)
    write_sources(tmp_path / "s.fits", *listed)
    sources, tiles = read_sources(tmp_path / "s.fits")
    assert sources["BAND"].tolist() == ["blue", "red", "blue", "red"]
    assert sources["BAND_FLAG"].tolist() == [0, 0, NO_REDSHIFT, 0]
    np.testing.assert_allclose(sources["REST_WAVELENGTH"], [0.5, 0.5, np.nan, 0.32], rtol=1e-6)
    assert (tiles["BAND"][sources["TILE"]] == sources["BAND"]).all()
    assert (sources["BAND_TILE"] >= 0).tolist() == [[True] * 3] * 3 + [[True, True, False]]
    assert [str(tiles["IMAGE"][n]) for n in range(len(tiles))] == [
        path for band in bands for path in band["images"]
    ]
    assert (tiles.meta["PIXSCALE"], tiles.meta["ZEROPT"]) == (pytest.approx(0.05), 25.0)
    assert "1 of 4 galaxies without a redshift: taken in blue" in " ".join(
        json.loads(tiles.meta["NOTES"])
    )
    assert "band far has no psf" in " ".join(json.loads(tiles.meta["NOTES"]))
    found = make_cutouts(sources, tiles, 64)
    assert not found["flags"].any()
    # The same place and size on the sky, whatever the pixels; and the light of its own band.
    x = np.arange(64)
    light = np.where((found["mask"] & 1) > 0, found["image"], 0)
    whole = light.sum(axis=(1, 2))
    np.testing.assert_allclose(whole, [40, 160, 40, 160], rtol=0.1)
    centre = (light * x).sum(axis=(1, 2)) / whole
    np.testing.assert_allclose(centre, 31.5, atol=0.6)
    width = np.sqrt((light * (x - centre[:, None, None]) ** 2).sum(axis=(1, 2)) / whole)
    np.testing.assert_allclose(width, 3, rtol=0.15)


def test_each_tile_has_its_own_psf_and_scale(survey):
    bands, catalogue = survey
    _, tiles = list_band_sources(bands, CHOICE, "images", catalogue)
    at = field_psf(tiles, [])
    blue, red, far = (at(int(np.flatnonzero(tiles["BAND"] == name)[0]), 5.0, 5.0)
                      for name in ("blue", "red", "far"))  # fmt: skip
    assert far is None
    # A sigma of one pixel each: 0.05 arcsec and 0.1.
    np.testing.assert_allclose(blue.max(), red.max(), rtol=1e-6)
    images, again = inspect_bands(bands)
    assert len(images) == len(again) == len(tiles)
    assert again["IMAGE"].tolist() == tiles["IMAGE"].tolist()


def test_measured_in_its_own_band(survey, tmp_path):
    from morphovote.measure.sections import measure_on_images

    bands, catalogue = survey
    sources, tiles = list_band_sources(bands, CHOICE, "images", catalogue)
    shard = tmp_path / "c.h5"
    cut = make_cutouts(sources[:2], tiles, 64)
    shards.write_shard(shard, cut, {"pixel_scale": tiles.meta["PIXSCALE"]}, {})
    found, _ = measure_on_images(shard, sources, tiles, None, 1, field_psf(tiles, []))
    true = 0.15 * np.sqrt(2 * np.log(2))
    np.testing.assert_allclose(found["r50"], true, rtol=0.12)
    true = np.array([25 - 2.5 * np.log10(40), 27 - 2.5 * np.log10(160)])
    np.testing.assert_allclose(found["mag_sersic"], true, atol=0.1)
    np.testing.assert_allclose(found["psf_radius"], np.array([0.05, 0.1]) * 1.177, rtol=0.1)


def test_redshifts_that_are_all_missing_are_a_sentence(survey, tmp_path):
    bands, _ = survey
    ra, dec = sky_of(PLACES)
    table = Table({"ID": [1, 2, 3, 4], "ra": ra, "dec": dec, "redshift": [-99.0] * 4})
    table.write(tmp_path / "none.csv")
    with pytest.raises(InputError, match="`rest_frame` needs redshifts"):
        list_band_sources(bands, CHOICE, "images", str(tmp_path / "none.csv"))
    one = CHOICE | {"band": "red", "rest_frame": None, "rest_frame_within": None}
    sources, _ = list_band_sources(bands, one, "images", str(tmp_path / "none.csv"))
    assert set(sources["BAND"]) == {"red"}
    assert not sources["BAND_FLAG"].any()


def test_pixel_positions_need_the_same_pixels_in_all_bands(survey, tmp_path):
    bands, _ = survey
    bands = [band | {"images": band["images"][:1]} for band in bands[:2]]
    Table({"ID": [1], "x": [60.0], "y": [70.0]}).write(tmp_path / "px.csv")
    one = CHOICE | {"band": "red", "rest_frame": None, "rest_frame_within": None}
    with pytest.raises(InputError, match="their images have other pixels"):
        list_band_sources(bands, one, "images", str(tmp_path / "px.csv"))


def test_a_band_elsewhere_on_the_sky_is_a_sentence_with_its_name(survey, tmp_path):
    bands, catalogue = survey
    other = write_band(tmp_path, "other", 0.05, 100, [], centre=(151.0, 2.0))
    with pytest.raises(InputError, match=r"^Band other: .*none of its 4 selected sources"):
        list_band_sources([*bands, other | {"wavelength": 3.0}], CHOICE, "images", catalogue)


def test_ready_cutouts_without_a_catalogue_are_those_of_any_band(tmp_path):
    bands = []
    for name, ids in (("b", (1, 2, 3)), ("r", (2, 3, 4))):
        files = []
        for one in ids:
            files += write_band(tmp_path, f"{name}{one}", 0.05, 60, [(0, 0, 40.0)])["images"]
        own = {"name": name, "images": files, "pattern": str(tmp_path / f"{name}*_0.fits")}
        bands.append(write_band(tmp_path, f"x{name}", 0.05, 20, []) | own)
    one = CHOICE | {"band": "r", "rest_frame": None, "rest_frame_within": None}
    sources, tiles = list_band_sources(bands, one, "cutouts", shard_size=3)
    assert sources["ID"].tolist() == [1, 2, 3, 4]
    assert sources["BAND"].tolist() == ["b", "r", "r", "r"]
    assert sources["BAND_FLAG"].tolist() == [NOT_COVERED, 0, 0, 0]
    assert sources["SHARD"].tolist() == [0, 0, 0, 1]
    assert np.isfinite(sources["RA"]).all()
    assert not make_cutouts(sources, tiles, 40)["flags"].any()
