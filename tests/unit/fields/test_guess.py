"""What the files of a folder are guessed to be."""

import numpy as np
import pytest
from astropy.io import fits
from bad_input import SIDE, catalogue, gauss, header, image, pixels, sky

from morphovote.errors import InputError
from morphovote.fields.guess import guess_entry

ONES = np.ones((SIDE, SIDE), np.float32)


def test_planes_in_files_of_their_own(tmp_path):
    for tile in (1, 2):
        image(tmp_path, name=f"a_{tile}_sci.fits")
        image(tmp_path, ONES, name=f"a_{tile}_rms.fits")
    image(tmp_path, ONES, name="a_flag.fits")
    image(tmp_path, gauss(), name="psf.fits", head=None)
    catalogue(tmp_path, sky(z_phot=[0.5, 0.7]), "sources.fits")
    (tmp_path / "notes.txt").write_text("not of the field")
    # Small as tiles of a test are, they would be taken for cutouts.
    image(tmp_path, pixels(shape=(500, 500)), name="a_3_sci.fits")
    image(tmp_path, np.ones((500, 500), np.float32), name="a_3_rms.fits")
    columns = {"id": "id", "ra": "ra", "dec": "dec", "mag": "mag", "redshift": "z_phot"}
    assert guess_entry(tmp_path) == {
        "images": f"{tmp_path}/a_*_sci.fits",
        "rms": f"{tmp_path}/a_*_rms.fits",
        "psf": f"{tmp_path}/psf.fits",
        "catalogue": f"{tmp_path}/sources.fits",
        "columns": columns,
    }


def test_several_planes_in_one_file(tmp_path):
    planes = [fits.ImageHDU(pixels(), header(), name="SCI"), fits.ImageHDU(ONES, name="WHT")]
    fits.HDUList([fits.PrimaryHDU(), *planes]).writeto(tmp_path / "field_drc.fits")
    path = f"{tmp_path}/field_drc.fits"
    assert guess_entry(tmp_path) == {"images": path, "weight": path}


def test_many_small_images_are_cutouts(tmp_path):
    for number in (11, 12, 21):
        image(tmp_path, name=f"g_{number}.fits")
    assert guess_entry(tmp_path) == {"cutouts": f"{tmp_path}/g_*.fits"}


@pytest.mark.parametrize("names", [(), ("map_rms.fits",)])
def test_a_folder_without_images_is_refused(tmp_path, names):
    for name in names:
        image(tmp_path, name=name)
    with pytest.raises(InputError, match="found no FITS image"):
        guess_entry(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        guess_entry(tmp_path / "missing")


def test_files_that_no_one_pattern_tells_apart_are_named(tmp_path):
    for name in ("a.fits", "b.fits", "c_rms.fits"):
        image(tmp_path, name=name)
    with pytest.raises(InputError, match="also c_rms"):
        guess_entry(tmp_path)


def test_a_file_that_is_no_fits_is_named(tmp_path):
    (tmp_path / "a.fits").write_text("a page that says: not found")
    with pytest.raises(InputError, match="not a readable FITS"):
        guess_entry(tmp_path)
