"""What the names of planes mean."""

import pytest

from morphovote.config.files import split_plane
from morphovote.fields.footprints import band_of_name
from morphovote.fields.planes import kind_of_file, kind_of_name


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("image", "SCI sci SCI1 IMAGE DATA CCDID_1-1.SCI SCI_F115W"),
        ("rms", "ERR ERROR RMS BACKGROUND_RMS SCI_ERR 3-4.E.RMS UNCERT ERROR_IMAGE"),
        ("variance", "VAR VARIANCE VARIANCE_MAP STAT Variance"),
        ("weight", "WHT WGT WEIGHT weight-map IVM INVVAR INV_VAR INVERSE_VARIANCE IVAR"),
        ("mask", "DQ MASK MSK DATA_QUALITY FLAG CTX CON MASK_IMAGE"),
        ("other", "VAR_POISSON VAR_RNOISE VAR_FLAT BKG MODEL WCSDVARR CHI2_R DEPTH PSFSIZE_R"),
        ("image", "SCI_BKG_SUB PSF_MATCHED_SCI IMAGE_SKY_SUBTRACTED"),
        ("rms", "BKG_SUB_RMS PSF_MATCHED_ERR RMS_CORR"),
        ("psf", "DET_DIST DET_SAMP PSF"),
        ("oversampled psf", "OVERDIST OVERSAMP"),
        (None, "PRIMARY COMPRESSED_IMAGE S1 CCD32 north 12 BKG_SUB PSF-MATCHED"),
    ],
)
def test_kinds_of_names(kind, names):
    for name in names.split():
        assert kind_of_name(name) == kind, name


def test_files_say_what_they_hold():
    assert kind_of_file("a/hlsp_x_f814w_v1_drz_sci.fits") == "image"
    assert kind_of_file("a/hlsp_x_f814w_v1_drz_wht.fits.gz") == "weight"
    assert kind_of_file("coadd.weight.fits") == "weight"
    assert kind_of_file("data/field_1.fits") is None
    assert kind_of_file("sci_bkg_sub.fits") == "image"
    assert band_of_name("x/hlsp_cosmos_f814w_sci.fits") == "F814W"
    assert band_of_name("x/calexp_HSC-I-9813.fits") == "I"
    assert band_of_name("x/sci.fits") == ""


def test_a_plane_behind_a_path(tmp_path):
    assert split_plane("a_*.fits[SCI]") == ("a_*.fits", "SCI")
    assert split_plane("a.fits.fz[SCI, 2]") == ("a.fits.fz", "SCI, 2")
    assert split_plane("a_[0-9].fits") == ("a_[0-9].fits", "")
    assert split_plane("a.csv[1]") == ("a.csv[1]", "")
    odd = tmp_path / "a.fits[1]"
    odd.touch()
    assert split_plane(str(odd)) == (str(odd), "")
