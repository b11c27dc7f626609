"""Measuring morphology: known profiles, failures, the time limit, the number of processes."""

import os
import resource
import signal
import time
from pathlib import Path

import galsim
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from scipy.stats import spearmanr

from morphovote import flags
from morphovote.compute.processes import map_with_limit
from morphovote.errors import InputError
from morphovote.measure import morphology
from morphovote.measure.sersic import prepare_kernel, sersic_image
from morphovote.measure.sersic_fit import fit_sersic
from morphovote.storage import shards

SCALE = 0.03
SIZE = 100
# Finer than GalSim's defaults, which round the cusp of a steep profile.
FINE = galsim.GSParams(folding_threshold=1e-3, maxk_threshold=1e-4)
PSF = galsim.Moffat(beta=3, fwhm=0.1, gsparams=FINE)


def psf_image(size=41):
    image = PSF.drawImage(nx=size, ny=size, scale=SCALE).array.astype(float)
    return image / image.sum()


def draw(profile, offset=(0.0, 0.0)):
    return profile.drawImage(nx=SIZE, ny=SIZE, scale=SCALE, offset=offset).array.astype(float)


def sersic_galaxy(n, r_e, axis_ratio, angle=30.0, flux=1e4):
    """A galaxy whose half-light radius along the major axis is `r_e` arcsec."""
    round_one = galsim.Sersic(
        n=n, half_light_radius=r_e * np.sqrt(axis_ratio), flux=flux, gsparams=FINE
    )
    return galsim.Convolve(round_one.shear(q=axis_ratio, beta=angle * galsim.degrees), PSF)


def noisy(image, sigma=0.2, seed=0):
    return image + np.random.default_rng(seed).normal(0, sigma, image.shape)


def ellipse(radius, axis_ratio=1.0, angle=0.0, centre=(49.5, 49.5)):
    y, x = np.indices((SIZE, SIZE))
    x, y = x - centre[0], y - centre[1]
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.hypot(x * cos + y * sin, (y * cos - x * sin) / axis_ratio) <= radius


def measure(image, own, sigma=0.2, hidden=None):
    mask = np.where(own, flags.OWN, 0).astype(np.uint8)
    if hidden is not None:
        mask[hidden] = flags.NEIGHBOUR
    rms = np.full(image.shape, sigma, dtype=np.float32)
    return morphology.measure_galaxy(image.astype(np.float32), rms, mask, 49.5, 49.5)[0]


def fit(image, psf, valid=None):
    """As the rule fits a galaxy alone on a sky that is known."""
    start = {"r_e": 8.0, "n": 2.0, "x": 49.0, "y": 50.0, "axis_ratio": 0.6, "angle": 0.0}
    valid = np.ones(image.shape, bool) if valid is None else valid
    kernel = prepare_kernel(psf)
    return fit_sersic(image, np.full_like(image, 0.2), valid, start, kernel)


def write_cutouts(path, count=5):
    """A shard of small exponential galaxies; the second has no data, the third no segment."""
    rng = np.random.default_rng(3)
    image, mask = np.zeros((2, count, SIZE, SIZE), dtype=np.float32)
    for i in range(count):
        image[i] = noisy(draw(sersic_galaxy(1, rng.uniform(0.15, 0.3), 0.7)), seed=i)
        mask[i] = flags.OWN * ellipse(25, 0.7, 30)
    flag = np.zeros(count, dtype=np.int32)
    if count > 2:
        flag[1], image[1], mask[2] = flags.NO_DATA, 0, 0
    arrays = {
        "row": np.arange(count),
        "id": np.array([f"g{i}" for i in range(count)], dtype=object),
        "image": image,
        "rms": np.full_like(image, 0.2),
        "mask": mask.astype(np.uint8),
        "flags": flag,
        "x": np.full(count, 49.5, dtype=np.float32),
        "y": np.full(count, 49.5, dtype=np.float32),
    }
    shards.write_shard(path, arrays, {"pixel_scale": SCALE, "zero_point": 25.0})
    return path


