"""The simulated field: light, noise, positions, catalogue; and what the truth says of them."""

from itertools import pairwise

import galsim
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from scipy.spatial import cKDTree

from morphovote.errors import InputError
from morphovote.simulate import galaxies, population, survey

FILES = ("image", "rms", "noiseless", "psf", "catalogue", "truth")


@pytest.fixture(scope="module")
def field() -> dict:
    return survey.simulate_field(20, seed=3)


@pytest.fixture(scope="module")
def written(field, tmp_path_factory):
    folder = tmp_path_factory.mktemp("field")
    survey.write_field(field, {name: folder / f"{name}.fits" for name in FILES})
    return folder


# Light


@pytest.mark.parametrize("kind", population.KINDS)
def test_flux_matches_magnitude(kind):
    image, truth = galaxies.draw_galaxy(kind, np.random.default_rng(5), 22.0, size=800, r_e=0.4)
    expected = 10 ** (-0.4 * (22.0 - galaxies.ZERO_POINT))
    assert image.dtype == np.float32
    assert image.sum() == pytest.approx(expected, rel=0.02)
    assert truth["MAG"] == 22.0
    assert truth["TYPE"] == kind


@pytest.mark.parametrize("kind", ["SPH", "ETD", "LTD", "IRR"])
@pytest.mark.parametrize("seed", [1, 2])
def test_half_of_the_light_is_inside_r_e(kind, seed):
    """Inside the ellipse that the truth gives, so its PA and axis ratio are checked too."""
    r_e, size = 0.9, 900
    profile, truth = galaxies.make_galaxy(kind, np.random.default_rng(seed), 20.0, r_e)
    sharp = galsim.Convolve(profile, galsim.Gaussian(sigma=0.02))
    image = sharp.drawImage(nx=size, ny=size, scale=galaxies.PIXEL_SCALE).array
    y, x = (np.indices(image.shape) - (size - 1) / 2) * galaxies.PIXEL_SCALE
    angle = np.radians(truth["PA"] + 90)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    inside = np.hypot(along, across / truth["AXIS_RATIO"]) < r_e
    flux = 10 ** (-0.4 * (20.0 - galaxies.ZERO_POINT))
    assert image[inside].sum() / flux == pytest.approx(0.5, abs=0.015)


def test_offset_moves_the_light():
    draw = [
        galaxies.draw_galaxy("SPH", np.random.default_rng(1), 22.0, size=101, offset=offset)[0]
        for offset in [(0, 0), (7, -3)]
    ]
    np.testing.assert_allclose(
        np.roll(draw[0], (-3, 7), axis=(0, 1))[20:80, 20:80],
        draw[1][20:80, 20:80],
        atol=2e-3 * draw[0].max(),
    )


@pytest.mark.slow
def test_handedness_pitch_and_arms_are_those_drawn():
    """The strongest azimuthal wave turns with ln(radius) as the truth's spiral does."""
    seen = set()
    for seed in range(24):
        image, truth = galaxies.draw_galaxy("LTD", np.random.default_rng(seed), 20.0, 401, r_e=1.0)
        if truth["INCLINATION"] > 35 or truth["SUBTYPE"] == "barred":
            continue
        y, x = (np.indices(image.shape) - 200) * galaxies.PIXEL_SCALE
        angle = np.radians(truth["PA"] + 90)
        along = x * np.cos(angle) + y * np.sin(angle)
        across = (y * np.cos(angle) - x * np.sin(angle)) / truth["AXIS_RATIO"]
        radius, azimuth = np.hypot(along, across), np.arctan2(across, along)
        edges = np.geomspace(0.6, 1.8, 13)
        wave = np.array(
            [
                (image * np.exp(-1j * truth["ARMS"] * azimuth))[(radius >= a) & (radius < b)].sum()
                for a, b in pairwise(edges)
            ]
        )
        phase = -np.unwrap(np.angle(wave)) / truth["ARMS"]
        slope = np.polyfit(np.log(edges[:-1] * edges[1:]) / 2, phase, 1)[0]
        assert np.sign(slope) == truth["HANDEDNESS"]
        assert np.degrees(np.arctan(1 / abs(slope))) == pytest.approx(truth["PITCH"], abs=5)
        seen.add(truth["HANDEDNESS"])
    assert seen == {-1, 1}


def test_psf_is_normalised_centred_and_as_sharp_as_hst():
    psf = galaxies.draw_psf()
    y, x = np.indices(psf.shape)
    assert psf.shape == (101, 101)
    assert psf.sum() == pytest.approx(1, abs=1e-5)
    assert np.unravel_index(psf.argmax(), psf.shape) == (50, 50)
    core = (np.hypot(x - 50, y - 50) < 10) * psf
    assert (core * x).sum() / core.sum() == pytest.approx(50, abs=0.05)
    assert (core * y).sum() / core.sum() == pytest.approx(50, abs=0.05)
    # The peak of the PSFs of the COSMOS mosaic at this sampling.
    assert psf.max() == pytest.approx(0.045, abs=0.003)


