"""The fast renderer against GalSim, and the views that it makes."""

import math

import galsim
import numpy as np
import pytest
import torch

from morphovote import flags
from morphovote.polar import moments
from morphovote.pretrain import sky, views
from morphovote.pretrain.blur import adaptive_blur
from morphovote.pretrain.telescope import take_images
from morphovote.simulate.layered.galaxies import draw_galaxies
from morphovote.simulate.layered.images import draw_galaxy_light, sersic_b
from morphovote.simulate.layered.kinds import ARTEFACT, EDGE_ON, KINDS, MERGER, SCALE, SPIRAL

SIZE = 100


def plain(n=1.0, r_e=1.0, q=1.0, bulge=1.0, cos_i=1.0, thickness=0.2, dust=0.0):
    """One galaxy with a smooth disc, or none."""
    pair = {
        "present": [True, False], "x": [0, 0], "y": [0, 0], "size": [1, 1], "flux": [1, 0],
        "turn": [0, 0], "bulge": [bulge, 1], "n": [n, 1], "r_e": [r_e, 1], "q": [q, 1],
        "boxiness": [2, 2], "bulge_turn": [0, 0], "cos_i": [cos_i, 1],
        "thickness": [thickness, 0.2], "dust": [dust, 0], "bend": [0, 0], "warp": [0, 0],
    }  # fmt: skip
    galaxy = {name: torch.tensor([value], dtype=torch.float32) for name, value in pair.items()}
    galaxy["present"] = galaxy["present"].bool()
    galaxy["map"] = torch.full((1, 2, 72, 144), 1 / (2 * math.pi))
    for name in ("x", "y", "long", "short", "turn", "flux"):
        galaxy[f"blob_{name}"] = torch.zeros(1, 36)
    return galaxy


def seen(scale=6.0, turn=0.0, x=49.5, y=49.5, hand=1.0):
    values = {"scale": scale, "turn": turn, "hand": hand, "x": x, "y": y}
    return {name: torch.tensor([value]) for name, value in values.items()}


def blur(image, fwhm):
    pixels = galsim.InterpolatedImage(galsim.Image(image.astype(float), scale=1.0))
    both = galsim.Convolve(pixels, galsim.Gaussian(fwhm=fwhm))
    return both.drawImage(nx=SIZE, ny=SIZE, scale=1.0, method="no_pixel").array


@pytest.mark.parametrize(("n", "q", "scale"), [(1, 1, 2), (1, 0.4, 8), (4, 0.7, 6), (2.5, 0.5, 3)])
def test_spheroid_is_the_sersic_profile_of_galsim(n, q, scale):
    image = draw_galaxy_light(plain(n=n, q=q), seen(scale, turn=0.5))[0].numpy()
    # GalSim's half-light radius is that of the circularised profile.
    truth = galsim.Sersic(n=n, half_light_radius=scale * math.sqrt(q))
    truth = truth.shear(q=q, beta=0.5 * galsim.radians)
    truth = galsim.Convolve(truth, galsim.Gaussian(fwhm=2.0))
    truth = truth.drawImage(nx=SIZE, ny=SIZE, scale=1.0).array
    error = blur(image, 2.0) - truth
    # The grid of 5 x 5 points in a pixel smooths a cusp a little.
    assert np.abs(error).max() < (0.04 if n < 3 else 0.06) * truth.max()
    assert abs(error.sum()) < 0.02


@pytest.mark.parametrize("inclination", [0, 45, 75, 85])
def test_disc_is_the_inclined_disc_of_galsim(inclination):
    cos_i = max(math.cos(math.radians(inclination)), 0.05)
    thickness = 0.2 if inclination > 60 else 0.12
    galaxy = plain(bulge=0.0, cos_i=cos_i, thickness=thickness)
    image = draw_galaxy_light(galaxy, seen(8.0))[0].numpy()
    truth = galsim.InclinedExponential(
        inclination=math.radians(inclination) * galsim.radians,
        scale_radius=8.0 * SCALE,
        scale_height=8.0 * SCALE * thickness,
    )
    truth = galsim.Convolve(truth, galsim.Gaussian(fwhm=2.0))
    truth = truth.drawImage(nx=SIZE, ny=SIZE, scale=1.0).array
    error = blur(image, 2.0) - truth
    assert np.abs(error).max() < 0.08 * truth.max()
    assert abs(error.sum()) < 0.03


