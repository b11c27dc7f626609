"""Anchors: of known class, on the field's own sky, as large and bright as its galaxies."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from morphovote.flags import NO_DATA, OWN
from morphovote.simulate import anchors, galaxies, places
from morphovote.simulate.truth import Truth, classify_truth
from morphovote.storage import shards

SIDE, SIZE, NOISE, SCALE = 400, 64, 0.003, 0.03
PSF = galaxies.draw_psf(51)


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """An image of noise, its tiles, and cutouts of the same noise with a source in each."""
    folder = tmp_path_factory.mktemp("anchors")
    rng = np.random.default_rng(0)
    fits.writeto(folder / "image.fits", rng.normal(0, NOISE, (SIDE, SIDE)).astype(np.float32))
    fits.writeto(folder / "rms.fits", np.full((SIDE, SIDE), NOISE, np.float32))
    names = ("IMAGE", "HDU", "RMS", "RMS_HDU", "WEIGHT", "WEIGHT_HDU")
    tiles = Table(rows=[(str(folder / "image.fits"), 0, str(folder / "rms.fits"), 0, "", -1)],
                  names=names)  # fmt: skip
    tiles.meta = {"PIXSCALE": SCALE, "ZEROPT": np.nan, "KIND": "images"}
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    inside = np.hypot(x, y) < 10
    image = rng.normal(0, NOISE, (6, SIZE, SIZE)) + 0.1 * inside
    shards.write_shard(
        folder / "cut.h5",
        {
            "row": np.arange(6),
            "image": image.astype(np.float32),
            "rms": np.full(image.shape, NOISE, np.float32),
            "mask": np.repeat(inside[None] * np.uint8(OWN), 6, axis=0),
            "flags": np.array([0, 0, 0, 0, 0, NO_DATA]),
            "snr": np.full(6, 50.0, np.float32),
        },
    )
    return tiles, [folder / "cut.h5"]


def plan(count=10, seed=0, flux=30.0, radius=8.0):
    return anchors.plan_anchors(count, np.full(5, flux), np.full(5, radius), 2.2, seed)


def same_psf(tile, x, y):
    return PSF


def test_sources_are_measured_inside_their_segments(field):
    flux, radius, _ = anchors.measure_sources(field[1], 0)
    assert len(flux) == 5
    np.testing.assert_allclose(flux, 0.1 * np.pi * 100, rtol=0.05)
    # Half of a flat disc's light lies within 0.71 of its radius.
    np.testing.assert_allclose(radius, 7.1, rtol=0.05)


def test_psf_is_measured():
    fwhm, radius = anchors.measure_psf(PSF)
    assert fwhm == pytest.approx(anchors.HST_FWHM, rel=0.03)
    assert 1.5 < radius < 2.6


def test_plan_is_the_same_for_any_number_of_anchors():
    assert plan(4) == plan(10)[:4]
    assert plan(4, seed=1) != plan(4)
    assert {one["renderer"] for one in plan(2)} == {"sersic", "layered"}


@pytest.mark.parametrize("renderer", ["sersic", "layered"])
def test_light_has_its_flux_place_and_truth(renderer):
    found = [one for one in plan(60) if one["renderer"] == renderer and one["type"] != "artefact"]
    for one in found[:8]:
        one = one | {"r_e": 4.0}
        light, truth = anchors.draw_anchor(one, (75.0, 74.0), 150, PSF, anchors.HST_FWHM)
        assert light.sum() == pytest.approx(one["flux"], rel=0.25)
        assert classify_truth(truth) in ("SPH", "ETD", "LTD", "IRR", "UNC")
        again, _ = anchors.draw_anchor(one, (75.0, 74.0), 150, PSF, anchors.HST_FWHM)
        np.testing.assert_array_equal(light, again)


def test_anchors_lie_on_the_sky_of_the_images(field):
    found = anchors.make_anchors(plan(6), field[0], field[1], SIZE, "mask", same_psf, 0)
    assert found["image"].shape == (6, SIZE, SIZE)
    assert (found["snr"] > 10).all()
    assert set(found["class"]) <= {"SPH", "ETD", "LTD", "IRR", "UNC"}
    corner = found["image"][:, :6, :6]
    assert corner.std() == pytest.approx(NOISE, rel=0.3)
    some = anchors.make_anchors(plan(6)[:3], field[0], field[1], SIZE, "mask", same_psf, 0)
    for name, values in some.items():
        np.testing.assert_array_equal(values, found[name][:3])


def test_anchors_of_a_field_of_cutouts_lie_on_their_sky(field):
    tiles, cutouts = field[0].copy(), field[1]
    tiles.meta = field[0].meta | {"KIND": "cutouts"}
    place = places.cutout_places(cutouts, SIZE)(np.random.default_rng(0))
    middle = place.section[25:-25, 25:-25]
    # The source is gone, and its place is as noisy as the rest.
    assert abs(middle.mean()) < 0.2 * NOISE
    assert middle[26:38, 26:38].std() == pytest.approx(NOISE, rel=0.25)
    asked, own = [], np.arange(6) + 10

    def psf(tile, x, y):
        asked.append(tile)
        return PSF

    found = anchors.make_anchors(plan(4), tiles, cutouts, SIZE, "mask", psf, 0, tile=own)
    assert len(found["row"]) == 4
    # Each is seen through the PSF of the cutout that lends its sky.
    assert set(asked) <= set(own[:5])
    assert len(set(asked)) > 1
    assert (found["snr"] > 10).all()


def test_anchors_of_several_bands_lie_on_sky_of_the_band_of_their_source(field):
    band = np.array(["b", "b", "r", "b", "r"])
    flux = np.where(band == "r", 300.0, 30.0)
    planned = anchors.plan_anchors(12, flux, np.full(5, 8.0), np.where(band == "r", 4.0, 2.2), 0,
                                   band=band)  # fmt: skip
    assert {one["band"] for one in planned} == {"b", "r"}
    assert all((one["wanted"][1] > 100) == (one["band"] == "r") for one in planned)
    assert {one["psf_radius"] for one in planned if one["band"] == "r"} == {4.0}
    tiles = Table({"BAND": ["b", "r"] * 8, "PIXSCALE": [0.03, 0.06] * 8})
    tiles.meta = field[0].meta | {"KIND": "images"}
    own, asked = np.arange(6) + 10, []

    def psf(tile, x, y):
        asked.append(str(tiles["BAND"][tile]))
        return PSF if asked[-1] == "b" else None

    found = anchors.make_anchors(planned[:6], tiles, field[1], SIZE, "mask", psf, 0, tile=own)
    assert asked == [one["band"] for one in planned[:6]] == found["band"].tolist()


@pytest.mark.slow
def test_pilots_tell_how_much_larger_a_galaxy_is_than_its_segment(field):
    trial = anchors.pilot_plan(plan(80, flux=3.0))
    assert len(trial) < 80
    found = anchors.make_anchors(trial, *field, SIZE, "mask", same_psf, 0)
    factors = anchors.fit_factors(trial, found)
    low, high = 1.7 / anchors.MOST, 1.7 * anchors.MOST
    assert all(low <= larger <= high for larger, _ in factors.values())
    assert set(factors) <= {(one["renderer"], one["type"]) for one in trial}
    changed = anchors.plan_anchors(80, np.full(5, 3.0), np.full(5, 8.0), 2.2, 0, factors)
    assert [one["type"] for one in changed] == [one["type"] for one in plan(80)]
    assert [one["r_e"] for one in changed] != [one["r_e"] for one in plan(80)]


def test_layered_galaxies_are_described_in_the_terms_of_the_rule():
    kinds = {}
    for seed in range(40):
        one = plan(1)[0] | {"renderer": "layered", "stream": [seed], "r_e": 4.0}
        one["type"] = ("spheroid", "spiral", "merger", "star")[seed % 4]
        _, truth = anchors.draw_anchor(one, (30.0, 30.0), 61, PSF, anchors.HST_FWHM)
        assert isinstance(truth, Truth)
        kinds.setdefault(one["type"], []).append(classify_truth(truth))
    assert set(kinds["star"]) == {"UNC"}
    assert set(kinds["spheroid"]) <= {"SPH", "ETD"}
    assert kinds["merger"].count("IRR") >= 3
    assert kinds["spiral"].count("LTD") >= 5