def test_draw_galaxy_repeats_itself_and_rejects_unknown_types():
    first, second = (galaxies.draw_galaxy("IRR", np.random.default_rng(9)) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    assert repr(first[1]) == repr(second[1])
    with pytest.raises(ValueError, match="SPH, ETD"):
        galaxies.draw_galaxy("E0", np.random.default_rng(9))


# Population


def test_type_counts_and_magnitude_law():
    rng = np.random.default_rng(0)
    magnitudes = population.draw_magnitudes(20000, rng)
    kinds = population.assign_kinds(magnitudes, rng)
    assert magnitudes.min() >= population.BRIGHT
    assert magnitudes.max() <= population.FAINT
    ratio = (magnitudes > 24).sum() / ((magnitudes > 23) & (magnitudes < 24)).sum()
    assert ratio == pytest.approx(10**population.COUNT_SLOPE, rel=0.06)
    for kind, share in population.SHARES.items():
        assert (kinds == kind).sum() == pytest.approx(share * 20000, abs=1)
    assert np.median(magnitudes[kinds == "UNC"]) > np.median(magnitudes[kinds == "LTD"])


@pytest.mark.parametrize("count", [1, 2, 7, 20])
def test_small_fields_have_all_their_types(count):
    rng = np.random.default_rng(0)
    kinds = population.assign_kinds(population.draw_magnitudes(count, rng), rng)
    assert set(kinds) <= set(population.KINDS)
    assert len(set(kinds)) == min(count, 5)


def test_colours_and_sizes_follow_type():
    rng = np.random.default_rng(0)
    table = {
        kind: Table([population.draw_properties(kind, 22.5, rng) for _ in range(400)])
        for kind in population.KINDS
    }

    def quiescent(t):
        offset = np.where(t["Z"] < 0.5, 0.69, np.where(t["Z"] < 1, 0.59, 0.49))
        return (t["U_V"] > 1.3) & (t["V_J"] < 1.6) & (t["U_V"] > 0.88 * t["V_J"] + offset)

    for kind, share in population.QUIESCENT.items():
        assert quiescent(table[kind]).mean() == pytest.approx(share, abs=0.08), kind
    sizes = [np.median(table[kind]["R_E"]) for kind in ("SPH", "ETD", "LTD", "IRR")]
    assert sizes == sorted(sizes)


# Noise


def test_rms_map_matches_the_noise(field):
    """In blank pixels the scatter is the rms map's; everywhere the pull has unit width."""
    blank = field["noiseless"] < 0.02 * field["rms"]
    assert blank.mean() > 0.5
    noise = field["image"] - field["noiseless"]
    assert noise[blank].std() == pytest.approx(np.median(field["rms"][blank]), rel=0.02)
    assert (noise / field["rms"]).std() == pytest.approx(1, rel=0.02)
    assert noise[blank].mean() == pytest.approx(0, abs=2e-5)


def test_rms_map_has_the_poisson_noise_of_the_sources(field):
    brightest = np.unravel_index(field["noiseless"].argmax(), field["noiseless"].shape)
    variance = field["rms"][brightest] ** 2 - survey.sky_noise() ** 2
    expected = field["noiseless"][brightest] / survey.EXPOSURE
    assert variance == pytest.approx(expected, rel=1e-3)


def test_noise_is_correlated_like_drizzled_images():
    noise = survey.unit_noise(512, seed=0)
    along = (noise[:, 1:] * noise[:, :-1]).mean()
    up = (noise[1:] * noise[:-1]).mean()
    far = (noise[:, 10:] * noise[:, :-10]).mean()
    assert 0.2 < along < 0.6
    assert 0.2 < up < 0.6
    assert abs(far) < 0.03


def test_point_source_depth_is_that_of_cosmos():
    """5 sigma in an aperture of 0.15 arcsec radius: 27.2 (Koekemoer et al. 2007)."""
    noise = survey.unit_noise(1024, seed=1) * survey.sky_noise()
    y, x = np.indices((11, 11)) - 5
    aperture = np.hypot(x, y) <= 5
    sums = [
        noise[i : i + 11, j : j + 11][aperture].sum()
        for i in range(0, 1010, 12)
        for j in range(0, 1010, 12)
    ]
    y, x = np.indices((101, 101)) - 50
    inside = galaxies.draw_psf()[np.hypot(x, y) <= 5].sum()
    depth = galaxies.ZERO_POINT - 2.5 * np.log10(5 * np.std(sums) / inside)
    assert depth == pytest.approx(27.2, abs=0.3)


# The field


@pytest.mark.slow
def test_same_seed_same_field(field):
    again = survey.simulate_field(20, seed=3)
    other = survey.simulate_field(5, seed=4)
    for name in ("image", "rms", "noiseless", "psf"):
        np.testing.assert_array_equal(field[name], again[name])
    assert repr(field["truth"].as_array().tolist()) == repr(again["truth"].as_array().tolist())
    assert field["catalogue"].as_array().tolist() == again["catalogue"].as_array().tolist()
    assert not np.isin(other["truth"]["MAG"], field["truth"]["MAG"]).any()
    assert not np.isin(other["image"][:20], field["image"]).all()


def test_field_has_its_galaxies_where_the_truth_says(field):
    truth, side = field["truth"], len(field["image"])
    assert len(truth) == 20
    assert ((truth["X"] >= 0) & (truth["X"] <= side - 1)).all()
    assert side == pytest.approx(np.sqrt(20 / 40) * 60 / 0.03, abs=1)
    for row in truth[(truth["TYPE"] == "SPH") | (truth["TYPE"] == "ETD")]:
        x, y = round(row["X"]), round(row["Y"])
        box = field["noiseless"][max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4]
        assert box.max() > field["rms"][y, x]
        assert field["noiseless"][y, x] > 0.5 * box.max()


def test_wcs_round_trip(written):
    truth = Table.read(written / "truth.fits")
    with fits.open(written / "image.fits") as image:
        header = image[0].header
        assert image[0].data.dtype == np.dtype(">f4")
    wcs = WCS(header)
    x, y = wcs.world_to_pixel_values(truth["RA"], truth["DEC"])
    np.testing.assert_allclose(x, truth["X"], atol=1e-4)
    np.testing.assert_allclose(y, truth["Y"], atol=1e-4)
    scale = np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix))) * 3600
    assert scale == pytest.approx(0.03, rel=1e-9)
    assert header["BUNIT"] == "electron/s"
    assert header["MAGZERO"] == galaxies.ZERO_POINT
    assert header["EXPTIME"] == survey.EXPOSURE
    assert header["FILTER"] == "F814W"


