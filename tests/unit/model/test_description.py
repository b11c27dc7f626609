"""What a model was fitted on: widths and depths against their definitions, and the same file."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from morphovote.flags import MISSING, NO_DATA
from morphovote.model import description
from morphovote.storage import shards
from morphovote.storage.digests import hash_file
from morphovote.storage.model_files import write_model


def gauss(fwhm, size=41):
    rows, columns = np.mgrid[:size, :size] - size // 2
    sigma = fwhm / 2.3548
    psf = np.exp(-(rows**2 + columns**2) / (2 * sigma**2))
    return psf / psf.sum(), sigma


@pytest.mark.parametrize("fwhm", [2.5, 4.0, 9.0])
def test_psf_width_and_noise_area(fwhm):
    psf, sigma = gauss(fwhm)
    found = description.measure_psf(psf, 0.03)
    assert found["fwhm"] == pytest.approx(0.03 * fwhm, rel=0.03)
    # Of a Gaussian: 4 pi sigma^2.
    assert found["noise_area"] == pytest.approx(4 * np.pi * (0.03 * sigma) ** 2, rel=0.01)


def test_depth_is_that_of_an_optimal_measurement():
    found = description.measure_depth(0.01, 0.05, 25.0, {"fwhm": 0.1, "noise_area": 0.04})
    # 16 pixels of noise 0.01 make 0.04; five times that is 0.2.
    assert found["point_limit"] == pytest.approx(25 - 2.5 * np.log10(0.2))
    assert found["sky_limit"] == pytest.approx(25 - 2.5 * np.log10(0.2))
    assert description.measure_depth(0.01, 0.05, np.nan, None) == {
        "sky_rms": 0.01,
        "sky_limit": None,
        "point_limit": None,
    }


def test_band_comes_from_the_header(tmp_path):
    header = fits.Header({"FILTER1": "CLEAR1L", "FILTER2": "F814W"})
    plane = fits.ImageHDU(np.zeros((4, 4)))
    fits.HDUList([fits.PrimaryHDU(header=header), plane]).writeto(tmp_path / "a.fits")
    assert description.read_band(tmp_path / "a.fits", 1) == "F814W"
    fits.writeto(tmp_path / "b.fits", np.zeros((4, 4)))
    assert description.read_band(tmp_path / "b.fits", 0) is None


def make_field(folder):
    fits.writeto(folder / "i.fits", np.zeros((4, 4), np.float32), fits.Header({"FILTER": "F200W"}))
    rms = np.full((3, 8, 8), 0.02, np.float32)
    rms[2] = 99
    mask = np.zeros((3, 8, 8), np.uint8)
    rms[0, :6], mask[0, :6] = 50.0, MISSING
    arrays = {
        "row": np.arange(3),
        "flags": np.array([0, 0, NO_DATA]),
        "snr": np.array([10.0, 20.0, 0.0], np.float32),
        "rms": rms,
        "mask": mask,
    }
    shards.write_shard(folder / "c.h5", arrays, {"pixel_scale": 0.03})
    sources = Table({"SELECTED": [True, True, False], "MAG": [22.0, 24.0, 5.0]})
    tiles = Table({"IMAGE": [str(folder / "i.fits")], "HDU": [0]})
    tiles.meta = {"PIXSCALE": 0.06, "ZEROPT": np.nan}
    return sources, tiles, [folder / "c.h5"]


def test_field_is_that_of_the_galaxies_with_data(tmp_path):
    found = description.describe_field(*make_field(tmp_path), None)
    assert found["sky_rms"] == pytest.approx(0.02)
    assert found["galaxies"] == 2
    assert (found["pixel_scale"], found["images_pixel_scale"]) == (0.03, 0.06)
    assert found["magnitude"]["0.5"] == 23.0
    assert found["snr"]["0.5"] == 15.0
    assert found["band"] == "F200W"
    assert (found["zero_point"], found["psf_fwhm"], found["point_limit"]) == (None, None, None)


def test_description_names_every_file_and_is_the_same_again(tmp_path):
    field = description.describe_field(*make_field(tmp_path), None)
    write_model(tmp_path / "pca.h5", "pca", {"explained_variance": np.ones(5)}, {})
    about = {"groups": 4, "voters": "abc"}
    write_model(tmp_path / "voters.h5", "voters", {"scale": np.ones(60)}, about)
    card = {"name": "convnext_atto", "sha256": "ab", "licence": "BSD-3-Clause", "other": 1}
    config = {section: {"seed": 1} for section in description.SECTIONS} | {"fields": {"x": 1}}
    files = [tmp_path / "pca.h5", tmp_path / "voters.h5"]
    found = description.describe_model("there", field, card, config, files)
    assert (found["reference"], found["components"], found["groups"]) == (60, 5, 4)
    assert found["files"]["pca.h5"] == hash_file(tmp_path / "pca.h5")
    assert found["licence"] == {"encoder": "BSD-3-Clause"}
    assert "fields" not in found["settings"]
    assert set(found["versions"]) == {"morphovote", "python", *description.PACKAGES}
    for name in ("a.json", "b.json"):
        description.write_description(found, tmp_path / name)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert json.loads((tmp_path / "a.json").read_text())["field"] == "there"
