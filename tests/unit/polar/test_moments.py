"""Polar images follow shifts, turns, mirroring and scaling of their galaxy, and nothing else."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from morphovote import flags
from morphovote.polar import moments

# The pictures are small: threads would only wait for one another.
torch.set_num_threads(1)

SIZE = 100
# Largest and root-mean-square difference between polar images (of range 1) that only differ in
# how the same galaxy fell on the pixels.
CLOSE, CLOSE_RMS = 0.1, 0.012


def paint(turn=0.0, mirror=False, x=49.5, y=49.5, size=1.0):
    """A two-armed spiral with a lopsided clump, drawn turned about its centre (never resampled)."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    dx, dy = (columns - x) / size, (rows - y) / size
    u, v = np.cos(turn) * dx + np.sin(turn) * dy, -np.sin(turn) * dx + np.cos(turn) * dy
    if mirror:
        v = -v
    v = v / 0.75
    r, phi = np.hypot(u, v), np.arctan2(v, u)
    arms = 1 + 0.6 * np.cos(2 * phi - 2.5 * np.log(r / 8 + 0.1)) * (1 - np.exp(-((r / 6) ** 2)))
    clump = 0.5 * np.exp(-((u - 9) ** 2 + (v - 5) ** 2) / 18)
    return (2 * np.exp(-(r**2) / 12) + np.exp(-r / 7) * arms + clump).astype(np.float32)


def segment(images):
    return np.where(images > 0.02 * images.max((1, 2), keepdims=True), flags.OWN, 0).astype(
        np.uint8
    )


def unwrap(images, mask=None, x=49.5, y=49.5, **options):
    images = np.asarray(images, np.float32)
    mask = segment(images) if mask is None else mask
    ones = np.ones(len(images), np.float32)
    return moments.unwrap(images, mask, x * ones, y * ones, **options)


def assert_close(one, other):
    difference = one - other
    assert np.abs(difference).max() < CLOSE
    assert np.sqrt((difference**2).mean()) < CLOSE_RMS


def wrapped(angle):
    return np.abs(np.angle(np.exp(1j * angle)))


def test_rotation_shifts_columns_at_a_fixed_zero_angle():
    columns = 17
    images = np.stack([paint(), paint(turn=columns * 2 * np.pi / moments.ANGLES)])
    pole, radius = torch.full((2, 2), 49.5), torch.full((2,), 40.0)
    sampled = moments.sample_polar(
        torch.from_numpy(images), pole, radius, torch.zeros(2), torch.ones(2)
    ).numpy()
    assert np.allclose(np.roll(sampled[0], columns, axis=1), sampled[1], atol=0.06)
    assert np.abs(sampled[0] - sampled[1]).max() > 0.2  # it did turn


def test_rotated_and_mirrored_galaxies_have_one_polar_image():
    turns = np.linspace(0, 2 * np.pi, 16, endpoint=False) + 0.1
    mirrors = np.arange(16) % 2 == 1
    images = [
        paint(t, m, 49.5 + 0.4 * np.sin(7 * t), 49.3) for t, m in zip(turns, mirrors, strict=True)
    ]
    result = unwrap(images)
    for image in result["image"][1:]:
        assert_close(image, result["image"][0])
    # The frame follows the galaxy: mirrored is mirrored, and the zero angle turns along.
    assert np.array_equal(result["mirrored"] ^ mirrors, np.full(16, result["mirrored"][0]))
    own = np.where(mirrors, -1, 1) * (result["angle"] - turns)
    assert np.degrees(wrapped(own - own[0])).max() < 1


def test_pole_moves_with_the_galaxy():
    result = unwrap([paint(), paint(x=52.2, y=47.9)], x=49.5, y=49.5)
    assert np.diff(result["pole_x"])[0] == pytest.approx(2.7, abs=0.02)
    assert np.diff(result["pole_y"])[0] == pytest.approx(-1.6, abs=0.02)
    assert_close(*result["image"])


@settings(max_examples=10, deadline=None)
@given(st.floats(-np.pi, np.pi), st.booleans())
def test_zero_angle_follows_any_rotation(turn, mirror):
    result = unwrap([paint(), paint(turn, mirror)])
    sign = -1 if mirror else 1
    assert np.degrees(wrapped(sign * (result["angle"][1] - turn) - result["angle"][0])) < 1
    assert result["mirrored"][1] == (result["mirrored"][0] ^ mirror)


def test_size_is_taken_out():
    result = unwrap([paint(size=0.6), paint(size=0.8)])
    assert result["radius"][1] / result["radius"][0] == pytest.approx(0.8 / 0.6, rel=0.02)
    # Looser than elsewhere: the smaller galaxy's core is less well sampled.
    assert np.abs(np.diff(result["image"], axis=0)).mean() < 0.03