def test_sersic_b_gives_half_the_light():
    from scipy.special import gammainc

    n = torch.tensor([0.3, 0.5, 1.0, 2.0, 4.0, 8.0])
    assert np.allclose(gammainc(2 * n.numpy(), sersic_b(n).numpy()), 0.5, atol=0.01)


def test_dust_dims_and_lies_on_one_side():
    plainly = draw_galaxy_light(plain(bulge=0.3, cos_i=0.15), seen(10.0))[0]
    dusty = draw_galaxy_light(plain(bulge=0.3, cos_i=0.15, dust=1.0), seen(10.0))[0]
    assert 0.5 < dusty.sum() / plainly.sum() < 0.95
    lost = (plainly - dusty) / plainly.sum()
    assert lost.min() > -1e-6
    above, below = lost[50:56, 35:65].sum(), lost[44:50, 35:65].sum()
    assert abs(above - below) > 0.2 * max(above, below)


def test_turning_the_view_turns_the_image():
    galaxies = draw_galaxies(5, 12)

    def view(turn):
        return {name: value.repeat(12) for name, value in seen(6.0, turn).items()}

    upright, turned = (
        draw_galaxy_light(galaxies, view(0.0)),
        draw_galaxy_light(galaxies, view(math.pi / 2)),
    )
    error = (upright.rot90(-1, (1, 2)) - turned).abs().amax((1, 2)) / turned.amax((1, 2))
    # The finely sampled middle is not quite symmetric around the centre.
    assert error.max() < 0.05
    assert error.median() < 5e-3


@pytest.mark.slow
def test_every_kind_is_drawn_and_finite():
    galaxies = draw_galaxies(1, 300)
    assert len(galaxies["kind"].unique()) == len(KINDS)
    view = {name: value.repeat(300) for name, value in seen(5.0).items()}
    light = draw_galaxy_light(galaxies, view)
    assert torch.isfinite(light).all()
    assert light.min() >= 0
    flux = light.sum((1, 2))[(galaxies["kind"] != ARTEFACT) & (galaxies["kind"] != MERGER)]
    assert 0.9 < flux.median() < 1.05

    # Edge-on discs look flat, and spirals less so.
    def flatness(kind):
        return galaxies["cos_i"][galaxies["kind"] == kind, 0].median()

    assert flatness(EDGE_ON) < 0.25 < flatness(SPIRAL)


def test_arms_show_in_the_angular_fourier_code():
    galaxies = draw_galaxies(3, 300)
    strong = (galaxies["contrast"] > 2) & (galaxies["arms"] == 2) & (galaxies["bar"] == 0)
    none = (galaxies["contrast"] == 0) & (galaxies["kind"] == 1) & (galaxies["bar"] == 0)

    def second_harmonic(rows):
        part = galaxies["map"][rows, 0][:, 30:60]
        amplitude = torch.fft.rfft(part, dim=2).abs()
        return (amplitude[..., 2] / amplitude[..., 0]).mean(1).median()

    assert strong.sum() > 3
    assert second_harmonic(strong) > 5 * second_harmonic(none)


@pytest.mark.slow
def test_views_repeat_and_depend_on_the_seed():
    first, again = (views.draw_views(7, 6) for _ in range(2))
    other = views.draw_views(8, 6)
    assert first["image"].shape == (6, 2, 64, 96)
    assert first["image"].dtype == np.uint8
    assert all(np.array_equal(first[name], again[name], equal_nan=True) for name in first)
    assert not np.array_equal(first["image"], other["image"])
    assert np.isfinite(first["code"]).all()


def test_held_out_surveys_are_not_trained_on():
    draw = views.Draw(0, 2000)
    used = [
        set(views.draw_view_parameters(draw, held_out)["fwhm"].tolist())
        for held_out in (False, True)
    ]
    assert len(used[1]) > 50
    assert not used[0] & used[1]


def test_fourier_code_is_the_same_for_every_turn_and_mirror():
    image = torch.rand(3, 64, 96, generator=torch.Generator().manual_seed(0))
    code = views.fourier_code(image)
    assert code.shape == (3, 56)
    turned = image.roll(17, 2).flip(2)
    assert torch.allclose(views.fourier_code(turned), code, atol=1e-5)
    assert not torch.allclose(views.fourier_code(image.roll(9, 1)), code, atol=1e-2)


