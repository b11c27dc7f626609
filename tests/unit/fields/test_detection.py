"""Finding sources: sky, segments, whole mosaics in blocks and tiles."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from scipy.spatial import cKDTree

from morphovote.errors import InputError
from morphovote.fields import detection, images


def draw(shape, positions, flux=100.0, sigma=2.0, seed=0, sky=0.0):
    """Gaussian sources on white noise of one."""
    image = np.random.default_rng(seed).normal(sky, 1, shape).astype(np.float32)
    y, x = np.ogrid[: shape[0], : shape[1]]
    for column, row in positions:
        rows = slice(max(int(row) - 15, 0), int(row) + 16)
        columns = slice(max(int(column) - 15, 0), int(column) + 16)
        distance2 = (x[:, columns] - column) ** 2 + (y[rows] - row) ** 2
        image[rows, columns] += flux / (2 * np.pi * sigma**2) * np.exp(-distance2 / 2 / sigma**2)
    return image


def grid(width, height, step=40, start=20):
    x, y = np.meshgrid(np.arange(start, width - 10, step), np.arange(start, height - 10, step))
    shift = np.random.default_rng(5).uniform(-3, 3, (2, x.size))
    return np.stack([x.ravel() + shift[0], y.ravel() + shift[1]], axis=1)


def wcs_header(x_offset=0):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [150.0, 2.0]
    wcs.wcs.crpix = [100.5 - x_offset, 100.5]
    wcs.wcs.cdelt = [-0.03 / 3600, 0.03 / 3600]
    return wcs.to_header()


def matched(catalogue, truth, within=2.0):
    tree = cKDTree(np.stack([catalogue["X"], catalogue["Y"]], axis=1))
    return tree.query(truth)[0] < within


def test_sky_level_is_not_moved_by_sources():
    image = draw((300, 300), grid(300, 300), flux=2000, sky=7.0)
    level, scatter = detection.sky_level(image, np.ones_like(image), np.zeros(image.shape, bool))
    assert level == pytest.approx(7, abs=0.15)
    assert scatter == pytest.approx(1, abs=0.1)


def test_sky_of_one_level_is_known_to_a_step_of_the_picture():
    image = np.zeros((100, 100), np.float32)
    image[40:60, 40:60] = np.random.default_rng(0).integers(2, 250, (20, 20))
    noise, nothing = np.ones_like(image), np.zeros(image.shape, bool)
    assert detection.sky_level(image, noise, nothing) == pytest.approx((0, 2 / np.sqrt(12)))
    # Where the noise is larger than a step, rounding changes nothing.
    rounded = np.random.default_rng(0).normal(0, 3, image.shape).round()
    _, scatter = detection.sky_level(rounded, noise, nothing)
    assert scatter == pytest.approx(3, rel=0.05)
    # An image without any contrast has no step either.
    assert detection.sky_level(np.ones_like(image), noise, nothing)[1] < 1e-20


def test_sky_level_is_exact_on_pure_noise():
    image = np.random.default_rng(2).normal(-3, 5, (400, 400))
    noise = np.full(image.shape, 2.5)
    level, scatter = detection.sky_level(image, noise, np.zeros(image.shape, bool))
    assert level == pytest.approx(-3, abs=0.05)
    assert scatter == pytest.approx(2, rel=0.02)


def test_sources_are_found_measured_and_few_are_false(tmp_path):
    truth = grid(400, 300)
    fits.writeto(tmp_path / "image.fits", draw((300, 400), truth, flux=100.0, sky=20))
    catalogue = detection.detect_sources([str(tmp_path / "image.fits")], pixel_scale=0.03,
                                         zero_point=25.0)  # fmt: skip
    assert matched(catalogue, truth).mean() == 1
    assert len(catalogue) <= len(truth) + 1
    assert np.median(catalogue["FLUX"]) == pytest.approx(100, rel=0.1)
    assert np.median(catalogue["MAG"]) == pytest.approx(20, abs=0.1)
    assert np.isnan(catalogue["RA"]).all()


def test_two_close_sources_are_deblended():
    image = draw((100, 100), [(45, 50), (56, 50)], flux=1000)
    labels = detection.find_sources(image, np.ones_like(image), np.zeros(image.shape, bool))[1]
    assert labels[50, 45] != labels[50, 56]
    assert min(labels[50, 45], labels[50, 56]) > 0


def test_correlated_noise_does_not_bring_false_sources():
    from scipy import ndimage

    noise = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(600, 600)), 1.2)
    noise = (noise / noise.std()).astype(np.float32)
    found, _ = detection.find_sources(noise, np.ones_like(noise), np.zeros(noise.shape, bool))
    assert len(found) < 60  # fewer than one in a hundred by hundred pixels, before the S/N cut
    assert len(detection._detect_block(noise, None, False)["X"]) <= 40


def test_blocks_count_every_source_once_and_read_little(tmp_path, monkeypatch):
    truth = grid(700, 500)
    fits.writeto(tmp_path / "image.fits", draw((500, 700), truth, flux=300.0))
    whole = detection.detect_sources([str(tmp_path / "image.fits")], pixel_scale=0.03)
    monkeypatch.setattr(detection, "CORE", 150)
    monkeypatch.setattr(detection, "OVERLAP", 40)
    sizes = []
    read = images.read_section

    def counted(hdu, y, x, height, width):
        sizes.append(height * width)
        return read(hdu, y, x, height, width)

    monkeypatch.setattr(detection, "read_section", counted)
    blocks = detection.detect_sources([str(tmp_path / "image.fits")], pixel_scale=0.03)
    assert max(sizes) <= 230**2
    assert matched(blocks, truth).all()
    bright = [table[table["SNR"] > 15] for table in (whole, blocks)]
    assert len(bright[0]) == len(bright[1]) == len(truth)
    assert len(cKDTree(np.stack([blocks["X"], blocks["Y"]], 1)).query_pairs(4)) == 0


def test_overlapping_tiles_count_every_source_once(tmp_path):
    truth = grid(500, 200, step=23)
    for name, offset in (("a", 0), ("b", 200)):
        here = truth - [offset, 0]
        here = here[(here[:, 0] > -15) & (here[:, 0] < 315)]
        fits.writeto(tmp_path / f"{name}.fits", draw((200, 300), here, 400.0, seed=offset),
                     wcs_header(offset))  # fmt: skip
    catalogue = detection.detect_sources([str(tmp_path / "a.fits"), str(tmp_path / "b.fits")])
    assert set(catalogue["FILE"]) == {"a.fits", "b.fits"}
    catalogue["X"] += np.where(catalogue["FILE"] == "b.fits", 200, 0)
    assert matched(catalogue, truth).all()
    assert np.count_nonzero(catalogue["SNR"] > 15) == len(truth)
    # Each is taken from the tile in which it lies deeper.
    deep = catalogue["FILE"] == np.where(catalogue["X"] < 249.5, "a.fits", "b.fits")
    assert deep[np.abs(catalogue["X"] - 249.5) > 3].all()


def test_missing_pixels_make_no_sources(tmp_path):
    image = draw((200, 200), [(50, 50)], flux=500, sky=100)
    image[:, 120:] = 0
    image[:20] = np.nan
    fits.writeto(tmp_path / "image.fits", image)
    catalogue = detection.detect_sources([str(tmp_path / "image.fits")], pixel_scale=0.03)
    assert matched(catalogue, [(50, 50)]).all()
    assert len(catalogue) <= 2


def test_weight_maps_are_scaled_to_the_sky(tmp_path):
    truth = grid(300, 300)
    fits.writeto(tmp_path / "image.fits", draw((300, 300), truth, flux=100.0))
    snr = []
    for factor in (1.0, 1e4):
        fits.writeto(tmp_path / "weight.fits", np.full((300, 300), factor), overwrite=True)
        found = detection.detect_sources([str(tmp_path / "image.fits")],
                                         weight=[str(tmp_path / "weight.fits")],
                                         pixel_scale=0.03)  # fmt: skip
        snr.append(np.sort(found["SNR"]))
    np.testing.assert_allclose(snr[0], snr[1], rtol=1e-4)


def test_empty_sky_and_mixed_wcs_are_refused(tmp_path):
    flat = np.random.default_rng(0).normal(size=(60, 60)).astype(np.float32)
    fits.writeto(tmp_path / "plain.fits", flat)
    fits.writeto(tmp_path / "wcs.fits", flat, wcs_header())
    with pytest.raises(InputError, match="no source was found"):
        detection.detect_sources([str(tmp_path / "plain.fits")], pixel_scale=0.03)
    with pytest.raises(InputError, match=r"plain.fits: no WCS in the header, though other images"):
        detection.detect_sources([str(tmp_path / "plain.fits"), str(tmp_path / "wcs.fits")])


def test_cosmos_acs_pieces(shared_data):
    paths = [str(path) for path in (shared_data / "cosmos_acs_field").glob("Cut_HST*.fits")]
    catalogue = detection.detect_sources(paths, zero_point=25.94)
    assert 10 <= len(catalogue) <= 25
    assert len(set(catalogue["ID"])) == len(catalogue)
    brightest = catalogue[catalogue["MAG"].argmin()]
    assert (brightest["X"], brightest["Y"]) == pytest.approx((165, 118), abs=3)
    assert brightest["FILE"] == "Cut_HST1.fits"