@pytest.fixture(scope="module")
def cutouts(tmp_path_factory):
    return write_cutouts(tmp_path_factory.mktemp("cutouts") / "00000.h5")


def measure_shard(path, processes, call=morphology.measure_galaxy, psf=None, seconds=60):
    arrays = shards.read_shard(path)

    def galaxies(rows):
        return (tuple(arrays[name][row] for name in ("image", "rms", "mask", "x", "y"))
                for row in rows)  # fmt: skip

    radius = None if psf is None else morphology.psf_radii([psf] * len(arrays["row"]))
    return morphology.measure_all(arrays, SCALE, radius, call, galaxies, processes, seconds)


@pytest.fixture(scope="module")
def measured(cutouts):
    return measure_shard(cutouts, 1)


# A stand-in for measure_galaxy: the arguments are those of the real one.
def quick(image, rms, mask, x, y):
    return dict.fromkeys(morphology.UNITS, float(image.sum())) | {"measure_flag": 0}, []


@pytest.mark.parametrize("n", [1.0, 2.5, 4.0])
def test_known_sersic_profile_comes_back(n):
    found = fit(noisy(draw(sersic_galaxy(n, 0.3, 0.6))), psf_image())
    assert found["n"] == pytest.approx(n, rel=0.02)
    assert found["r_e"] * SCALE == pytest.approx(0.3, rel=0.02)
    assert found["axis_ratio"] == pytest.approx(0.6, abs=0.01)
    assert found["chi2"] == pytest.approx(1, abs=0.05)
    assert found["suspect"] == 0


@pytest.mark.parametrize("offset", [(0.0, 0.0), (0.5, 0.5), (0.3, -0.2)])
def test_small_steep_galaxy_needs_subdivided_pixels(offset):
    # Sampled at pixel centres, this profile comes out at n = 5.7.
    found = fit(noisy(draw(sersic_galaxy(4, 0.12, 0.8), offset)), psf_image())
    assert found["n"] == pytest.approx(4, rel=0.03)
    assert found["r_e"] * SCALE == pytest.approx(0.12, rel=0.03)
    assert np.degrees(found["angle"]) == pytest.approx(30, abs=1)


@pytest.mark.parametrize("axis_ratio", [0.8, 0.006])
def test_fit_that_ends_near_a_limit_is_marked(axis_ratio):
    # As flat as no Sersic profile is, and a trail without any width.
    image = ellipse(20, axis_ratio, 30).astype(np.float32) * 5
    image += np.random.default_rng(0).normal(0, 0.2, image.shape).astype(np.float32)
    start = {"r_e": 12.0, "n": 1.0, "x": 49.5, "y": 49.5, "axis_ratio": 0.5, "angle": 0.5}
    found = fit_sersic(image, np.full_like(image, 0.2), np.ones(image.shape, bool), start, None)
    assert found["n"] < 0.15 or found["axis_ratio"] < 0.03
    assert found["suspect"] == 1


def test_without_the_psf_a_steep_galaxy_looks_shallow():
    image = noisy(draw(sersic_galaxy(4, 0.3, 0.6)))
    assert fit(image, None)["n"] < 3.2


def test_hidden_pixels_do_not_matter():
    image = noisy(draw(sersic_galaxy(1, 0.3, 0.6)))
    spoiled = image.copy()
    hidden = ellipse(8, centre=(80, 20))
    spoiled[hidden] += 500
    own = ellipse(35, 0.6, 30)
    one, other = (measure(pixels, own, hidden=hidden) for pixels in (image, spoiled))
    # The badpixel filter looks one pixel into the hidden region.
    for name in ("gini", "m20", "r50"):
        assert other[name] == pytest.approx(one[name], rel=0.02)
    assert fit(image, psf_image(), ~hidden) == fit(spoiled, psf_image(), ~hidden)