def test_catalogue_holds_no_truth_but_measurements(written):
    catalogue, truth = (Table.read(written / f"{name}.fits") for name in ("catalogue", "truth"))
    assert catalogue.colnames == ["ID", "RA", "DEC", "MAG_AUTO", "Z", "LOG_MASS", "U_V", "V_J"]
    assert catalogue["ID"].dtype.name == "int64"
    assert len(set(catalogue["ID"])) == len(catalogue)
    np.testing.assert_array_equal(catalogue["ID"], truth["ID"])
    assert str(catalogue["RA"].unit) == "deg"
    assert str(catalogue["MAG_AUTO"].unit) == "mag"
    for name, true in [("RA", "RA"), ("MAG_AUTO", "MAG"), ("Z", "Z"), ("U_V", "U_V")]:
        assert not np.isin(catalogue[name], truth[true]).any()
        assert np.isfinite(catalogue[name]).all()
    away = np.hypot(catalogue["RA"] - truth["RA"], catalogue["DEC"] - truth["DEC"]) * 3600
    assert 0 < np.median(away) < 0.05
    assert away.max() < 1
    with fits.open(written / "catalogue.fits") as file:
        text = "".join(repr(hdu.header) for hdu in file)
    assert not any(word in text for word in ("SPH", "TYPE'", "SEED", "truth"))


def test_positions_are_clustered_but_apart():
    positions = survey.draw_positions(400, 6300, np.random.default_rng(0))
    uniform = np.random.default_rng(1).uniform(0, 6300, (400, 2))
    near = [cKDTree(p).query(p, k=2)[0][:, 1] * 0.03 for p in (positions, uniform)]
    assert near[0].min() >= survey.CLOSEST
    assert (near[0] < 3).sum() > 1.3 * (near[1] < 3).sum()


def test_signal_to_noise_of_a_flat_patch():
    image = np.zeros((20, 20))
    image[5:10, 5:10] = 2.0
    assert survey.signal_to_noise(image, np.full_like(image, 0.5)) == pytest.approx(20.0)


def test_files_leave_nothing_half_written(written):
    assert sorted(path.name for path in written.iterdir()) == sorted(f"{n}.fits" for n in FILES)


@pytest.mark.parametrize(("galaxies_", "seed", "name"), [(0, 1, "galaxies"), (5, -1, "seed")])
def test_impossible_fields_are_refused(galaxies_, seed, name):
    with pytest.raises(InputError, match=f"simulate.{name}"):
        survey.simulate_field(galaxies_, seed)
