"""PSFs on the pixels of the images: finer ones, PSFEx models, one for each image."""

import galsim
import galsim.des
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from morphovote.errors import InputError
from morphovote.fields.psf import field_psf, psf_pixels
from morphovote.fields.psf_widths import measure_fwhm, most_light
from morphovote.fields.psfex import evaluate, read_model

SCALE = 0.03
STAR = galsim.Moffat(beta=3, fwhm=0.1, gsparams=galsim.GSParams(folding_threshold=2e-3))


def star(scale=SCALE, size=41, **how):
    return STAR.drawImage(nx=size, ny=size, scale=scale, **how).array.astype(float)


def write(path, psf, **cards):
    fits.writeto(path, psf, fits.Header(cards), overwrite=True)
    return path


def sky(scale):
    cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 0, "CRVAL2": 0}
    return cards | {"CDELT1": -scale / 3600, "CDELT2": scale / 3600}


def gauss(sigma, size=41):
    y, x = np.indices((size, size)) - size // 2
    return np.exp(-(x**2 + y**2) / (2 * sigma**2))


def model(path, degree=2, names=("X_IMAGE", "Y_IMAGE"), step=0.7, terms=None, **changes):
    """Write a PSFEx model whose stars widen and shift over a 2000 px image."""
    count = (degree + 1) * (degree + 2) // 2 if terms is None else terms
    basis = [gauss(3.5)] + [0.1 * (gauss(4 + n) - gauss(3 + n)) for n in range(count - 1)]
    data = np.array([(np.array(basis),)], dtype=[("PSF_MASK", "f4", (count, 41, 41))])
    table = fits.BinTableHDU(data, name="PSF_DATA")
    head = {"POLNAXIS": len(names), "POLNGRP": 1, "POLDEG1": degree, "PSF_SAMP": step}
    head |= {"PSFNAXIS": 3, "PSFAXIS1": 41, "PSFAXIS2": 41, "PSFAXIS3": count}
    for n, name in enumerate(names, start=1):
        head |= {f"POLNAME{n}": name, f"POLGRP{n}": 1, f"POLZERO{n}": 1000.5, f"POLSCAL{n}": 2000.0}
    table.header.update(
        {key: value for key, value in (head | changes).items() if value is not None}
    )
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path, overwrite=True)
    return path


def test_a_psf_is_normalised_odd_and_centred(tmp_path):
    y, x = np.mgrid[:20, :20]
    psf = 7 * np.exp(-((x - 10) ** 2 + (y - 10) ** 2) / 8)
    psf[0, 0] = np.nan
    read = psf_pixels(write(tmp_path / "psf.fits", psf), SCALE)
    assert read.shape == (19, 19)
    assert read.sum() == pytest.approx(1)
    assert np.unravel_index(read.argmax(), read.shape) == (9, 9)


@pytest.mark.parametrize(
    ("psf", "said"),
    [
        (np.zeros((5, 5)), "the PSF sums to 0"),
        (np.where(np.indices((41, 41)).sum(axis=0), 0.0, 1.0), r"psf\.fits.*brightest pixel"),
        (np.where(gauss(2) > 0.9, np.nan, gauss(2)), "pixels in the middle of the PSF are NaN"),
        (np.zeros((3, 9, 9)) + 1, "2-D"),
        (np.ones((1, 1)), "has 1 x 1 pixels of the images"),
    ],
)
def test_what_is_no_psf_is_refused(tmp_path, psf, said):
    with pytest.raises(InputError, match=said):
        psf_pixels(write(tmp_path / "psf.fits", psf), SCALE)


@pytest.mark.parametrize(("scale", "size"), [(0.03, 41), (0.03, 40), (0.015, 121), (0.05, 25)])
def test_a_wcs_tells_the_sampling(tmp_path, scale, size):
    path = write(tmp_path / "psf.fits", star(scale, size), **sky(scale))
    psf = psf_pixels(path, SCALE)
    assert all(side % 2 for side in psf.shape)
    assert psf.sum() == pytest.approx(1)
    if size % 2:
        wanted = measure_fwhm(star()) if scale <= SCALE else measure_fwhm(star(scale, 25)) * 5 / 3
        assert measure_fwhm(psf) == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize(
    "cards",
    [
        {"OVERSAMP": 4},
        {"DET_SAMP": 4},
        {"PIXELSCL": SCALE / 4, "OVERSAMP": 4, "DET_SAMP": 4},
        {"PIXSCL": SCALE / 4},
        {"CDELT1": SCALE / 4 / 3600},
        {"CDELT1": -SCALE / 4},
        {"PIXELSCL": SCALE, "OVERSAMP": 4},
        sky(SCALE / 4),
        None,
    ],
)
@pytest.mark.parametrize("size", [164, 165])
def test_a_finer_psf_is_integrated_over_pixels(tmp_path, cards, size):
    fine = star(SCALE / 4, size, method="no_pixel")
    path = write(tmp_path / "psf.fits", fine, **(cards or {}))
    psf = psf_pixels(path, SCALE, None if cards else 4)
    wanted = star(size=len(psf))
    difference = psf - wanted / wanted.sum()
    assert np.abs(difference).max() < 0.005 * psf.max()