def test_model_image_holds_the_light_of_the_profile():
    # Total flux of a Sersic profile (Graham & Driver 2005, eq. 4) for n = 1: 2 pi r_e^2 e^b / b^2.
    image = sersic_image(4.0, 1.0, 49.7, 49.2, 1.0, 0.0, (SIZE, SIZE))
    b = 1.6783469900166605
    assert image.sum() == pytest.approx(2 * np.pi * 16 * np.exp(b) / b**2, rel=2e-3)
    kernel = prepare_kernel(psf_image())
    blurred = sersic_image(4.0, 1.0, 49.7, 49.2, 1.0, 0.0, (SIZE, SIZE), kernel)
    assert blurred.sum() == pytest.approx(image.sum(), rel=0.01)
    assert blurred.max() < image.max()


def gini(values):
    """Lotz et al. 2004, eq. 6."""
    x = np.sort(np.abs(values))
    n = len(x)
    return np.sum((2 * np.arange(1, n + 1) - n - 1) * x) / (x.mean() * n * (n - 1))


def test_gini_follows_its_definition():
    # Inside r_p an exponential disc's Gini by definition; a flat disc's is close to zero.
    disc = draw(galsim.Convolve(galsim.Exponential(scale_radius=0.15, flux=1e5), PSF))
    found = measure(noisy(disc, 0.05), ellipse(30), sigma=0.05)
    inside = ellipse(found["r_petrosian"] / SCALE * SCALE)
    assert found["gini"] == pytest.approx(gini(disc[inside]), abs=0.03)
    flat = draw(galsim.Convolve(galsim.TopHat(0.6, flux=1e5), PSF))
    assert measure(noisy(flat, 0.05), ellipse(24), sigma=0.05)["gini"] < 0.25
    assert found["gini"] > 0.4


def test_concentration_of_an_exponential_disc():
    # r80 / r20 of a pure exponential is 2.994 / 0.824; within 1.5 Petrosian radii nearly so.
    disc = draw(galsim.Exponential(scale_radius=0.15, flux=1e5))
    found = measure(noisy(disc, 0.05), ellipse(30), sigma=0.05)
    assert found["concentration"] == pytest.approx(5 * np.log10(2.994 / 0.824), abs=0.1)
    assert found["r50"] * SCALE == pytest.approx(1.678 * 0.15, rel=0.04)


def test_asymmetry_of_a_lopsided_galaxy():
    even = draw(sersic_galaxy(1, 0.25, 0.9))
    clump = draw(galsim.Convolve(galsim.Gaussian(sigma=0.06, flux=2500), PSF), offset=(9, 4))
    own = ellipse(35)
    low = measure(noisy(even, 0.05), own, sigma=0.05)
    high = measure(noisy(even + clump, 0.05), own, sigma=0.05)
    assert abs(low["asymmetry"]) < 0.03
    assert high["asymmetry"] > 0.15
    assert high["intensity"] > low["intensity"]


def test_aperture_beyond_the_cutout_is_marked():
    small, large = (draw(sersic_galaxy(1, r, 0.8)) for r in (0.2, 0.7))
    own = ellipse(20, 0.8, 30)
    inside = measure(noisy(small, 0.05), own, sigma=0.05)["measure_flag"]
    outside = measure(noisy(large, 0.05), own, sigma=0.05)["measure_flag"]
    assert inside & flags.BEYOND_CUTOUT == 0
    assert outside & flags.BEYOND_CUTOUT
    # The edge may be near on one side only.
    aside = np.roll(small, 35, 1)
    moved = measure(noisy(aside, 0.05), np.roll(own, 35, 1), sigma=0.05)
    assert moved["measure_flag"] & flags.BEYOND_CUTOUT


def test_segment_keeps_the_piece_at_the_source():
    own = ellipse(6) & ~ellipse(2) | ellipse(10, centre=(15, 15))
    kept = morphology.regularise_segment(own, 49.5, 49.5)
    assert kept[49, 49]
    assert not kept[15, 15]
    assert np.array_equal(kept, ellipse(6))