def test_adaptive_blur_beats_any_one_filter():
    galaxies = draw_galaxies(11, 24)
    view = views.draw_view_parameters(views.Draw(12, 24), False)
    view |= {"snr": torch.full((24,), 60.0), "missing": torch.zeros(24)}
    view |= {"correlation": torch.zeros(24), "poisson": torch.zeros(24)}
    view |= {"stretched": torch.zeros(24, dtype=torch.bool)}
    noisy, expected, _ = take_images(draw_galaxy_light(galaxies, view), view, 13)
    noisy = torch.from_numpy(noisy)
    blurred = adaptive_blur(
        noisy,
        expected,
        torch.ones_like(noisy),
        view["correlation"],
        torch.ones(24),
        torch.ones(24),
        torch.zeros(24),
    )
    error = (blurred - expected).square().mean()
    for sigma in (0.0, 0.8, 1.5, 2.7):
        filtered = noisy
        if sigma:
            k = torch.arange(-12, 13) / sigma
            kernel = torch.exp(-0.5 * k**2)
            kernel = (kernel / kernel.sum())[None, None]
            filtered = torch.nn.functional.conv2d(noisy[:, None], kernel[..., None], padding="same")
            filtered = torch.nn.functional.conv2d(filtered, kernel[:, :, None], padding="same")[
                :, 0
            ]
        assert error < (filtered - expected).square().mean()


def picture(count=3):
    """Galaxies as the stages leave them: spirals without noise, unwrapped."""
    drawn = draw_galaxies(3, count)
    view = {name: value.repeat(count) for name, value in seen(9.0).items()}
    image = draw_galaxy_light(drawn, view).numpy()
    mask = (image > 0.002 * image.max((1, 2), keepdims=True)).astype(np.uint8)
    x = np.full(count, 49.5)
    return {"denoised": image, "mask": mask} | moments.unwrap(image, mask, x, x)


def test_light_moved_away_is_the_light_seen_smaller():
    galaxies = draw_galaxies(5, 4)

    def view(scale):
        return {name: value.repeat(4) for name, value in seen(scale).items()}

    near, far = (draw_galaxy_light(galaxies, view(scale)) for scale in (12.0, 6.0))
    frame = {name: np.full(4, 49.5, np.float32) for name in ("pole_x", "pole_y")}
    moved = sky.move_away(near, frame, view(6.0) | {"shrink": torch.full((4,), 0.5)})
    blurred = [
        torch.from_numpy(np.stack([blur(one, 3.0) for one in x.numpy()])) for x in (moved, far)
    ]
    far = blurred[1] / blurred[1].sum((1, 2), keepdim=True)
    error = (blurred[0] - far).abs().amax((1, 2)) / far.amax((1, 2))
    # A near galaxy may reach beyond its cutout.
    assert np.median(error) < 0.05


def test_light_of_others_is_no_part_of_a_galaxy():
    galaxies = picture()
    galaxies["mask"][:, :10] = flags.NEIGHBOUR
    galaxies["denoised"][:, :10] = 9.0
    light = sky.galaxy_light(galaxies["denoised"], galaxies["mask"])
    assert light[:, :10].abs().max() == 0
    assert light.amax((1, 2)).min() > 0.9


def test_an_asinh_stretch_is_undone():
    light = torch.rand(2, 5, 5, generator=torch.Generator().manual_seed(1))
    strength = torch.tensor([1.5, 0.0])
    shown = torch.asinh(light * math.sinh(1.5)) / 1.5
    found = sky.stretch_light(torch.stack([shown[0], light[1]]), strength)
    assert torch.allclose(found, light, atol=1e-5)


def test_views_of_the_sky_repeat_and_leave_out_galaxies_without_data():
    galaxies = picture()
    galaxies["radius"][1] = np.nan
    (rows, found), (_, again) = (next(sky.draw_sky_views(galaxies, 4)) for _ in range(2))
    assert rows.tolist() == [0, 2]
    assert found["image"].shape == (2, 4, 64, 96)
    assert found["code"].shape == (2, 4, 56)
    assert np.array_equal(found["image"], again["image"])
    # The first is the galaxy as it is.
    assert np.abs(found["image"][:, 0] / 255 - galaxies["image"][rows]).max() < 0.003
    assert np.isfinite(found["code"]).all()
