"""Noise maps find their images by their paths."""

import pytest

from morphovote.fields.pairing import find_by_name, pair_files, short_names


@pytest.mark.parametrize(
    ("images", "maps"),
    [
        (["p0/sci.fits", "p1/sci.fits"], ["p0/rms.fits", "p1/rms.fits"]),
        (["sci_1.fits", "sci_10.fits", "sci_2.fits"], ["r_01.fits", "r_10.fits", "r_02.fits"]),
        (["a/x_1_sci.fits", "a/x_2_sci.fits"], ["maps/1/rms.fits", "maps/2/rms.fits"]),
        (["t-3-4_i.fits", "t-3-5_i.fits"], ["w/t_3_4_wht.fits.gz", "w/t_3_5_wht.fits.gz"]),
        (["img9.fits", "img10.fits"], ["map0.fits", "map1.fits"]),
        (["one.fits"], ["other.fits"]),
    ],
)
def test_maps_in_any_order_find_their_images(images, maps):
    assert pair_files(images, sorted(maps, reverse=True), "rms") == maps
    assert pair_files(images[::-1], maps, "rms") == maps[::-1]


def test_a_map_of_another_number_is_said(caplog):
    pair_files(["s1.fits", "s2.fits", "s3.fits"], ["r1.fits", "r2.fits", "r4.fits"], "rms")
    assert "s3.fits: no file of `rms` has its number" in caplog.text


def test_names_stand_for_files():
    paths = ["p0/sci.fits", "p1/sci.fits"]
    assert short_names(paths) == paths
    assert short_names(["p0/a.fits", "p1/b.fits"]) == ["a.fits", "b.fits"]
    assert find_by_name("/data/p1/sci.fits", paths) == [1]
    assert find_by_name(" sci.fits ", paths) == [0, 1]
    assert find_by_name("other.fits", paths) == []