def test_shard_of_odd_galaxies(measured):
    arrays, units = measured
    assert list(arrays["id"]) == [f"g{i}" for i in range(5)]
    assert units["r_e"] == "arcsec"
    assert "gini" not in units
    failed = arrays["flags"] & flags.MEASURE_FAILED > 0
    assert list(failed) == [False, True, True, False, False]
    for name in morphology.UNITS:
        assert np.isnan(arrays[name][failed]).all()
        assert np.isfinite(arrays[name][~failed]).all() == (name not in morphology.SERSIC)
    assert (arrays["measure_flag"][failed] == morphology.FAILED).all()
    assert np.all((arrays["r50"][~failed] > 0.1) & (arrays["r50"][~failed] < 0.4))


@pytest.mark.slow
def test_number_of_processes_and_order_change_nothing(cutouts, measured, tmp_path):
    one = measured[0]
    two = measure_shard(cutouts, 2)[0]
    arrays = shards.read_shard(cutouts)
    order = np.array([4, 3])
    turned = {name: values[order] for name, values in arrays.items()}
    shards.write_shard(tmp_path / "t.h5", turned, shards.read_attributes(cutouts))
    part = measure_shard(tmp_path / "t.h5", 2)[0]
    for name in one:
        assert np.array_equal(one[name], two[name], equal_nan=name != "id")
        assert np.array_equal(one[name][order], part[name], equal_nan=name != "id")


@pytest.mark.slow
def test_slow_galaxy_is_cut_off(tmp_path):
    path = write_cutouts(tmp_path / "slow.h5", 2)

    def slow(image, *rest):
        if slow.first.sum() == image.sum():
            time.sleep(60)
        return quick(image, *rest)

    slow.first = shards.read_shard(path, ["image"])["image"][0]
    start = time.monotonic()
    found = measure_shard(path, 1, slow, seconds=2)[0]
    assert time.monotonic() - start < 30
    assert found["measure_flag"][0] == morphology.FAILED | morphology.OUT_OF_TIME
    assert found["flags"][0] == flags.MEASURE_FAILED
    assert found["measure_flag"][1] == 0
    assert np.isfinite(found["gini"][1])


def test_dying_and_raising_calls_cost_only_themselves():
    def work(number):
        if number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 2:
            raise ValueError("no such galaxy")
        return number * 10

    found = sorted(map_with_limit(work, ((n,) for n in range(5)), 2, 5.0))
    assert [result for _, result, _ in found] == [0, None, None, 30, 40]
    assert found[1][2] == "its process died"
    assert found[2][2] == "ValueError: no such galaxy"


def test_galaxy_whose_process_is_killed_is_measured_again(tmp_path):
    """As by the kernel where memory runs out: once costs nothing, twice is flagged."""
    path = write_cutouts(tmp_path / "killed.h5", 5)
    images = shards.read_shard(path, ["image"])["image"]

    def killed(image, *rest):
        first = not (tmp_path / "was").exists()
        if image.sum() == images[0].sum() and first:
            (tmp_path / "was").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if image.sum() == images[3].sum():
            os.kill(os.getpid(), signal.SIGKILL)
        return quick(image, *rest)

    found = measure_shard(path, 2, killed, seconds=5)[0]
    assert (tmp_path / "was").exists()
    # The one after the first has no data.
    assert list(found["measure_flag"] == morphology.FAILED) == [False, True, False, True, False]
    assert list(np.isfinite(found["gini"])) == [True, False, True, False, True]


def test_too_little_memory_fails_the_job_and_flags_nobody(tmp_path):
    """With a limit on the address space, as a batch system sets it."""
    path = write_cutouts(tmp_path / "large.h5", 2)

    def greedy(image, *rest):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**27, used + 2**27))
        np.ones(2**28)
        return quick(image, *rest)

    start = time.monotonic()
    with pytest.raises(MemoryError):
        measure_shard(path, 2, greedy, seconds=30)
    assert time.monotonic() - start < 25


