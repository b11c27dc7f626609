"""The compiled measures: against what follows from their definitions, and against statmorph."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from paths import ROOT
from photutils.aperture import CircularAperture, EllipticalAperture
from scipy import ndimage
from scipy.optimize import brentq
from skimage.feature import peak_local_max
from skimage.segmentation import watershed

from morphovote.measure import cas, mid
from morphovote.measure.apertures import light_within, rings
from morphovote.measure.centre import centroid, ellipse, most_symmetric
from morphovote.measure.engines import HOPELESS, NONPARAMETRIC, measure_fast, measure_statmorph
from morphovote.measure.gini_m20 import gini, m20
from morphovote.measure.petrosian import light_radii, petrosian_radius
from morphovote.measure.stamps import bad_pixels

NOTHING = np.zeros((120, 120), bool)
Y, X = np.indices(NOTHING.shape)


def radius(x, y, elongation=1.0, angle=0.0):
    dx, dy = X - x, Y - y
    cos, sin = np.cos(angle), np.sin(angle)
    return np.hypot(dx * cos + dy * sin, elongation * (dy * cos - dx * sin))


def exponential(x, y, scale, elongation=1.0, angle=0.0):
    return np.exp(-radius(x, y, elongation, angle) / scale)


@pytest.mark.parametrize(("x", "y"), [(59.3, 61.8), (8.6, 110.2)])
@pytest.mark.parametrize("size", [0.3, 1.0, 7.4, 40.0])
def test_light_inside_circles_and_ellipses(x, y, size):
    rng = np.random.default_rng(1)
    hidden = rng.uniform(size=NOTHING.shape) < 0.1
    image = np.where(hidden, 0, rng.normal(size=NOTHING.shape))
    for elongation, aperture in (
        (1.0, CircularAperture((x, y), size)),
        (2.5, EllipticalAperture((x, y), size, size / 2.5, theta=0.7)),
    ):
        found = light_within(rings(image, hidden, x, y, elongation, 0.7), size)
        light = aperture.do_photometry(image, method="exact")[0][0]
        area = aperture.area_overlap(image, mask=hidden, method="exact")
        assert found == pytest.approx((light, area), abs=1e-9)


def test_petrosian_radius_and_light_of_an_exponential_disc():
    def light(x):
        return 1 - (1 + x) * np.exp(-x)

    # Mean inside x scale lengths: 2 light(x) / x^2 times the central brightness.
    true = brentq(lambda x: np.exp(-x) * x**2 / (2 * light(x)) - 0.2, 1, 6)
    for elongation, angle in ((1.0, 0.0), (1.8, 0.5)):
        image = exponential(60.3, 59.6, 8.0, elongation, angle)
        pixels = rings(image, NOTHING, 60.3, 59.6, elongation, angle)
        found, problem = petrosian_radius(pixels, 170.0)
        assert found == pytest.approx(8 * true, rel=0.005)
        assert not problem
        half = brentq(lambda x: light(x) - 0.5 * light(5), 0.1, 5)
        assert light_radii(pixels, 40.0, (0.5,))[0][0] == pytest.approx(8 * half, rel=0.005)


def test_petrosian_radius_outside_its_range_is_told():
    flat = rings(np.ones(NOTHING.shape), NOTHING, 60.0, 60.0, 1.0, 0.0)
    assert petrosian_radius(flat, 50.0) == (50.0, "the Petrosian radius is larger than the image")
    dot = np.zeros(NOTHING.shape)
    dot[60, 60] = 1
    found = petrosian_radius(rings(dot, NOTHING, 60.0, 60.0, 1.0, 0.0), 50.0)
    assert found[0] == pytest.approx(1.2, abs=0.3)


def test_gini_of_known_distributions():
    even = (np.arange(5000) + 0.5) / 5000
    assert gini(np.ones(50)) == pytest.approx(0)
    assert gini(even) == pytest.approx(1 / 3, abs=1e-3)
    assert gini(-np.log(even)) == pytest.approx(1 / 2, abs=2e-3)
    assert gini(np.eye(1, 50)[0]) == pytest.approx(1)
    assert np.isnan(gini(np.zeros(5)))


def test_m20_of_a_gaussian():
    # 20 % of the light inside t = r^2 / (2 sigma^2) = -ln 0.8, 1 - (1 + t) exp(-t) of the moment.
    image = np.exp(-(radius(60.2, 59.7) ** 2) / (2 * 10**2))
    t = -np.log(0.8)
    assert m20(image) == pytest.approx(np.log10(1 - (1 + t) * np.exp(-t)), abs=0.01)
    assert np.isnan(m20(-image))


def test_centre_and_ellipse_come_back():
    image = exponential(60.31, 58.74, 6.0, 1.6, 0.4)
    x, y, outside = most_symmetric(image, NOTHING, 59.0, 60.0, 30.0, 0.0)
    assert (x, y) == (pytest.approx(60.31, abs=0.02), pytest.approx(58.74, abs=0.02))
    assert not outside
    assert centroid(image)[1:] == (pytest.approx(60.31, abs=0.01), pytest.approx(58.74, abs=0.01))
    assert ellipse(image, 60.31, 58.74) == (
        pytest.approx(1.6, rel=0.02), pytest.approx(0.4, abs=0.01), True,
    )  # fmt: skip
    line = np.zeros(NOTHING.shape)
    line[60, 50:71] = 1
    assert np.isfinite(ellipse(line, 60.0, 60.0)[0])


def test_sky_box_is_the_first_free_one():
    taken = NOTHING.copy()
    taken[10:, 30:] = True
    assert cas.sky_box(taken) == (0, 0, 16)
    taken[5, 20] = True
    assert cas.sky_box(taken) == (0, 0, 16)
    taken[15, 3] = True
    assert cas.sky_box(taken) == (0, 4, 16)
    assert cas.sky_box(~NOTHING) == (0, 0, 0)


def test_smoothness_sees_clumps_and_no_smooth_light():
    image = exponential(60, 60, 10.0)
    clumpy = image + 0.3 * (radius(75, 66) < 1.5) + 0.3 * (radius(50, 45) < 1.5)
    ring, sky = ((60.0, 60.0), (5.0, 45.0), 8), np.zeros((0, 0))
    even, odd = (cas.smoothness(one, NOTHING, *ring, sky) for one in (image, clumpy))
    assert abs(even) < 0.02
    assert odd > even + 0.005


@pytest.mark.parametrize("share", [0.0, 0.2, 0.7])
def test_multimode_intensity_and_deviation_of_two_clumps(share):
    # Two discs, one of `share` the area of the other; the brightest pixel is in the larger.
    large, small = radius(40, 60) <= 16, radius(80, 60) <= 16 * np.sqrt(share) - (share == 0)
    # Not quite flat, so that each has one peak.
    slope = exponential(40, 60, 9.0) + exponential(80, 60, 9.0)
    light = np.where(large, 2.0, np.where(small, 1.5, 0.0)) * (1 + 1e-3 * slope)
    light += 1e-4 * (NOTHING | (np.abs(Y - 60) < 20))
    own = light > 0
    assert mid.multimode(light, own) == pytest.approx(small.sum() / large.sum(), abs=0.01)
    intensity, deviation = mid.intensity_and_deviation(light, int(own.sum()))
    assert intensity == pytest.approx(0.75 * small.sum() / large.sum(), abs=0.03)
    x = (light * X).sum() / light.sum()
    assert deviation == pytest.approx(np.sqrt(np.pi / own.sum()) * (x - 40), abs=0.02)


def test_basins_are_those_of_a_watershed_also_at_the_edge():
    at_edge = 0
    for seed in range(12):
        light = np.random.default_rng(seed).normal(size=(14, 17)).clip(min=0)
        smooth = ndimage.gaussian_filter(light, mid.SIGMA)
        peaks = peak_local_max(smooth, num_peaks=np.inf)
        markers = np.zeros(smooth.shape, int)
        markers[tuple(peaks.T)] = np.arange(len(peaks)) + 1
        basins = watershed(-smooth, markers, connectivity=2, mask=smooth > 0)
        sums = ndimage.sum_labels(smooth, basins, np.arange(len(peaks)) + 1)
        intensity, _ = mid.intensity_and_deviation(light, 100)
        assert intensity == pytest.approx(np.sort(sums)[-2] / sums.max(), rel=1e-9)
        at_edge += len(peak_local_max(smooth, exclude_border=False)) > len(peaks)
    assert at_edge > 6


def test_bad_pixel_stands_out():
    image = np.random.default_rng(2).normal(size=(40, 40))
    image[20, 13] = 100
    assert np.argwhere(bad_pixels(image)).tolist() == [[20, 13]]
    assert not bad_pixels(np.zeros((5, 5))).any()


def case(name):
    """Image, noise, segment and hidden pixels of a galaxy, some of them troublesome."""
    rng = np.random.default_rng(sum(map(ord, name)))
    x, y = {"edge": (6.4, 50.2), "odd": (50.2, 47.1)}.get(name, (48.3, 50.6))
    image = 30 * exponential(x, y, 5.0, 1.5, 0.6)
    if name == "odd":
        image += 20 * exponential(60, 52, 1.5) + 12 * exponential(42, 40, 2.0)
    image += rng.normal(size=image.shape) * (4.0 if name == "faint" else 1.0)
    hidden = radius(62, 62) < (6 if name == "beside another" else 0)
    hidden |= (0 if name == "edge" else -1) == X
    segment = radius(x, y, 1.5, 0.6) < (9 if name == "faint" else 17)
    place = np.s_[:96, :96]
    return image[place], np.ones((96, 96)), segment[place], hidden[place]


@pytest.mark.parametrize("name", ["alone", "odd", "beside another", "faint", "edge"])
def test_both_engines_find_the_same(name):
    fast, slow = (engine(*case(name)) for engine in (measure_fast, measure_statmorph))
    assert fast.flag == slow.flag
    for key in NONPARAMETRIC:
        assert fast.values[key] == pytest.approx(slow.values[key], rel=1e-6, abs=1e-6, nan_ok=True)
    assert fast.centre == pytest.approx(slow.centre, abs=1e-5)
    shapes = [(one.r_ellipse, one.elongation, one.orientation) for one in (fast, slow)]
    assert shapes[0] == pytest.approx(shapes[1], rel=1e-6)


def test_no_light_is_hopeless_for_both():
    image, rms, segment, hidden = case("alone")
    for engine in (measure_fast, measure_statmorph):
        found = engine(-image, rms, segment, hidden)
        assert found.flag == HOPELESS
        assert all(np.isnan(value) for value in found.values.values())


def test_compiled_functions_need_no_folder_to_write_to(tmp_path):
    """As on a read-only install with a read-only home: they are compiled all the same."""
    folder = tmp_path / "morphovote/measure"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "scripts/morphovote/measure/compiled.py", folder)
    for path in (folder.parent, folder):
        (path / "__init__.py").touch()
    (folder / "twice.py").write_text(
        "from morphovote.measure.compiled import compiled\n\n\n"
        "@compiled\ndef twice(x):\n    return 2 * x\n"
    )
    # Files in place of the folders: no user, not even root, can write into them.
    (folder / "__pycache__").touch()
    (tmp_path / "home").touch()
    home = {name: str(tmp_path / "home") for name in ("HOME", "XDG_CACHE_HOME")}
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"} | home
    code = "from morphovote.measure.twice import twice; print(twice(2.5))"
    done = subprocess.run(
        [sys.executable, "-B", "-c", code], cwd=tmp_path, env=environment | {"PYTHONPATH": "."},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "5.0\n", done.stderr
