"""Cross-match with a catalogue of physical properties."""

import numpy as np
import pytest
from astropy.table import Column, MaskedColumn, Table
from paths import PLACES

from morphovote.catalogue.parquet_file import write_parquet
from morphovote.config import resolve
from morphovote.errors import InputError
from morphovote.fields import matching
from morphovote.fields.catalogues import read_table
from morphovote.fields.role_columns import read_positions

ARCSEC = 1 / 3600
# Degrees of right ascension in one of arc, at the declination used here.
EAST = 1 / np.cos(np.radians(60))


def sky(count: int, seed: int = 0, side: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return 150.0 + side * rng.random(count) / np.cos(np.radians(60)), 60.0 + side * rng.random(
        count
    )


def test_jittered_positions_find_their_own_and_strangers_find_nothing():
    ra, dec = sky(400)
    rng = np.random.default_rng(1)
    order = rng.permutation(400)
    near = rng.normal(0, 0.1 * ARCSEC, (2, 400))
    ours = (
        ra[order][:200] + near[0, :200] / np.cos(np.radians(60)),
        dec[order][:200] + near[1, :200],
    )
    strangers = sky(50, seed=2)
    far = strangers[0], strangers[1] + 5.0
    row, separation = matching.match_positions(
        np.append(ours[0], far[0]), np.append(ours[1], far[1]), ra, dec, 1.0
    )
    assert np.array_equal(row[:200], order[:200])
    assert (row[200:] == -1).all()
    assert np.isnan(separation[200:]).all()
    # Separations are on the sphere: a Rayleigh distribution of that jitter.
    assert np.median(separation[:200]) == pytest.approx(0.1 * 1.177, rel=0.15)


def test_the_closest_source_has_a_shared_row_and_the_radius_ends_it():
    other = np.array([150.0]), np.array([2.0])
    dec = 2.0 + np.array([0.5, 0.3, 0.9]) * ARCSEC
    row, separation = matching.match_positions(np.full(3, 150.0), dec, *other, 1.0)
    assert row.tolist() == [-1, 0, -1]
    assert separation[1] == pytest.approx(0.3, abs=1e-6)
    row, _ = matching.match_positions(np.full(3, 150.0), dec, *other, 0.2)
    assert (row == -1).all()


def test_unknown_positions_match_nothing():
    row, _ = matching.match_positions(
        np.array([np.nan, 10.0]), np.array([0.0, 0.0]), np.array([np.nan, 10.0]), np.zeros(2), 1.0
    )
    assert row.tolist() == [-1, 1]


def test_ids_match_as_text_and_twice_the_same_is_refused():
    row = matching.match_ids(np.array([7, 8, 1]), np.array(["1 ", "7", "9"]))
    assert row.tolist() == [1, -1, 0]
    with pytest.raises(InputError, match="id 7 stands in 2 rows"):
        matching.match_ids(np.array([7]), np.array([7, 7]))


def catalogue(count: int = 100) -> Table:
    ra, dec = sky(count)
    return Table({"NUM": np.arange(count) + 2**53, "RA": ra, "DEC": dec})


def test_joined_catalogue_keeps_the_sources_and_masks_what_has_no_match(tmp_path):
    sources = catalogue()
    other = Table(
        {
            "ra": sources["RA"][::2],
            "dec": sources["DEC"][::2],
            "z": MaskedColumn(np.arange(50.0), mask=np.arange(50) == 3),
            "n": np.arange(50),
            "flux": Column(np.arange(100.0).reshape(50, 2), unit="uJy", description="two bands"),
        }
    )
    positions = {"id": sources["NUM"], "ra": sources["RA"], "dec": sources["DEC"]}
    by = {"ra": "ra", "dec": "dec"}
    joined, about = matching.match_catalogues(sources, positions, other, by, 1.0, "phys.fits")
    assert about["matched"] == 50
    assert about["rate"] == 0.5
    assert about["chance_rate"] < 0.05
    # Through the file that the workflow writes: types, masks, units and shapes stay.
    write_parquet(tmp_path / "matched.parquet", joined)
    again = read_table(tmp_path / "matched.parquet")
    assert np.array_equal(again["NUM"], sources["NUM"])
    assert again["PHYS_n"].dtype.kind == "i"
    assert np.array_equal(np.ma.getmaskarray(again["PHYS_n"]), np.arange(100) % 2 == 1)
    assert np.ma.getmaskarray(again["PHYS_z"])[6]
    assert again["PHYS_flux"].shape == (100, 2)
    assert again["PHYS_flux"][4, 1] == 5.0
    assert str(again["PHYS_flux"].unit) == "uJy"
    assert again["PHYS_flux"].description == "two bands"
    assert again["PHYS_SEPARATION"][0] < 1e-6


def test_offset_of_the_whole_catalogue_is_told():
    ra, dec = sky(300)
    row, separation = matching.match_positions(ra, dec, ra, dec + 0.3 * ARCSEC, 1.0)
    about = matching.describe_match(ra, dec, ra, dec + 0.3 * ARCSEC, 1.0, row, separation)
    assert about["offset_dec"] == pytest.approx(0.3, abs=1e-3)
    assert about["offset_ra"] == pytest.approx(0.0, abs=1e-3)
    assert about["rate"] == 1.0


def test_nothing_matched_missing_columns_and_text_are_told_in_a_sentence():
    sources = catalogue(5)
    positions = {"id": sources["NUM"], "ra": sources["RA"], "dec": sources["DEC"]}
    other = Table({"ra": [10.0], "dec": [0.0], "name": ["x"]})
    for by, message in (
        ({"ra": "ra", "dec": "dec"}, "none of the 5 sources has a match"),
        ({"ra": "RAJ", "dec": "dec"}, "no column 'RAJ'"),
        ({"ra": "name", "dec": "dec"}, "column 'name' holds text"),
    ):
        with pytest.raises(InputError, match=message):
            matching.match_catalogues(sources, positions, other, by, 1.0, "phys.fits")
    with pytest.raises(InputError, match="no RA and Dec"):
        matching.match_catalogues(
            sources, {"id": sources["NUM"]}, other, {"ra": "ra", "dec": "dec"}, 1.0, "phys.fits"
        )


def test_config_puts_the_match_before_the_sources(tmp_path):
    (tmp_path / "phys.fits").write_bytes(b"")
    (tmp_path / "mine.fits").write_bytes(b"")
    (tmp_path / "image.fits").write_bytes(b"")
    field = {
        "images": str(tmp_path / "image.fits"),
        "catalogue": str(tmp_path / "mine.fits"),
        "columns": {"id": "NUM"},
        "select": {},
        "pixel_origin": 0,
        "physical": {
            "catalogue": str(tmp_path / "phys.fits"),
            "radius": 1.0,
            "columns": {"ra": "ra", "dec": "dec", "redshift": "zbest"},
        },
    }
    resolved = resolve.resolve_field("f", field, PLACES)
    assert resolved["catalogue"] == ["results/f/matched.parquet"]
    assert resolved["unmatched"] == [str(tmp_path / "mine.fits")]
    assert resolved["columns"] == {"id": "NUM", "redshift": "PHYS_zbest"}
    assert resolved["physical"]["match_by"] == {"ra": "ra", "dec": "dec"}
    field["physical"]["columns"] = {"ra": "ra", "redshift": "zbest"}
    with pytest.raises(InputError, match=r"physical\.columns.*found ra of id, ra and dec"):
        resolve.resolve_field("f", field, PLACES)


def test_3dhst_positions_find_themselves(shared_data, tmp_path):
    path = shared_data / "cosmos_3dhst/cosmos_3dhst_v4.1.fits.gz"
    other = read_table(path)
    rng = np.random.default_rng(0)
    rows = rng.choice(len(other), 2000, replace=False)
    mine = Table({"ID": rows, "RA": other["RA"][rows], "DEC": other["DEC"][rows]})
    mine["DEC"] += rng.normal(0, 0.05 * ARCSEC, 2000)
    write_parquet(tmp_path / "mine.parquet", mine)
    positions = read_positions(tmp_path / "mine.parquet", {})
    by = {"ra": "RA", "dec": "DEC"}
    joined, about = matching.match_catalogues(mine, positions, other, by, 0.5, path)
    right = np.ma.filled(joined["PHYS_ID"], -1) == other["ID"][rows]
    # The figures of docs/fields.md.
    assert right.all()
    assert about["median"] == pytest.approx(0.034, abs=0.001)
    assert about["chance_rate"] == pytest.approx(0.035, abs=0.001)
