"""Reading FITS images by section."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from morphovote.errors import InputError
from morphovote.fields import images
from morphovote.fields.missing import missing_pixels


def tan_header(ra=150.0, dec=2.0, scale=0.03, centre=(50.5, 50.5)):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = centre
    wcs.wcs.cdelt = [-scale / 3600, scale / 3600]
    return wcs.to_header()


@pytest.fixture
def pixels():
    return np.random.default_rng(0).normal(100, 5, (300, 400)).astype(np.float32)


def save(path, pixels, kind):
    if kind == "scaled":
        hdu = fits.PrimaryHDU(pixels.copy())
        hdu.scale("int16", bzero=100, bscale=0.01)
        hdu.writeto(path)
    elif kind == "compressed":
        hdu = fits.CompImageHDU(pixels, compression_type="GZIP_1", quantize_level=0)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    elif kind == "unsigned":
        fits.PrimaryHDU(pixels.astype(np.uint16)).writeto(path)
    else:
        fits.PrimaryHDU(pixels).writeto(path)
    return path


@pytest.mark.parametrize(
    ("kind", "tolerance"), [("plain", 0), ("scaled", 0.01), ("compressed", 0), ("unsigned", 1)]
)
def test_section_equals_slice_for_every_storage(tmp_path, pixels, kind, tolerance):
    path = save(tmp_path / "image.fits", pixels, kind)
    found = images.inspect_image(path)
    with images.open_image(path, found.hdu) as hdu:
        section = images.read_section(hdu, 20, 30, 40, 50)
    assert found.shape == (300, 400)
    assert section.dtype == np.float32
    assert section.flags.c_contiguous
    np.testing.assert_allclose(section, pixels[20:60, 30:80], atol=tolerance)


@pytest.mark.parametrize("kind", ["plain", "scaled", "compressed"])
def test_no_section_loads_the_whole_image(tmp_path, pixels, kind, monkeypatch):
    path = save(tmp_path / "image.fits", pixels, kind)

    def whole(self):
        raise AssertionError("the whole image was asked for")

    for hdu_class in (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU):
        monkeypatch.setattr(hdu_class, "data", property(whole))
    found = images.inspect_image(path)
    with images.open_image(path, found.hdu) as hdu:
        assert np.isfinite(images.read_section(hdu, 0, 0, 10, 10)).all()


def test_outside_is_nan(tmp_path, pixels):
    path = save(tmp_path / "image.fits", pixels, "plain")
    with images.open_image(path, 0) as hdu:
        corner = images.read_section(hdu, -3, 395, 10, 10)
        beyond = images.read_section(hdu, 1000, 1000, 10, 10)
    assert np.isnan(corner[:3]).all()
    assert np.isnan(corner[:, 5:]).all()
    np.testing.assert_array_equal(corner[3:, :5], pixels[:7, 395:])
    assert np.isnan(beyond).all()


def test_extension_is_chosen_by_kind(tmp_path):
    path = tmp_path / "i2d.fits"
    values = {"CON": 0.0, "ERR": 2.0, "WHT": 3.0, "SCI": 1.0}
    planes = [fits.ImageHDU(np.full((4, 5), value), name=name) for name, value in values.items()]
    fits.HDUList([fits.PrimaryHDU(), *planes]).writeto(path)
    for kind, value in (("image", 1), ("rms", 2), ("weight", 3)):
        number = images.inspect_image(path, kind).hdu
        with images.open_image(path, number) as hdu:
            assert images.read_section(hdu, 0, 0, 1, 1)[0, 0] == value


def test_wcs_round_trip_and_pixel_scale(tmp_path, pixels):
    path = tmp_path / "image.fits"
    fits.writeto(path, pixels, tan_header())
    found = images.inspect_image(path)
    assert found.pixel_scale == pytest.approx(0.03)
    x, y = images.sky_to_pixel(found.wcs, np.array([150.0]), np.array([2.0]))
    assert (x[0], y[0]) == pytest.approx((49.5, 49.5))  # crpix 50.5 is 1-based
    ra, dec = images.pixel_to_sky(found.wcs, np.array([10.0, 300]), np.array([20.0, 5]))
    back = images.sky_to_pixel(found.wcs, ra, dec)
    np.testing.assert_allclose(back, [[10, 300], [20, 5]], atol=1e-6)


def test_header_without_wcs_is_no_error(tmp_path, pixels):
    found = images.inspect_image(save(tmp_path / "image.fits", pixels, "plain"))
    assert found.wcs is None
    assert found.pixel_scale is None


def test_errors_name_the_file_and_what_was_found(tmp_path):
    cube = tmp_path / "cube.fits"
    fits.writeto(cube, np.zeros((3, 4, 5)))
    text = tmp_path / "notes.fits"
    text.write_text("no FITS")
    with pytest.raises(
        InputError, match=r"cube.fits: no extension holds a 2-D image .*\(3, 4, 5\)"
    ):
        images.inspect_image(cube)
    with pytest.raises(InputError, match=r"notes.fits: not a readable FITS file"):
        images.inspect_image(text)
    with pytest.raises(InputError, match=r"absent.fits: no such file"):
        images.inspect_image(tmp_path / "absent.fits")


def test_weight_to_rms():
    rms = images.weight_to_rms(np.array([4.0, 0.25, 0, -1, np.nan]))
    np.testing.assert_allclose(rms, [0.5, 2, np.nan, np.nan, np.nan])


def test_blank_patches_are_missing_and_single_zeros_are_not():
    image = np.random.default_rng(1).normal(size=(50, 50)).astype(np.float32)
    image[10, 10] = 0
    image[:, 30:] = 0
    image[0, :3] = np.nan
    missing = missing_pixels(image)
    expected = np.zeros((50, 50), dtype=bool)
    expected[:, 30:] = expected[0, :3] = True
    np.testing.assert_array_equal(missing, expected)


def test_pixels_without_noise_are_missing():
    rms = np.ones((5, 5))
    rms[0, 0], rms[1, 1], rms[2, 2] = 0, np.nan, np.inf
    missing = missing_pixels(np.ones((5, 5)), rms)
    assert missing.sum() == 3


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("kind", ["plain", "compressed", "scaled"])
def test_axes_of_length_one_are_no_cube(tmp_path, pixels, axes, kind):
    path = save(tmp_path / "image.fits", pixels.reshape((1,) * axes + pixels.shape), kind)
    found = images.inspect_image(path)
    assert found.shape == pixels.shape
    with images.open_image(path, found.hdu) as hdu:
        section = images.read_section(hdu, 250, -10, 60, 50)
    assert np.allclose(section[:50, 10:], pixels[250:, :40], atol=0.01)
    assert np.isnan(section[50:]).all()
