"""Arcs around galaxies: told from other neighbours, hidden in the image, kept beside it."""

import numpy as np
import pytest

from morphovote import flags
from morphovote.fields.arcs import arc_pixels
from morphovote.fields.cutouts import BORDER, cut_source

SIZE = 80
SIDE = SIZE + 2 * BORDER
CENTRE = (SIDE - 1) / 2
Y, X = np.indices((SIDE, SIDE)) - CENTRE


def arc(radius=24.0, turn=0.4, length=1.8, width=1.5):
    """Light that is even over `length` (rad) of a circle."""
    angle = np.angle(np.exp(1j * (np.arctan2(Y, X) - turn)))
    across = np.exp(-0.5 * ((np.hypot(X, Y) - radius) / width) ** 2)
    return 15 * across * (np.abs(angle) < length / 2)


def spot(x, y, sigma=3.0, stretch=1.0):
    return 20 * np.exp(-0.5 * (((X - x) / sigma) ** 2 + ((Y - y) / sigma / stretch) ** 2))


def cut(light, neighbours="mask", unit=1.0, name="g1"):
    noise = np.random.default_rng(3).normal(0, 1, (SIDE, SIDE))
    section = (unit * (40 * np.exp(-0.5 * (X**2 + Y**2) / 9) + light + noise)).astype("f4")
    return cut_source(
        section, None, (CENTRE, CENTRE), SIZE, name=name, pixel_scale=0.03, neighbours=neighbours
    )


@pytest.mark.parametrize("turn", [0.0, np.pi, -2.0])
def test_a_hidden_arc_is_kept_beside_the_image(turn):
    middle = slice(BORDER, BORDER + SIZE)
    light = arc(turn=turn)[middle, middle]
    found = cut(arc(turn=turn))
    on = light > 7
    assert (found["mask"][on] == flags.NEIGHBOUR).all()
    assert abs(found["image"][on].mean()) < 0.5
    both = found["image"] + found["arcs"]
    assert both[on].mean() == pytest.approx(light[on].mean(), rel=0.05)
    assert not found["arcs"][found["mask"] != flags.NEIGHBOUR].any()
    assert not cut(arc(turn=turn), "keep")["arcs"].any()


@pytest.mark.parametrize(
    ("what", "light"),
    [
        ("round", spot(22, 5)),
        ("edge-on across", spot(0, 24, 2.0, 3.5)),
        ("edge-on along, but short for its distance", spot(28, 0, 1.5, 3.0)),
        ("nothing", 0 * X),
    ],
)
def test_other_neighbours_stay_hidden(what, light):
    found = cut(light)
    assert not found["arcs"].any(), what
    # Beside an arc they stay hidden, too.
    both = cut(light + arc(turn=-2.0))
    assert not both["arcs"][np.abs(cut(light)["mask"]) == flags.NEIGHBOUR].any(), what
    assert both["arcs"].any()


def test_arcs_do_not_depend_on_the_unit():
    plain, tiny = cut(arc()), cut(arc(), unit=1e-18)
    np.testing.assert_array_equal(plain["arcs"] != 0, tiny["arcs"] != 0)
    assert plain["arcs"].any()


def test_a_whole_ring_is_an_arc_and_light_below_the_sky_is_no_error():
    ring = np.abs(np.hypot(X, Y) - 20) < 2
    labels = ring.astype(int)
    none, light, place = np.zeros_like(ring), np.ones_like(X), (CENTRE, CENTRE)
    assert (arc_pixels(ring, labels, light, none, *place) == ring).all()
    assert not arc_pixels(ring, labels, -light, none, *place).any()


def test_a_neighbour_that_is_cut_off_is_no_arc():
    """At the edge of a ready-made cutout the rest of a neighbour is long along the edge."""
    light, edge = arc(radius=30, turn=0.0), np.zeros((SIDE, SIDE), bool)
    piece = light > 3
    labels = piece.astype(int)
    assert arc_pixels(piece, labels, light, edge, CENTRE, CENTRE).any()
    edge[:, np.flatnonzero(piece.any(axis=0))[-1] + 1 :] = True
    assert not arc_pixels(piece, labels, light, edge, CENTRE, CENTRE).any()
    # So it is at the border of what was read.
    border = np.abs(X - CENTRE) < 1
    far = border & (np.abs(Y) < CENTRE / 2)
    assert not arc_pixels(far, far.astype(int), far * 1.0, edge & False, CENTRE, CENTRE).any()
