"""Bands brought to one PSF: kernels on simulated points, in pixels of the same and unlike scale."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from scipy.special import erf

from morphovote.fields import psf_matching
from morphovote.fields.cutouts import make_cutouts
from morphovote.fields.psf import field_psf
from morphovote.flags import NO_DATA, OWN

# Band -> pixel scale, and widths of core and wings (sigma, arcsec).
BANDS = {"sharp": (0.05, 0.05, 0.1), "wide": (0.08, 0.085, 0.2), "fine": (0.03, 0.045, 0.12)}


def point(side, place, scale, core, wings):
    """A star's light in each pixel: two Gaussians, integrated over the pixels; its sum is 1."""
    image = np.zeros((side, side))
    edges = (np.arange(side + 1) - 0.5) * scale
    for share, sigma in ((0.8, core), (0.2, wings)):
        x, y = (np.diff(erf((edges - at * scale) / sigma / np.sqrt(2))) / 2 for at in place)
        image += share * np.outer(y, x)
    return image


def star(band, side=41):
    scale, core, wings = BANDS[band]
    image = point(side, ((side - 1) / 2,) * 2, scale, core, wings)
    return image / image.sum()


@pytest.fixture
def tiles(tmp_path):
    """An image of each band with one star, off the centre of a pixel, and its PSF."""
    rows = []
    for number, (name, (scale, *widths)) in enumerate(BANDS.items()):
        pixels = np.random.default_rng(number).normal(0, 0.02, (220, 220))
        pixels += 4000 * point(220, (110.3, 108.8), scale, *widths)
        fits.writeto(tmp_path / f"{name}.fits", pixels.astype(np.float32))
        fits.writeto(tmp_path / f"{name}_psf.fits", star(name))
        rows.append((str(tmp_path / f"{name}.fits"), 0, "", -1, "", -1, name, scale, np.nan,
                     str(tmp_path / f"{name}_psf.fits"), np.nan))  # fmt: skip
    names = ("IMAGE", "HDU", "RMS", "RMS_HDU", "WEIGHT", "WEIGHT_HDU", "BAND", "PIXSCALE",
             "ZEROPT", "PSF", "PSF_SAMPLES")  # fmt: skip
    table = Table(rows=rows, names=names)
    table.meta = {"PIXSCALE": 0.05, "ZEROPT": np.nan, "KIND": "images"}
    return table


def curve_of_growth(image, x, y, scale=0.05):
    """Light within circles about a place (px), pixels at the rim in parts."""
    finer = np.kron(image, np.full((9, 9), 1 / 81))
    rows, columns = (np.indices(finer.shape) + 0.5) / 9 - 0.5
    distance = np.hypot(columns - x, rows - y) * scale
    return np.array([finer[distance < radius].sum() for radius in np.arange(0.1, 0.75, 0.05)])


def test_resampling_a_psf_gives_what_finer_or_coarser_pixels_would_see():
    scale, core, wings = BANDS["wide"]
    finer = psf_matching.resample_psf(star("wide"), 1.6)
    assert finer.shape == (65, 65)
    direct = point(65, (32, 32), scale / 1.6, core, wings)
    assert np.abs(finer - direct).sum() / 2 < 0.01


@pytest.mark.parametrize("band", ["sharp", "fine"])
def test_a_matched_psf_differs_by_less_than_one_per_cent(band):
    own = psf_matching.resample_psf(star(band), BANDS[band][0] / 0.05)
    target = psf_matching.resample_psf(star("wide"), 1.6)
    kernel = psf_matching.match_kernel(own, target)
    assert kernel.sum() == pytest.approx(1)
    assert psf_matching.mismatch(own, target, kernel) < 0.01
    # As they are, they differ by far more.
    alone = np.zeros((3, 3))
    alone[1, 1] = 1
    assert psf_matching.mismatch(own, target, alone) > 0.2


def test_stars_of_all_bands_look_alike(tiles):
    rows = len(tiles)
    sources = Table({"ROW": np.arange(rows), "ID": np.arange(rows), "TILE": np.arange(rows),
                     "X": np.full(rows, 110.3), "Y": np.full(rows, 108.8)})  # fmt: skip
    tiles["MATCHED"] = True
    kernel = psf_matching.match_kernels(tiles, [], None, 0.05)
    assert kernel(1, 0, 0) is None
    assert kernel(0, 0, 0) is kernel(0, 5, 5)
    found = make_cutouts(sources, tiles, 64, kernel=kernel)
    plain = make_cutouts(sources, tiles, 64)
    grown = {}
    for name, cut in (("matched", found), ("as they are", plain)):
        curves = [curve_of_growth(*one) / 4000 for one in zip(cut["image"], cut["x"], cut["y"],
                                                              strict=True)]  # fmt: skip
        grown[name] = np.abs(np.array(curves) - curves[1]).max()
    assert grown["matched"] < 0.01 < 0.2 < grown["as they are"]
    # The noise of the sky is what the noise map says.
    for image, rms, mask in zip(found["image"], found["rms"], found["mask"], strict=True):
        ratio = (image / rms)[mask == 0]
        assert 1.48 * np.median(np.abs(ratio - np.median(ratio))) == pytest.approx(1, abs=0.25)
    assert ((found["mask"] & OWN) > 0).any(axis=(1, 2)).all()
    assert not (found["flags"] & NO_DATA).any()


def test_the_psf_of_cutouts_is_in_their_pixels_and_one_where_matched(tiles):
    at = psf_matching.cutout_psf(tiles, [])
    native = field_psf(tiles, [])
    np.testing.assert_array_equal(at(0, 1, 1), native(0, 1, 1))
    assert at(1, 1, 1).shape == (65, 65)
    assert at(1, 1, 1) is at(1, 9, 9)
    tiles["MATCHED"] = True
    one = psf_matching.cutout_psf(tiles, [])
    np.testing.assert_allclose(one(0, 1, 1), at(1, 1, 1))
    plain = tiles[["IMAGE", "HDU"]][:1]
    plain.meta = {"PIXSCALE": 0.05, "KIND": "images"}
    given = [str(tiles["PSF"][0])]
    np.testing.assert_array_equal(psf_matching.cutout_psf(plain, given)(0, 0, 0), native(0, 0, 0))
    assert psf_matching.match_kernels(plain, given, None, 0.05) is None