def test_empty_shard(tmp_path):
    path = tmp_path / "empty.h5"
    empty = np.zeros((0, SIZE, SIZE), np.float32)
    arrays = {"row": np.zeros(0, np.int64), "id": np.zeros(0, object), "image": empty}
    arrays |= {"rms": empty, "mask": empty.astype(np.uint8), "flags": np.zeros(0, np.int32)}
    arrays |= {"x": np.zeros(0, np.float32), "y": np.zeros(0, np.float32)}
    shards.write_shard(path, arrays, {"pixel_scale": SCALE})
    found = measure_shard(path, 2, psf=psf_image())[0]
    assert all(len(values) == 0 for values in found.values())


def test_point_source_is_psf_limited(tmp_path):
    star, disc = draw(PSF * 2000), draw(sersic_galaxy(1, 0.3, 0.8))
    path = write_cutouts(tmp_path / "p.h5", 2)
    arrays = shards.read_shard(path)
    arrays["image"] = np.stack([noisy(star, 0.05), noisy(disc, 0.05, 1)]).astype(np.float32)
    arrays["rms"][:] = 0.05
    shards.write_shard(path, arrays, shards.read_attributes(path))
    found = measure_shard(path, 1, psf=psf_image())[0]
    assert list(found["flags"] & flags.PSF_LIMITED) == [flags.PSF_LIMITED, 0]


def test_half_light_radius_of_a_psf():
    radius = morphology.half_light_radius(psf_image(101)) * SCALE
    assert radius == pytest.approx(PSF.calculateHLR(), rel=0.05)


def test_a_wide_psf_is_cut():
    psf = morphology.prepare_psf(psf_image(101))
    assert psf.shape == (morphology.PSF_SIZE,) * 2
    assert psf.sum() == pytest.approx(1)
    assert np.unravel_index(psf.argmax(), psf.shape) == (morphology.PSF_SIZE // 2,) * 2


def test_select_rows():
    sources = Table({"MAG": [22.0, 24.0, np.nan], "REDSHIFT": [0.5, 1.5, 0.7]})
    assert morphology.select_rows(sources, {}).all()
    assert list(morphology.select_rows(sources, {"mag": [None, 23]})) == [True, False, False]
    both = morphology.select_rows(sources, {"mag": [21, None], "redshift": [1, 2]})
    assert list(both) == [False, True, False]
    with pytest.raises(InputError, match="no 'colour'"):
        morphology.select_rows(sources, {"colour": [0, 1]})
    sources["LOG_MASS"] = np.nan
    with pytest.raises(InputError, match="missing for every source"):
        morphology.select_rows(sources, {"log_mass": [10, None]})


def test_published_parameters_of_real_galaxies(shared_data):
    """Sersic index and radius of eight CEERS galaxies against Ferreira et al. (2023)."""
    published = Table.read(shared_data / "ceers_nircam" / "ferreira2023.csv")
    published = published[published["restframefilter"] == "f150w"]
    published = published[~np.ma.getmaskarray(published["nFit2D"])][:8]
    psf = galsim.OpticalPSF(lam=1501, diam=6.5, obscuration=0.17)
    psf = psf.drawImage(nx=25, ny=25, scale=SCALE).array.astype(float)
    kernel = prepare_kernel(psf / psf.sum())
    found = []
    for number in published["id"]:
        path = shared_data / "ceers_nircam" / "f150w" / f"ceers_f150w_{number}.fits"
        image = np.nan_to_num(fits.getdata(path).astype(float))
        rms = 1.4826 * np.median(np.abs(image - np.median(image)))
        image = image - np.median(image[:20])
        start = {"r_e": 8.0, "n": 1.5, "x": 49.5, "y": 49.5, "axis_ratio": 0.7, "angle": 0.0}
        fit = fit_sersic(image, np.full_like(image, rms), ellipse(35), start, kernel)
        found.append((fit["n"], fit["r_e"]))
    n, radius = np.array(found).T
    assert spearmanr(n, published["nFit2D"])[0] > 0.7
    assert spearmanr(radius, published["RnFit2D"])[0] > 0.7
