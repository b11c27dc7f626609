"""Small pictures: blind to turns, mirror images, brightness and the batch."""

import numpy as np
import pytest

from morphovote.flags import NO_DATA
from morphovote.polar import schemes
from morphovote.polar.small import shrink


@pytest.fixture(scope="module")
def image():
    coarse = np.random.default_rng(2).uniform(0.1, 0.5, (5, 16, 8)).astype("f4")
    return coarse.repeat(4, axis=1).repeat(12, axis=2)


def test_turned_mirrored_and_brighter_galaxies_have_the_same_picture(image):
    usable = np.ones(5, bool)
    plain = shrink(image, usable)
    assert plain.shape == (5, 80)
    np.testing.assert_allclose(np.linalg.norm(plain.astype(float), axis=1), 1, atol=2e-3)
    # A ring's 8 ranges of angle are 12 columns each.
    for other in (np.roll(image, 24, 2), image[..., ::-1], 2 * image):
        np.testing.assert_allclose(shrink(other, usable), plain, atol=1e-3)
    assert np.abs(shrink(np.roll(image, 9, 1), usable) - plain).max() > 0.01


def test_a_ring_and_a_disc_differ_in_the_radii_a_bar_in_the_second_wave():
    disc, ring, bar = np.zeros((3, 64, 96), "f4")
    disc[:40], ring[24:40], bar[:40] = 1, 1, 0.5 + 0.5 * np.cos(4 * np.pi * np.arange(96) / 96)
    found = shrink(np.array([disc, ring, bar]), np.ones(3, bool)).reshape(3, 16, 5).astype(float)
    np.testing.assert_allclose(found[0, :10, 0], 10**-0.5, atol=1e-3)
    np.testing.assert_allclose(found[1, 6:10, 0], 0.5, atol=1e-3)
    assert not found[:2, :, 1:].any()
    assert not found[:, 10:].any()
    assert found[2, 0, 2] > 10 * found[2, 0, [1, 3]].max()


def test_a_picture_does_not_depend_on_the_batch(image):
    usable = np.array([True, True, False, True, True])
    whole = shrink(image, usable)
    assert np.isnan(whole[2]).all()
    for i in (0, 4):
        alone = shrink(image[i : i + 1], usable[i : i + 1])
        assert alone.tobytes() == whole[i : i + 1].tobytes()
    assert shrink(image[:0], usable[:0]).shape == (0, 80)
    # An image without light has a picture without light, far from all others.
    assert not shrink(np.zeros((1, 64, 96), "f4"), usable[:1]).any()


@pytest.mark.parametrize("scheme", schemes.SCHEMES)
def test_every_kind_of_polar_images_has_them(scheme):
    y, x = np.indices((40, 40)) - 19.5
    light = np.exp(-0.5 * (x**2 + (1.5 * y) ** 2) / 20).astype("f4")
    denoised = {"image": np.array([light, light, light.T])}
    cutouts = {
        "mask": (denoised["image"] > 0.05).astype("u1"),
        "flags": np.array([0, NO_DATA, 0]),
        "x": np.full(3, 19.5),
        "y": np.full(3, 19.5),
    }
    picture = schemes.unwrap(scheme, denoised, cutouts)["picture"].astype(float)
    assert np.isnan(picture[1]).all()
    assert np.linalg.norm(picture[0]) == pytest.approx(1, abs=2e-3)
    assert picture[0].reshape(16, 5)[0, 0] > picture[0].reshape(16, 5)[12, 0]
    np.testing.assert_allclose(picture[0], picture[2], atol=0.03)


def with_arcs(turn=0.0, radius=24.0, arcs=True, count=4):
    """Galaxies of 81 px; every third has an arc around it."""
    y, x = np.indices((81, 81)) - 40.0
    angle = np.angle(np.exp(1j * (np.arctan2(y, x) - turn)))
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    body = np.exp(-0.5 * (along**2 + (1.5 * across) ** 2) / 20)
    light = 0.4 * (np.abs(np.hypot(x, y) - radius) < 2) * (np.abs(angle - 1) < 0.9)
    some = (np.arange(count) % 3 == 0) * arcs
    cutouts = {
        "mask": np.array([body > 0.05] * count).astype("u1"),
        "arcs": (some[:, None, None] * light).astype("f4"),
        "flags": np.zeros(count, int),
        "x": np.full(count, 40.0),
        "y": np.full(count, 40.0),
    }
    return {"image": np.array([body] * count, dtype="f4")}, cutouts


def pictures(denoised, cutouts, scheme="moments"):
    return schemes.unwrap(scheme, denoised, cutouts)["picture"].astype(float)


def test_an_arc_beyond_the_frame_shows_and_turns_with_its_galaxy():
    plain, shown = pictures(*with_arcs(arcs=False)), pictures(*with_arcs())
    far = np.linalg.norm(plain - shown, axis=1)
    assert (far[::3] > 0.2).all()
    assert (np.delete(far, np.s_[::3]) == 0).all()
    np.testing.assert_allclose(pictures(*with_arcs(turn=2.0))[0], shown[0], atol=0.03)
    # What is very far out is not part of the galaxy.
    assert (pictures(*with_arcs(radius=38)) == plain).all()


def test_only_the_picture_shows_the_arcs_whatever_the_batch():
    denoised, cutouts = with_arcs(count=18)
    found = schemes.unwrap("moments", denoised, cutouts)
    plain = schemes.unwrap("moments", *with_arcs(arcs=False, count=18))
    for name in found.keys() - {"picture"}:
        np.testing.assert_array_equal(found[name], plain[name])
    for i in (15, 17):
        alone = [{key: values[i : i + 1] for key, values in one.items()} for one in
                 (denoised, cutouts)]  # fmt: skip
        assert schemes.unwrap("moments", *alone)["picture"].tobytes() == (
            found["picture"][i : i + 1].tobytes()
        )
