"""Cutouts: sky, masks, filling, flags, and independence of order."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from morphovote import flags
from morphovote.fields import cutouts, images, sources
from morphovote.fields.cutouts import BORDER, cut_source

SIZE = 60
SIDE = SIZE + 2 * BORDER
CENTRE = (SIDE - 1) / 2


def sky(seed=0, level=0.0, shape=(SIDE, SIDE)):
    return np.random.default_rng(seed).normal(level, 1, shape).astype(np.float32)


def add(image, x, y, flux=1000.0, sigma=3.0):
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    distance2 = (columns - x) ** 2 + (rows - y) ** 2
    image += (flux / (2 * np.pi * sigma**2) * np.exp(-distance2 / 2 / sigma**2)).astype(np.float32)
    return image


def cut(section, rms=None, position=(CENTRE, CENTRE), **options):
    return cut_source(
        section, rms, position, SIZE, **{"name": "g1", "pixel_scale": 0.03, **options}
    )


def test_lone_galaxy():
    result = cut(add(sky(level=50), CENTRE, CENTRE))
    assert result["flags"] == 0
    own = result["mask"] == flags.OWN
    assert own[29:31, 29:31].all()
    assert 50 < own.sum() < 600
    assert result["image"][own].sum() == pytest.approx(1000, rel=0.1)
    assert abs(np.median(result["image"][~own])) < 0.2
    assert np.median(result["rms"]) == pytest.approx(1, rel=0.1)
    assert result["snr"] == pytest.approx(result["image"][own].sum() / own.sum() ** 0.5, rel=0.1)
    assert (result["x"], result["y"]) == (29.5, 29.5)


def test_given_rms_is_kept_and_weight_shapes_are_scaled():
    section = add(sky(), CENTRE, CENTRE)
    rms = np.full_like(section, 3.0)
    assert (cut(section, rms)["rms"] == 3).all()
    scaled = cut(section, rms, relative=True)["rms"]
    assert np.median(scaled) == pytest.approx(1, rel=0.1)
    # The segment hangs on the sky's own scatter, not on the map's normalisation.
    np.testing.assert_array_equal(cut(section, rms)["mask"], cut(section, rms / 100)["mask"])


def test_neighbour_is_masked_and_filled_with_sky():
    section = add(add(sky(), CENTRE, CENTRE), CENTRE + 20, CENTRE, flux=3000)
    masked, kept = cut(section), cut(section, neighbours="keep")
    near = (slice(26, 34), slice(46, 54))
    assert (masked["mask"][near] == flags.NEIGHBOUR).all()
    assert masked["neighbours"] == 1
    filled = masked["image"][masked["mask"] == flags.NEIGHBOUR]
    assert abs(filled.mean()) < 0.25
    assert filled.std() == pytest.approx(1, rel=0.15)
    assert kept["image"][near].mean() > 20
    np.testing.assert_array_equal(kept["mask"], masked["mask"])
    own = masked["mask"] == flags.OWN
    np.testing.assert_array_equal(kept["image"][own], masked["image"][own])


def test_filling_keeps_the_correlation_of_the_noise():
    from scipy import ndimage

    noise = ndimage.gaussian_filter(sky(3), 1.0)
    noise /= noise.std()
    section = add(add(noise, CENTRE, CENTRE), CENTRE + 20, CENTRE, flux=9000, sigma=4)
    result = cut(section)
    pixels = np.where(result["mask"] == flags.NEIGHBOUR, result["image"], np.nan)
    assert np.nanstd(pixels) == pytest.approx(1, rel=0.2)
    lag = np.nanmean(pixels[:, 1:] * pixels[:, :-1]) / np.nanvar(pixels)
    assert lag > 0.6  # 0.78 in the sky, 0 in independent noise


@pytest.mark.parametrize("flux", [900, 3000])
def test_touching_neighbour_is_a_blend(flux):
    apart = add(add(sky(), CENTRE, CENTRE), CENTRE + 25, CENTRE, flux)
    touching = add(add(sky(), CENTRE, CENTRE), CENTRE + 14, CENTRE, flux)
    assert not cut(apart)["flags"] & flags.BLEND
    assert cut(touching)["flags"] & flags.BLEND


def test_fainter_clumps_belong_to_the_galaxy_and_brighter_neighbours_do_not():
    clump = add(add(sky(), CENTRE, CENTRE, flux=2000), CENTRE + 20, CENTRE, flux=60, sigma=2)
    result = cut(clump)
    assert result["mask"][29, 49] == flags.OWN
    assert result["neighbours"] == 0
    assert not result["flags"] & flags.BLEND
    # Seen from the clump, the galaxy is the neighbour.
    result = cut(clump, position=(CENTRE + 20, CENTRE))
    assert result["mask"][29, 29] == flags.NEIGHBOUR


def test_edge_and_missing_pixels():
    section = add(sky(level=10), CENTRE, CENTRE)
    section[:, : BORDER + 10] = 0
    section[BORDER + 3, -BORDER - 5] = np.nan
    result = cut(section)
    assert result["flags"] == flags.EDGE
    assert (result["mask"][:, :10] == flags.MISSING).all()
    assert result["mask"][3, -5] == flags.MISSING
    assert np.isfinite(result["image"]).all()
    assert np.isfinite(result["rms"]).all()
    assert (result["rms"] > 0).all()
    assert result["image"][:, :10].std() == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize("where", ["everywhere", "centre", "most"])
def test_hopeless_cutouts_have_no_data(where):
    section = add(sky(), CENTRE, CENTRE)
    middle = SIDE // 2
    if where == "everywhere":
        section[:] = np.nan
    elif where == "centre":
        section[middle - 4 : middle + 4, middle - 4 : middle + 4] = np.nan
    else:
        section[: BORDER + 24] = section[-BORDER - 24 :] = np.nan
    result = cut(section)
    assert result["flags"] == flags.NO_DATA
    assert (result["image"] == 0).all()
    assert (result["rms"] == 1).all()


def test_one_bad_pixel_at_the_centre_is_no_reason_to_give_up():
    section = add(sky(), CENTRE, CENTRE)
    section[SIDE // 2, SIDE // 2] = np.nan
    assert cut(section)["flags"] == flags.EDGE


def test_low_snr_and_undetected_sources():
    faint = cut(add(sky(), CENTRE, CENTRE, flux=10))
    assert faint["flags"] & flags.LOW_SNR
    assert (faint["mask"] & flags.OWN).sum() > 20
    assert np.isfinite(faint["snr"])


def test_off_centre():
    section = add(sky(), CENTRE, CENTRE, sigma=5, flux=5000)
    assert not cut(section, position=(CENTRE + 5, CENTRE))["flags"] & flags.OFF_CENTRE
    assert cut(section, position=(CENTRE + 12, CENTRE))["flags"] & flags.OFF_CENTRE
    # At 0.1 arcsec a pixel three pixels are the larger tolerance.
    assert cut(section, position=(CENTRE + 5, CENTRE), pixel_scale=0.1)["flags"] & flags.OFF_CENTRE


def test_filling_depends_on_the_id_alone():
    section = add(add(sky(), CENTRE, CENTRE), CENTRE + 20, CENTRE, flux=3000)
    first, again, other = cut(section), cut(section), cut(section, name="g2")
    np.testing.assert_array_equal(first["image"], again["image"])
    assert not np.array_equal(first["image"], other["image"])


@settings(max_examples=15, deadline=None)
@given(
    blank=st.tuples(*[st.integers(0, SIDE)] * 4),
    flux=st.floats(-1e4, 1e6),
    constant=st.booleans(),
    value=st.sampled_from([np.nan, np.inf, -np.inf, 0.0]),
)
def test_nothing_that_is_not_finite_comes_out(blank, flux, constant, value):
    section = np.full((SIDE, SIDE), 5, np.float32) if constant else sky()
    section = add(section, CENTRE, CENTRE, flux=flux)
    top, bottom, left, right = blank
    section[top:bottom, left:right] = value
    result = cut(section)
    for name in ("image", "rms", "snr"):
        assert np.isfinite(result[name]).all()
    assert (result["rms"] > 0).all()
    assert result["image"].shape == result["mask"].shape == (SIZE, SIZE)


@pytest.fixture
def field(tmp_path):
    """A mosaic without WCS, its noise map, and a list of 70 sources, some outside."""
    random = np.random.default_rng(4)
    image = sky(7, level=3, shape=(400, 500))
    x, y = random.uniform(5, 495, 68), random.uniform(5, 395, 68)
    for column, row, flux in zip(x, y, random.uniform(50, 3000, 68), strict=True):
        rows = slice(max(int(row) - 20, 0), int(row) + 21)
        columns = slice(max(int(column) - 20, 0), int(column) + 21)
        add(image[rows, columns], column - columns.start, row - rows.start, flux, 2.5)
    fits.writeto(tmp_path / "sci.fits", image)
    fits.writeto(tmp_path / "rms.fits", np.ones_like(image))
    Table({"id": np.arange(70), "x": [*x, -20, 900], "y": [*y, 50, 50]}).write(
        tmp_path / "c.csv", format="ascii.csv"
    )
    return sources.list_sources(
        [str(tmp_path / "sci.fits")], "images", tmp_path / "c.csv",
        rms=[str(tmp_path / "rms.fits")], pixel_scale=0.03,
    )  # fmt: skip


def test_every_source_has_a_row(field):
    arrays = cutouts.make_cutouts(*field, SIZE)
    assert {len(array) for array in arrays.values()} == {70}
    assert arrays["row"].tolist() == list(range(70))
    assert arrays["id"].tolist() == [str(i) for i in range(70)]
    assert (arrays["flags"][-2:] == flags.NO_DATA).all()
    assert (arrays["flags"][:-2] & flags.NO_DATA == 0).all()
    for array in (arrays["image"], arrays["rms"], arrays["snr"], arrays["x"]):
        assert np.isfinite(array).all()
    assert (np.abs(arrays["x"] - (SIZE - 1) / 2) <= 0.5).all()


def test_order_shards_and_processes_change_no_bit(field):
    listed, tiles = field
    whole = cutouts.make_cutouts(listed, tiles, SIZE)
    order = np.random.default_rng(0).permutation(70)
    for part, threads in ((order, 1), (order[:9], 1), (np.arange(70), 2)):
        again = cutouts.make_cutouts(listed[part], tiles, SIZE, threads=threads)
        for name, array in again.items():
            np.testing.assert_array_equal(array, whole[name][part])


def test_mosaics_are_read_by_section(field, monkeypatch):
    areas = []
    read = images.read_section

    def counted(hdu, y, x, height, width):
        areas.append(height * width)
        return read(hdu, y, x, height, width)

    monkeypatch.setattr(cutouts, "read_section", counted)
    cutouts.make_cutouts(*field, SIZE)
    assert set(areas) == {SIDE**2}
    assert len(areas) == 2 * 68


@pytest.mark.parametrize("side", [40, 60, 61, 140])
def test_ready_cutouts_are_padded_or_cropped_about_their_centre(tmp_path, side):
    centre = (side - 1) / 2
    fits.writeto(tmp_path / "g_1.fits", add(sky(1, 2, (side, side)), centre, centre, 5000))
    found = sources.list_sources([str(tmp_path / "g_1.fits")], "cutouts", pixel_scale=0.03,
                                 pattern=str(tmp_path / "g_*.fits"))  # fmt: skip
    arrays = cutouts.make_cutouts(*found, SIZE)
    assert arrays["image"].shape == (1, SIZE, SIZE)
    row, column = np.unravel_index(arrays["image"][0].argmax(), (SIZE, SIZE))
    assert np.hypot(row - arrays["y"][0], column - arrays["x"][0]) < 2.5
    missing = (arrays["mask"][0] & flags.MISSING > 0).sum()
    assert missing == max(SIZE**2 - side**2, 0)
    assert bool(arrays["flags"][0] & flags.EDGE) == (side < SIZE)


def test_a_broken_cutout_file_costs_one_row_only(tmp_path):
    for number in (1, 2):
        fits.writeto(tmp_path / f"g_{number}.fits", add(sky(number), CENTRE, CENTRE))
    (tmp_path / "g_3.fits").write_text("not FITS at all")
    paths = sorted(map(str, tmp_path.glob("*.fits")))
    Table({"id": [1, 2, 3]}).write(tmp_path / "c.csv", format="ascii.csv")
    found = sources.list_sources(paths, "cutouts", tmp_path / "c.csv", pixel_scale=0.03)
    with open(paths[0], "r+b") as file:
        file.truncate(2880 * 3)
    arrays = cutouts.make_cutouts(*found, SIZE)
    assert arrays["flags"].tolist() == [flags.NO_DATA, 0, flags.NO_DATA]


def test_half_blank_ceers_cutouts(shared_data):
    folder = shared_data / "ceers_nircam" / "f277w"
    names = ("11097", "25122", "28204")
    paths = [str(folder / f"ceers_f277w_{name}.fits") for name in names]
    found = sources.list_sources(paths, "cutouts", pattern=str(folder / "ceers_f277w_*.fits"))
    assert found[0]["ID"].tolist() == [11097, 25122, 28204]
    arrays = cutouts.make_cutouts(*found, 100)
    blank = [np.count_nonzero(fits.getdata(path) == 0) for path in paths]
    missing = (arrays["mask"] & flags.MISSING > 0).sum(axis=(1, 2))
    assert arrays["flags"][0] & (flags.EDGE | flags.NO_DATA) == 0
    assert arrays["flags"][1] == flags.NO_DATA
    assert arrays["flags"][2] & (flags.EDGE | flags.NO_DATA)
    assert missing[0] == 0
    assert missing[1] == 100**2
    assert arrays["flags"][2] & flags.NO_DATA or missing[2] == blank[2]
