"""Changed cutouts are what they should be; a vote invariant by construction scores 1."""

import numpy as np
import pytest
import synthetic_field
from scipy import ndimage

from morphovote import flags
from morphovote.checks.perturbations import _interpolate, add_noise, turn, widen_psf
from morphovote.checks.stability import (
    View,
    all_turns,
    choose_sample,
    deal_views,
    run_views,
    score_views,
)
from morphovote.checks.stability_scores import share_by_snr, share_of, summarise_stability
from morphovote.denoise.noise import noise_correlation
from morphovote.report.figures import stability
from morphovote.vote.bagged import Voters, fit_voters

SIZE = 48


def make_cutouts(count=12, noise=0.0, seed=0):
    """Gaussian galaxies of different widths, flux and place, each with a neighbour."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE].astype(float)
    centre = (SIZE - 1) / 2 + rng.uniform(-2, 2, (count, 2))
    width = np.linspace(2.5, 6, count)
    dx, dy = x - centre[:, :1, None], y - centre[:, 1:, None]
    stretched = dx**2 + (dy / 0.6) ** 2
    image = np.exp(-0.5 * stretched / width[:, None, None] ** 2)
    image += 0.05 * np.exp(-0.5 * ((dx - 9) ** 2 + dy**2) / 4)
    image += noise * rng.standard_normal(image.shape)
    mask = np.where(np.hypot(dx, dy) < 2.5 * width[:, None, None], flags.OWN, 0)
    return {
        "row": np.arange(count),
        "id": np.arange(count).astype(str),
        "snr": np.linspace(5, 50, count),
        "image": image.astype(np.float32),
        "rms": np.full(image.shape, noise or 1.0, np.float32),
        "mask": mask.astype(np.uint8),
        "x": centre[:, 0].astype(np.float32),
        "y": centre[:, 1].astype(np.float32),
    }


def test_exact_turns_come_back_to_the_bit():
    cutouts = make_cutouts()
    for degrees in (90, 180, 270):
        back = turn(turn(cutouts, degrees), -degrees)
        for name in ("image", "rms", "mask"):
            np.testing.assert_array_equal(back[name], cutouts[name])
        np.testing.assert_allclose(back["x"], cutouts["x"], atol=1e-4)
    twice = turn(turn(cutouts, 0, mirrored=True), 0, mirrored=True)
    np.testing.assert_array_equal(twice["image"], cutouts["image"])
    assert not np.array_equal(turn(cutouts, 0, mirrored=True)["image"], cutouts["image"])


def test_interpolated_turn_comes_back():
    cutouts = make_cutouts()
    turned = turn(cutouts, 22.5)
    back = turn(turned, -22.5)
    assert np.abs(turned["image"] - cutouts["image"])[:, 10:-10, 10:-10].max() > 0.1
    np.testing.assert_allclose(
        back["image"][:, 10:-10, 10:-10], cutouts["image"][:, 10:-10, 10:-10], atol=0.03
    )
    np.testing.assert_allclose(back["y"], cutouts["y"], atol=1e-4)


def test_quarter_turn_is_the_limit_of_the_interpolated_one():
    cutouts = make_cutouts()
    arrays = {name: cutouts[name] for name in ("image", "rms", "mask")}
    between = _interpolate(arrays, np.pi / 2)
    exact = turn(cutouts, 90)
    np.testing.assert_allclose(between["image"], exact["image"], atol=1e-4)
    np.testing.assert_array_equal(between["mask"] & flags.OWN, exact["mask"] & flags.OWN)


@pytest.mark.parametrize(("degrees", "mirrored"), [(22.5, False), (112.5, True), (270, True)])
def test_position_turns_with_the_light(degrees, mirrored):
    cutouts = make_cutouts(5)
    turned = turn(cutouts, degrees, mirrored)
    for image, x, y in zip(turned["image"], turned["x"], turned["y"], strict=True):
        peak_y, peak_x = np.unravel_index(image.argmax(), image.shape)
        assert np.hypot(peak_x - x, peak_y - y) < 1


def test_corners_are_missing_and_belong_to_nobody():
    cutouts = make_cutouts(2)
    cutouts["mask"][:] = flags.OWN
    turned = turn(cutouts, 45)["mask"]
    assert (turned[:, 0, 0] == flags.MISSING).all()
    assert (turned[:, SIZE // 2, SIZE // 2] == flags.OWN).all()
    assert np.isfinite(turn(cutouts, 45)["image"]).all()


def smooth_sky(count=30, sigma=0.7):
    rng = np.random.default_rng(1)
    sky = ndimage.gaussian_filter(rng.standard_normal((count, SIZE, SIZE)), (0, sigma, sigma))
    sky /= sky.std()
    return make_cutouts(count, noise=1.0) | {
        "image": sky.astype(np.float32),
        "mask": np.zeros(sky.shape, np.uint8),
    }


def test_noise_is_raised_by_the_factor_and_keeps_its_correlation():
    cutouts = smooth_sky()
    covariance = noise_correlation(cutouts["image"], cutouts["rms"], cutouts["mask"])
    noisy = add_noise(cutouts, 2.0, covariance, np.arange(30))
    assert noisy["image"].std() == pytest.approx(2, rel=0.05)
    np.testing.assert_allclose(noisy["rms"], 2, rtol=1e-5)
    lag = [np.mean(c["image"][:, :, 1:] * c["image"][:, :, :-1]) for c in (cutouts, noisy)]
    assert lag[1] == pytest.approx(4 * lag[0], rel=0.1)
    alone = {name: array[7:8] for name, array in cutouts.items()}
    np.testing.assert_array_equal(
        add_noise(alone, 2.0, covariance, np.array([7]))["image"][0], noisy["image"][7]
    )


def test_wider_psf_widens_light_and_leaves_the_sky():
    cutouts = smooth_sky()
    covariance = noise_correlation(cutouts["image"], cutouts["rms"], cutouts["mask"])
    blurred = widen_psf(cutouts, 3.0, covariance, np.arange(30))
    assert blurred["image"].std() == pytest.approx(1, rel=0.05)
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    star = np.exp(-0.5 * (x**2 + y**2) / 1.5**2)
    bright = cutouts | {"image": np.broadcast_to(1e6 * star, (30, SIZE, SIZE)).astype(np.float32)}
    light = widen_psf(bright, 3.0, covariance, np.arange(30))["image"][0]
    width = np.sqrt((light * x**2).sum() / light.sum())
    assert width == pytest.approx(np.hypot(1.5, 3.0 / 2.355), rel=0.01)


def test_views_are_dealt_out_evenly():
    views = [view for galaxy in range(84) for view in deal_views(galaxy)]
    turned = [view for view in views if view.kind == "turned"]
    exact = {view for view in views if view.kind == "exact"}
    assert len(exact) == 7
    assert View("exact", 0.0, False) not in exact
    assert {turned.count(view) for view in set(turned)} == {10, 11}
    assert len(set(turned)) == 24
    assert not any(view.amount % 90 == 0 for view in turned)
    assert len(set(all_turns(0))) == 31


def test_sample_is_spread_in_snr_and_half_kept():
    rng = np.random.default_rng(0)
    snr = 10 ** rng.normal(1.5, 0.5, 1000)
    kept, usable = rng.random(1000) < 0.3, np.ones(1000, bool)
    usable[:100] = False
    rows = choose_sample(snr, kept, usable, seed=0)
    assert len(rows) == len(set(rows)) == 96
    assert usable[rows].all()
    assert kept[rows].sum() == 48
    quartiles = np.searchsorted(np.quantile(snr[usable], [0.25, 0.5, 0.75]), snr[rows])
    assert np.bincount(quartiles).min() > 15
    np.testing.assert_array_equal(rows, choose_sample(snr, kept, usable, seed=0))
    assert kept[choose_sample(snr, kept & (snr < 5), usable, seed=0)].sum() < 48
    assert len(choose_sample(snr[:40], kept[:40], np.ones(40, bool), seed=0)) == 0


def ranked_pixels(views):
    """Brightnesses in order: the same whichever way a galaxy lies."""
    ranked = np.sort(views["image"].reshape(len(views["x"]), -1), axis=1)[:, ::-1]
    return ranked[:, [4, 8, 16, 32, 64, 128, 256]]


def coarse_pixels(views):
    """The picture itself, which turns with the galaxy."""
    blocks = views["image"].reshape(-1, SIZE // 6, 6, SIZE // 6, 6).mean(axis=(2, 4))
    return blocks.reshape(len(blocks), -1)


def scores_of(follow):
    cutouts = make_cutouts(40)
    own = follow(cutouts)
    voters = fit_voters(own, 5, 0.667, 0, voters=9, quiet=True)
    galaxy, views, moved = run_views(cutouts, all_turns, follow, seed=0)
    assert len(galaxy) == len(views) == 40 * 31
    return views, score_views(moved, galaxy, own, own, voters)


@pytest.mark.slow
def test_invariant_vote_scores_one_and_another_scores_low():
    views, invariant = scores_of(ranked_pixels)
    _, other = scores_of(coarse_pixels)
    exact = np.array([view.kind == "exact" for view in views])
    assert invariant["retrieved"][exact].all()
    assert invariant["unchanged"][exact].all()
    assert invariant["unchanged_unseen"][exact].all()
    assert invariant["unchanged"].mean() > 0.9
    assert invariant["moved"].mean() < 0.3 * other["moved"].mean()
    assert other["retrieved"].mean() < 0.5
    assert other["unchanged_unseen"].mean() < 0.85


def test_own_votes_hold_a_galaxy_only_while_it_is_in_the_reference():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(60, 2)).astype(np.float32)
    reference[30:] += 20
    # One galaxy of its own group in the midst of others.
    reference[0] = [0.0, 0.0]
    labels = np.repeat(np.r_[2, np.zeros(29, int), np.ones(30, int)][None], 3, axis=0)
    voters = Voters(reference, np.ones(60), labels, ["k"] * 3, 3, 0.667, 1e9)
    own = reference[:2]
    view = own + np.float32(0.001)
    found = score_views(view, np.arange(2), own, reference, voters)
    assert found["retrieved"].all()
    assert list(found["unchanged"]) == [True, True]
    gone = score_views(view + np.array([[20, 20], [0, 0]]), np.arange(2), own, reference, voters)
    assert list(gone["unchanged"]) == [False, True]
    assert list(gone["unchanged_unseen"]) == [False, True]
    assert gone["moved"][0] > 5


def test_interval_counts_galaxies_not_views():
    table, _ = synthetic_field.make_stability(40)
    one = {name: array[table["kind"] == "psf"] for name, array in table.items()}
    many = {name: np.tile(array, (10,)) for name, array in one.items()}
    assert share_of(many, "unchanged") == pytest.approx(share_of(one, "unchanged"))
    bins = share_by_snr(one, "unchanged", 4)
    assert [b["galaxies"] for b in bins] == [10, 10, 10, 10]
    assert np.mean([b["value"] for b in bins]) == pytest.approx(one["unchanged"].mean())
    assert (np.diff([b["snr"] for b in bins]) > 0).all()


def test_summary_separates_what_was_done():
    found = summarise_stability(*synthetic_field.make_stability(40))
    assert found["kept"] == 20
    shares = {(c["kind"], c["amount"], c["galaxies"]): c["unchanged"][0] for c in found["checks"]}
    assert len(shares) == 10
    assert shares["turned", None, "kept"] == 1
    assert shares["noise", 1.5, "all"] < 0.8


def test_figure_and_its_numbers():
    table, attributes = synthetic_field.make_stability(40)
    found = summarise_stability(table, attributes)
    figure, numbers = stability.plot_stability(table, found)
    figure.draw_without_rendering()
    whole = numbers[np.isnan(numbers["snr"])]
    assert len(whole) == 7
    assert set(whole["line"]) >= {"quarter turns", "new to the model", "PSF + 3 px"}
    empty = {name: array[:0] for name, array in table.items()}
    nothing = summarise_stability(empty, attributes | {"galaxies": 0})
    figure, numbers = stability.plot_stability(empty, nothing)
    assert nothing["checks"] == []
    assert len(numbers) == 0
