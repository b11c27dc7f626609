"""What becomes of galaxies injected into a field's images, up to the table of them."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from morphovote.checks.recovery import NEEDS_IMAGES, empty_table, inject_file
from morphovote.fields.sources import write_sources
from morphovote.simulate.galaxies import ZERO_POINT
from morphovote.storage.shards import read_attributes, read_shard

NOISE, SCALE, COUNT = 0.003, 0.03, 5
CUTOUT = {"size": 64, "neighbours": "mask"}


def follow(cutouts):
    """A chain that gives every galaxy its true class, and keeps none."""
    count = len(cutouts["x"])
    return {
        "group": np.zeros(count, np.int64),
        "vote_fraction": np.full(count, 0.5, np.float32),
        "kept": np.zeros(count, bool),
        "outlier": np.zeros(count, bool),
        "class": cutouts["type"].astype(object),
        "class_prob": np.full(count, 0.9, np.float32),
        "class_second": np.full(count, "", object),
        "class_origin": np.full(count, "classifier", object),
        "class_reason": np.full(count, "", object),
    }


@pytest.fixture
def inject(tmp_path):
    """Inject galaxies into an image of noise of a given side; the table and its attributes."""

    def run(side=400, kind="images", detects=True):
        image = np.random.default_rng(0).normal(0, NOISE, (side, side)).astype(np.float32)
        fits.writeto(tmp_path / "image.fits", image)
        fits.writeto(tmp_path / "rms.fits", np.full((side, side), NOISE, np.float32))
        row = (str(tmp_path / "image.fits"), 0, str(tmp_path / "rms.fits"), 0, "", -1)
        names = ("IMAGE", "HDU", "RMS", "RMS_HDU", "WEIGHT", "WEIGHT_HDU")
        tiles = Table(rows=[row], names=names)
        tiles.meta = {
            "PIXSCALE": SCALE,
            "ZEROPT": ZERO_POINT,
            "KIND": kind,
            "CATALOG": "",
            "NOTES": "[]",
        }
        sources = Table({"ID": ["a", "b"], "SELECTED": [True, True], "MAG": [21.0, 21.5]})
        write_sources(tmp_path / "sources.fits", sources, tiles)
        chain = SimpleNamespace(follow=follow)
        inject_file(
            tmp_path / "sources.fits", [], [], chain, tmp_path / "injections.h5",
            count=COUNT, seed=0, cutout=CUTOUT, detects=detects,
        )  # fmt: skip
        path = tmp_path / "injections.h5"
        return read_shard(path), read_attributes(path)

    return run


def test_bright_galaxies_in_free_sky_are_recovered(inject):
    found, attributes = inject()
    assert len(found["row"]) == COUNT
    assert set(empty_table()) == set(found)
    assert found["detected"].all()
    assert found["recovered"].all()
    assert attributes["asked"] == COUNT
    assert attributes["missing"] == ""


@pytest.mark.parametrize(
    ("given", "why"),
    [({"kind": "cutouts"}, NEEDS_IMAGES), ({"side": 60}, "no free place")],
)
def test_where_nothing_can_be_injected_the_table_is_empty_and_says_why(inject, given, why):
    found, attributes = inject(**given)
    assert {name: len(values) for name, values in found.items()} == dict.fromkeys(empty_table(), 0)
    assert why in attributes["missing"]