@pytest.mark.parametrize(
    "cards",
    [{}, {"CDELT1": 1.0}, {"PIXSCALE": SCALE}, {"OVERSAMP": 1, "DET_SAMP": 4}, {"CDELT1": 99}],
)
def test_other_headers_leave_a_psf_alone(tmp_path, cards):
    psf = star() / star().sum()
    found = psf_pixels(write(tmp_path / "psf.fits", psf, **cards), SCALE)
    np.testing.assert_allclose(found, psf, rtol=1e-6)


@pytest.mark.parametrize("step", [0.7, 1.0, 1.2])
def test_a_psfex_model_is_evaluated_as_galsim_does(tmp_path, step):
    path = model(tmp_path / "star.psf", step=step)
    judge, own = galsim.des.DES_PSFEx(str(path)), read_model(path)
    tiles = Table({"IMAGE": ["a.fits"]}, meta={"KIND": "images", "PIXSCALE": SCALE})
    at = field_psf(tiles, [str(path)])
    for x, y in ((0.0, 0.0), (1999.0, 30.0), (999.5, 999.5), (400.0, 1800.0)):
        place = galsim.PositionD(x + 1, y + 1)
        wanted = judge.getPSFArray(place)
        np.testing.assert_allclose(evaluate(own, x, y), wanted / wanted.sum(), atol=1e-7)
        psf = at(0, x, y)
        drawn = judge.getPSF(place).drawImage(nx=len(psf), ny=len(psf), scale=1, method="no_pixel")
        drawn = drawn.array / drawn.array.sum()
        assert np.abs(psf - drawn).max() < 0.01 * drawn.max()
    assert measure_fwhm(at(0, 0, 0)) != pytest.approx(measure_fwhm(at(0, 1999, 1999)), rel=0.01)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"POLZERO2": None, "PSF_SAMP": None}, "lacks PSF_SAMP, POLZERO2"),
        ({"names": ("X_IMAGE", "MAG_AUTO")}, "varies with X_IMAGE, MAG_AUTO"),
        ({"names": ("X_IMAGE", "XWIN_IMAGE")}, "expected X_IMAGE and Y_IMAGE"),
        ({"terms": 4}, "expected 6 finite images"),
        ({"PSF_SAMP": 0.0}, "a positive step"),
    ],
)
def test_a_psfex_model_that_cannot_be_used_is_refused(tmp_path, changes, said):
    with pytest.raises(InputError, match=said):
        psf_pixels(model(tmp_path / "star.psf", **changes), SCALE)


def test_constant_models_and_those_of_cutouts_are_one_psf(tmp_path):
    flat = str(model(tmp_path / "flat.psf", 0, (), POLDEG1=None))
    varied = str(model(tmp_path / "varied.psf"))
    images = Table({"IMAGE": ["a.fits"]}, meta={"KIND": "images", "PIXSCALE": SCALE})
    at = field_psf(images, [flat])
    assert at(0, 3, 4) is at(0, 1999, 0)
    at = field_psf(Table(images, meta=images.meta | {"KIND": "cutouts"}), [varied])
    middle = field_psf(images, [varied])(0, 999.5, 999.5)
    np.testing.assert_allclose(at(0, 50.0, 50.0), middle, atol=1e-12)


def test_of_several_models_one_is_chosen(tmp_path):
    parts = [fits.open(model(tmp_path / f"{n}.psf", 0, (), step=n))[1] for n in (0.5, 1.0)]
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(tmp_path / "all.psf")
    with pytest.raises(InputError, match=r"2 PSFEx models, in extensions 1, 2.*\n.*all\.psf\[1\]"):
        read_model(tmp_path / "all.psf")
    assert read_model(f"{tmp_path}/all.psf[2]").step == 1


def test_each_image_has_its_own_psf(tmp_path):
    paths = [str(write(tmp_path / f"{n}.fits", gauss(n))) for n in (1, 2, 3)]
    tiles = Table({"IMAGE": list("abc"), "PSF": paths}, meta={"KIND": "images", "PIXSCALE": SCALE})
    at = field_psf(tiles, [])
    assert [round(measure_fwhm(at(n, 0, 0)) / 2.3548) for n in range(3)] == [1, 2, 3]
    assert at(1, 0, 0) is at(1, 7, 7)
    assert field_psf(tiles["IMAGE",], []) is None


def test_a_negative_ring_is_seen():
    assert most_light(gauss(2)) == pytest.approx(1)
    assert most_light(gauss(2) - 0.2 * gauss(4)) > 1.1