def test_outermost_sample_is_1_7_times_the_radius_of_95_percent():
    rows, columns = np.mgrid[:SIZE, :SIZE]
    sigma = 5.0
    image = np.exp(-((columns - 49.5) ** 2 + (rows - 49.5) ** 2) / (2 * sigma**2))[None]
    mask = np.full(image.shape, flags.OWN, np.uint8)
    expected = 1.7 * sigma * np.sqrt(-2 * np.log(0.05))
    assert unwrap(image, mask)["radius"][0] == pytest.approx(expected, rel=0.005)


def test_radius_keeps_within_the_cutout_and_above_six_pixels():
    mask = np.full((2, SIZE, SIZE), flags.OWN, np.uint8)
    point = np.zeros((SIZE, SIZE))
    point[50, 50] = 1
    radius = unwrap([np.ones((SIZE, SIZE)), point], mask)["radius"]
    assert radius[0] == pytest.approx(49.5, abs=0.1)
    assert radius[1] == 6


def test_round_galaxy_has_equal_columns():
    rows, columns = np.mgrid[:SIZE, :SIZE]
    image = np.exp(-((columns - 49.2) ** 2 + (rows - 50.1) ** 2) / (2 * 6.0**2))
    picture = unwrap([image])["image"][0]
    assert np.ptp(picture, axis=1).max() < 0.015
    assert np.all(np.diff(picture.mean(1)) <= 0)


@pytest.mark.parametrize("scale", [1e-9, 3.7, 1e8])
def test_flux_scale_does_not_matter(scale):
    one, other = unwrap([paint()]), unwrap([paint() * np.float32(scale)])
    assert np.allclose(one["image"], other["image"], atol=1e-3)
    assert one["radius"] == pytest.approx(other["radius"], rel=1e-3)


def test_offset_of_the_sky_does_not_matter():
    image = paint()
    mask = segment(image[None])
    one, other = unwrap([image], mask), unwrap([image + np.float32(0.1)], mask)
    assert np.abs(one["image"] - other["image"]).max() < 1e-3
    assert one["mirrored"] == other["mirrored"]


def test_values_span_zero_to_one_whatever_the_noise():
    rng = np.random.default_rng(1)
    noisy = np.stack([paint() + s * rng.standard_normal((SIZE, SIZE)) for s in (0.01, 1, 10)])
    pictures = unwrap(noisy, segment(paint()[None]).repeat(3, 0))["image"]
    assert np.isfinite(pictures).all()
    assert pictures.min() == 0
    assert pictures.max() <= 1
    assert (pictures.max((1, 2)) > 0.9).all()


def test_neighbour_does_not_move_the_frame():
    image = paint()
    mask = segment(image[None])
    rows, columns = np.mgrid[:SIZE, :SIZE]
    near = np.hypot(columns - 88, rows - 20) < 9
    crowded = image + 5 * near
    blocked = mask.copy()
    blocked[0][near] = flags.NEIGHBOUR
    alone, beside = unwrap([image], mask), unwrap([crowded], blocked)
    assert beside["pole_x"] == pytest.approx(alone["pole_x"], abs=0.1)
    assert wrapped(beside["angle"] - alone["angle"])[0] < np.radians(2)
    assert beside["mirrored"] == alone["mirrored"]


def test_result_is_the_same_to_the_bit_in_any_company():
    rng = np.random.default_rng(0)
    images = np.stack([paint(t, size=s) for t, s in rng.uniform(0.4, 1.2, (20, 2))])
    images += 0.02 * rng.standard_normal(images.shape).astype(np.float32)
    together = unwrap(images)
    order = rng.permutation(20)
    shuffled = unwrap(images[order])
    alone = unwrap(images[17:18])
    for name, values in together.items():
        assert np.array_equal(values[order], shuffled[name]), name
        assert np.array_equal(values[17:18], alone[name]), name


def test_galaxy_without_data_has_an_empty_row():
    images = np.stack([np.zeros((SIZE, SIZE), np.float32), paint()])
    result = unwrap(images, empty=np.array([True, False]))
    assert not result["image"][0].any()
    assert np.isnan([result[name][0] for name in ("pole_x", "pole_y", "angle", "radius")]).all()
    assert np.array_equal(result["image"][1], unwrap(images[1:])["image"][0])


def test_all_rows_empty_or_no_rows():
    images = np.zeros((2, SIZE, SIZE), np.float32)
    assert np.isnan(unwrap(images, images.astype(np.uint8), empty=np.ones(2, bool))["angle"]).all()
    nothing = moments.unwrap(images[:0], images[:0], np.zeros(0), np.zeros(0))
    assert nothing["image"].shape == (0, 64, 96)


@pytest.mark.parametrize("value", [0.0, -1.0, 1.0])
def test_featureless_cutout_gives_finite_numbers(value):
    images = np.full((1, SIZE, SIZE), value, np.float32)
    result = unwrap(images, np.zeros(images.shape, np.uint8))
    assert all(np.isfinite(values).all() for values in result.values())


def test_angle_wraps_without_a_seam():
    picture = unwrap([paint(0.3)])["image"][0]
    steps = np.abs(np.diff(picture, axis=1, append=picture[:, :1]))
    assert steps[:, -1].max() <= np.percentile(steps.max(0), 90)
