"""Injection of galaxies into images, and their recovery."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from morphovote.checks import completeness
from morphovote.checks.recovery import empty_table, is_recovered
from morphovote.errors import InputError
from morphovote.flags import EDGE
from morphovote.report.figures import completeness as completeness_figure
from morphovote.report.text.classes import describe_recovery
from morphovote.simulate import galaxies, injection

SIDE, NOISE, SCALE = 400, 0.003, 0.03


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    """An image of noise with a bright, square source in its middle."""
    folder = tmp_path_factory.mktemp("tiles")
    rng = np.random.default_rng(0)
    image = rng.normal(0, NOISE, (SIDE, SIDE))
    image[175:225, 175:225] += 1
    fits.writeto(folder / "image.fits", image.astype(np.float32))
    fits.writeto(folder / "rms.fits", np.full((SIDE, SIDE), NOISE, np.float32))
    names = ("IMAGE", "HDU", "RMS", "RMS_HDU", "WEIGHT", "WEIGHT_HDU")
    row = (str(folder / "image.fits"), 0, str(folder / "rms.fits"), 0, "", -1)
    table = Table(rows=[row], names=names)
    table.meta = {"PIXSCALE": SCALE, "ZEROPT": galaxies.ZERO_POINT, "KIND": "images"}
    return table


def planned(count, low=21.0, high=22.0, seed=0):
    return injection.plan_injections(count, np.linspace(low, high, 50), seed)


def test_plan_takes_turns_and_follows_the_field():
    plan = planned(10)
    assert [one["TYPE"] for one in plan[:5]] == [one["TYPE"] for one in plan[5:]]
    assert {one["TYPE"] for one in plan} == {"SPH", "ETD", "LTD", "IRR", "UNC"}
    assert all(21 < one["MAG"] < 22 for one in plan)
    assert planned(3) == plan[:3]
    assert planned(3, seed=1) != plan[:3]
    unknown = injection.plan_injections(50, np.full(5, np.nan), 0)
    assert 20 < min(one["MAG"] for one in unknown) < max(one["MAG"] for one in unknown) < 25


@pytest.mark.parametrize("psf", [None, galaxies.draw_psf(51)])
@pytest.mark.parametrize("zero_point", [galaxies.ZERO_POINT, 30.0])
def test_light_has_its_magnitude_and_place(psf, zero_point):
    one = planned(1)[0] | {"MAG": 21.5, "R_E": 0.15}
    light, _ = injection.draw_light(one, (75.3, 74.0), 150, SCALE, zero_point, psf)
    y, x = np.mgrid[:150, :150]
    assert -2.5 * np.log10(light.sum()) + zero_point == pytest.approx(21.5, abs=0.1)
    assert (light * x).sum() / light.sum() == pytest.approx(75.3, abs=0.4)
    assert (light * y).sum() / light.sum() == pytest.approx(74.0, abs=0.4)


def test_wider_psf_widens_the_light():
    y, x = np.mgrid[-25:26, -25:26]
    wide = np.exp(-0.5 * (x**2 + y**2) / 6**2)
    one = planned(1)[0] | {"R_E": 0.1}
    given = [
        injection.draw_light(one, (75, 75), 150, SCALE, 25.94, psf)[0].max()
        for psf in (galaxies.draw_psf(51), wide / wide.sum())
    ]
    assert given[1] < 0.5 * given[0]


def test_places_are_free_and_the_image_shows_through(tiles):
    found = injection.inject(planned(8), tiles, 64, "mask", None, 0)
    assert len(found["x"]) == 8
    away = np.maximum(np.abs(found["tile_x"] - 199.5), np.abs(found["tile_y"] - 199.5))
    assert (away > 25 + 0.7 * injection.CLEAR / SCALE).all()
    assert found["image"].shape == (8, 64, 64)
    assert found["detected"].all()
    assert (found["snr"] > 20).all()
    again = injection.inject(planned(8)[:3], tiles, 64, "mask", None, 0)
    for name, values in again.items():
        np.testing.assert_array_equal(values, found[name][:3])


def test_the_psf_is_that_of_the_place(tiles):
    asked = []

    def psf(tile, x, y):
        asked.append((tile, x, y))
        return galaxies.draw_psf(51)

    found = injection.inject(planned(2), tiles, 64, "mask", psf, 0)
    assert asked == list(zip(found["tile"], found["tile_x"], found["tile_y"], strict=True))


def test_faint_galaxies_are_lost_and_bright_ones_found(tiles):
    faint = injection.inject(planned(6, 29, 30), tiles, 64, "mask", None, 0)
    assert faint["detected"].mean() < 0.4


def test_magnitudes_need_a_zero_point(tiles):
    blind = tiles.copy()
    blind.meta = tiles.meta | {"ZEROPT": np.nan}
    with pytest.raises(InputError, match="zero_point"):
        injection.inject(planned(1), blind, 64, "mask", None, 0)


def test_photon_noise_where_the_header_tells():
    header = fits.Header({"BUNIT": "electron/s", "EXPTIME": 2000.0})
    assert injection.photon_noise(header) == 1 / 2000
    assert injection.photon_noise(fits.Header({"BUNIT": "MJy/sr", "EXPTIME": 2000.0})) == 0
    light = np.full((200, 200), 5.0)
    section, rms = injection.add_light(
        np.zeros((200, 200)), np.full((200, 200), 0.01), light, 1 / 2000, False,
        np.random.default_rng(0),
    )  # fmt: skip
    assert section.std() == pytest.approx(np.sqrt(5 / 2000), rel=0.05)
    assert rms[0, 0] == pytest.approx(np.sqrt(0.01**2 + 5 / 2000))


def table(count=200):
    """Detected to magnitude 23, and given its own class to 22; all types alike."""
    magnitude = np.linspace(20, 25, count)
    kinds = np.array(["SPH", "LTD"], dtype=object)[np.arange(count) % 2]
    own = magnitude < 22
    found = empty_table() | {
        "row": np.arange(count),
        "type": kinds,
        "mag": magnitude,
        "r_e": np.geomspace(0.5, 0.1, count),
        "flags": np.zeros(count, int),
        "detected": magnitude < 23,
        "kept": own,
        "class": np.where(own, kinds, "IRR"),
        "class_origin": np.full(count, "vote", dtype=object),
    }
    return found | {"recovered": is_recovered(found, True)}


def test_what_counts_as_recovered():
    found = table(6) | {"flags": np.array([EDGE, 0, 0, 0, 0, 0])}
    found["class"][2] = found["type"][2]
    found["detected"][:] = [True, False, True, True, True, True]
    np.testing.assert_array_equal(is_recovered(found, True), [0, 0, 1, 0, 0, 0])
    np.testing.assert_array_equal(is_recovered(found, False), [0, 1, 1, 0, 0, 0])
    found["class_origin"][2] = "none"
    assert not is_recovered(found, True).any()


def test_completeness_by_magnitude_size_and_class():
    shares = completeness.completeness(table())
    every = shares[(shares["by"] == "all") & (shares["class"] == "all")][0]
    assert every["recovered"] == pytest.approx(0.4)
    assert every["detected"] == pytest.approx(0.6)
    assert every["recovered_low"] < 0.4 < every["recovered_high"]
    by_magnitude = shares[(shares["by"] == "mag") & (shares["class"] == "all")]
    assert list(by_magnitude["recovered"]) == [1, 1, 0, 0, 0]
    assert by_magnitude["galaxies"].sum() == 200
    late = shares[(shares["by"] == "mag") & (shares["class"] == "LTD")]
    assert late["galaxies"].sum() == 100
    sizes = shares[(shares["by"] == "r_e") & (shares["class"] == "all")]
    assert (np.diff(sizes["recovered"]) >= 0).all()


def test_figure_numbers_and_sentences():
    attributes = {"missing": "", "detects": True}
    figure, shares = completeness_figure.plot_completeness(table(), "")
    assert len(figure.axes) == 3
    assert set(shares["class"]) == {"all", "SPH", "LTD"}
    numbers = completeness.summarise_recovery(table(), attributes)
    assert numbers["all"]["recovered"][0] == pytest.approx(0.4)
    text = describe_recovery(numbers)[0]
    assert "200 simulated galaxies" in text
    assert "LTD 40" in text
    assert describe_recovery(None) == []


def test_fields_of_cutouts_say_why_nothing_was_injected():
    numbers = completeness.summarise_recovery(
        empty_table(), {"missing": "needs images", "detects": False}
    )
    assert describe_recovery(numbers) == ["No galaxies were injected: needs images."]
    figure, _ = completeness_figure.plot_completeness(empty_table(), "needs images")
    assert "needs images" in figure.texts[0].get_text()
