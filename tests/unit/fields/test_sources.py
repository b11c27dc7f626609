"""Source lists: reading catalogues, matching files, tiles, shards."""

import json
import os
import time

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from astropy.wcs import WCS

from morphovote.errors import InputError
from morphovote.fields import catalogues, sources, tiles


def wcs_at(x_offset, scale=0.03):
    """A WCS whose pixel (0, 0) lies x_offset pixels to the right of another's."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [150.0, 2.0]
    wcs.wcs.crpix = [100.5 - x_offset, 100.5]
    wcs.wcs.cdelt = [-scale / 3600, scale / 3600]
    return wcs


def write_image(path, x_offset=0, shape=(200, 200), wcs=True, blank=None):
    pixels = np.random.default_rng(x_offset).normal(size=shape).astype(np.float32)
    if blank:
        pixels[blank] = 0
    fits.writeto(path, pixels, wcs_at(x_offset).to_header() if wcs else None)
    return str(path)


@pytest.fixture
def table():
    return Table({"NUMBER": [11, 12, 13], "mag": [20.5, np.nan, 26.0], "note": ["a", "b", "c"]})


@pytest.mark.parametrize("suffix", ["fits", "csv", "ecsv", "vot", "parquet", "h5", "fits.gz"])
def test_every_format_is_read_alike(tmp_path, table, suffix):
    path = tmp_path / f"catalogue.{suffix}"
    if suffix == "h5":
        with h5py.File(path, "w") as file:
            for name in table.colnames:
                column = table[name]
                file[f"group/{name}"] = column.astype("S1") if name == "note" else column
    elif suffix == "parquet":
        import pyarrow
        import pyarrow.parquet

        columns = {name: table[name].tolist() for name in table.colnames}
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
    else:
        table.write(path, format={"vot": "votable", "csv": "ascii.csv", "ecsv": "ascii.ecsv"}
                    .get(suffix, "fits"))  # fmt: skip
    assert catalogues.column_names(path) == ["NUMBER", "mag", "note"] or suffix == "h5"
    for names in (None, ["NUMBER", "mag", "note"]):
        read = catalogues.read_table(path, names)
        assert read["NUMBER"].tolist() == [11, 12, 13]
        mag = np.ma.filled(np.ma.asarray(read["mag"]).astype(float), np.nan)
        np.testing.assert_array_equal(mag, [20.5, np.nan, 26.0])
        assert [str(note) for note in read["note"]] == ["a", "b", "c"]
        assert read["NUMBER"].dtype.isnative


def test_fits_catalogue_is_the_longest_table_and_nulls_are_masked(tmp_path):
    path = tmp_path / "ldac.fits"
    integers = MaskedColumn([1, 2, 3], mask=[False, True, False])
    small = fits.table_to_hdu(Table({"HEADER": ["x"]}))
    large = fits.table_to_hdu(Table({"NUMBER": integers}))
    fits.HDUList([fits.PrimaryHDU(), small, large]).writeto(path)
    read = catalogues.read_table(path, ["NUMBER"])
    assert read["NUMBER"].mask.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("fault", "patience", "says"),
    [(lambda: time.sleep(60), 1.0, "not ended after 1 s"), (lambda: os._exit(11), 50, "code 11")],
)
def test_hdf5_text_that_the_library_cannot_get_through(
    tmp_path, monkeypatch, fault, patience, says
):
    path = tmp_path / "cat.h5"
    with h5py.File(path, "w") as file:
        file["id"] = ["a", "b"]
        file["x"], file["y"] = [1.0, 2.0], [1.0, 2.0]
    assert catalogues.read_table(path)["id"].tolist() == ["a", "b"]
    monkeypatch.setattr(catalogues, "PATIENCE", patience)
    monkeypatch.setattr(catalogues, "_read_all", lambda path, names: fault())
    with pytest.raises(InputError, match=says):
        catalogues.read_table(path)
    # Numbers need no such care.
    with h5py.File(path, "a") as file:
        del file["id"]
    assert catalogues.read_table(path).colnames == ["x", "y"]


def test_hdf5_names_repeated_in_groups_keep_their_path(tmp_path):
    path = tmp_path / "cat.h5"
    with h5py.File(path, "w") as file:
        for name in ("detection/label", "f814w/flux", "f160w/flux"):
            file[name] = np.arange(4)
    assert set(catalogues.column_names(path)) == {"label", "f814w/flux", "f160w/flux"}
    assert catalogues.read_table(path, ["detection/label"]).colnames == ["detection/label"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("catalogue.xyz", "ending in '.xyz' is not understood"),
        ("absent.fits", "no such file"),
        ("broken.fits", "not a readable FITS table"),
    ],
)
def test_unreadable_catalogues(tmp_path, name, sentence):
    if not name.startswith("absent"):
        (tmp_path / name).write_text("this is no table")
    with pytest.raises(InputError, match=sentence):
        catalogues.read_table(tmp_path / name)


def test_ids_match_whole_tokens_of_file_names():
    paths = ["a/ceers_f277w_10983.fits", "a/ceers_f277w_983.fits", "a/ceers_f277w_00042.fits"]
    ids = np.array([983, 10983, 42, 77])
    expected = [1, 0, 2, -1]
    for pattern in ("a/*.fits", "a/ceers_f277w_*.fits", "a/ceers_*_*.fits"):
        assert sources.match_files(ids, paths, pattern).tolist() == expected
    text = np.array(["f277w_983", "ceers_f277w_10983"])
    assert sources.match_files(text[:1], paths, "a/*.fits").tolist() == [1]
    assert sources.match_files(text[1:], paths, "a/*.fits").tolist() == [0]


def test_an_id_in_two_file_names_is_refused():
    paths = ["ceers_f115w_5.fits", "ceers_f277w_5.fits"]
    with pytest.raises(InputError, match=r"Id 5 is in the names of 2 cutouts .*f115w_5"):
        sources.match_files(np.array([5]), paths, "ceers_*.fits")


def test_cutouts_with_a_catalogue_keep_its_rows(tmp_path, caplog):
    for name in (1, 2, 99):
        write_image(tmp_path / f"gal_{name}.fits", shape=(60, 50))
    Table({"id": [2, 3, 1], "mag": [22.0, 23, 26]}).write(tmp_path / "c.csv", format="ascii.csv")
    files = [str(path) for path in tmp_path.glob("*.fits")]
    with caplog.at_level("INFO", "morphovote"):
        found, listed = sources.list_sources(
            files, "cutouts", tmp_path / "c.csv", pattern=str(tmp_path / "gal_*.fits"),
            select={"mag": [None, 25]}, shard_size=1,
        )  # fmt: skip
    assert found["ID"].tolist() == [2, 3, 1]
    images = [listed["IMAGE"][tile][-10:] if tile >= 0 else "" for tile in found["TILE"]]
    assert images == ["gal_2.fits", "", "gal_1.fits"]
    assert found["SELECTED"].tolist() == [True, True, False]
    assert found["SHARD"].tolist() == [0, 1, -1]
    assert (found["X"][0], found["Y"][0]) == (24.5, 29.5)
    assert "1 cutouts are not in" in caplog.text
    assert "gal_99.fits" in caplog.text
    assert "1 sources of" in caplog.text


def test_cutouts_without_a_catalogue_are_the_sources(tmp_path):
    for name in (7, 12):
        write_image(tmp_path / f"gal_{name}.fits", shape=(200, 200))
    files = sorted(map(str, tmp_path.glob("*.fits")))
    found, _ = sources.list_sources(files, "cutouts", pattern=str(tmp_path / "gal_*.fits"))
    assert sorted(found["ID"].tolist()) == [7, 12]
    np.testing.assert_allclose(found["RA"], 150, atol=1e-9)
    np.testing.assert_allclose(found["DEC"], 2, atol=1e-9)


def test_one_id_at_two_places_is_refused_and_a_source_listed_twice_is_kept(tmp_path, caplog):
    image = write_image(tmp_path / "image.fits")
    catalogue = tmp_path / "c.csv"
    positions = {"id": [1, 1, 2], "x": [10.0, 10, 50], "y": [10.0, 10, 50]}
    Table(positions).write(catalogue, format="ascii.csv")
    found, _ = sources.list_sources([image], "images", catalogue)
    assert len(found) == 3
    assert "1 ids stand in more than one row" in caplog.text
    positions["x"][1] = 90
    Table(positions).write(catalogue, format="ascii.csv", overwrite=True)
    with pytest.raises(InputError, match=r"id 1 stands for sources at different positions"):
        sources.list_sources([image], "images", catalogue)


@pytest.mark.parametrize("origin", [0, 1])
def test_pixel_origin(tmp_path, origin):
    image = write_image(tmp_path / "image.fits", wcs=False)
    Table({"id": [1], "x": [10.0], "y": [20.0]}).write(tmp_path / "c.csv", format="ascii.csv")
    found, _ = sources.list_sources(
        [image], "images", tmp_path / "c.csv", pixel_scale=0.03, pixel_origin=origin
    )
    assert (found["X"][0], found["Y"][0]) == (10 - origin, 20 - origin)


def test_sky_and_pixel_positions_agree(tmp_path):
    image = write_image(tmp_path / "image.fits")
    x, y = np.array([10.0, 150.5, 500]), np.array([20.0, 30.25, 500])
    ra, dec = wcs_at(0).all_pix2world(x, y, 0)
    Table({"id": [1, 2, 3], "RA": ra, "DEC": dec}).write(tmp_path / "c.fits")
    found, _ = sources.list_sources([image], "images", tmp_path / "c.fits")
    np.testing.assert_allclose(found["X"][:2], x[:2], atol=1e-4)
    np.testing.assert_allclose(found["Y"][:2], y[:2], atol=1e-4)
    assert found["TILE"].tolist() == [0, 0, -1]
    assert np.isnan(found["X"][2])


def test_overlapping_tiles_hold_a_source_once_where_it_lies_deepest(tmp_path):
    paths = [write_image(tmp_path / "a.fits"), write_image(tmp_path / "b.fits", x_offset=100)]
    images, listed = tiles.inspect_tiles(paths)
    x = np.array([5.0, 120, 149, 151, 195, 295, 305])
    ra, dec = wcs_at(0).all_pix2world(x, np.full(7, 100.0), 0)
    tile, found_x, _ = tiles.assign_tiles(images, listed, ra, dec)
    assert tile.tolist() == [0, 0, 0, 1, 1, 1, -1]
    np.testing.assert_allclose(found_x[:6], [5, 120, 149, 51, 95, 195], atol=1e-4)


def test_a_blank_tile_loses_to_one_with_data(tmp_path):
    blank = (slice(None), slice(80, None))
    paths = [
        write_image(tmp_path / "a.fits", blank=blank),
        write_image(tmp_path / "b.fits", x_offset=100),
    ]
    images, listed = tiles.inspect_tiles(paths)
    ra, dec = wcs_at(0).all_pix2world([120.0], [100.0], 0)
    assert tiles.assign_tiles(images, listed, ra, dec)[0].tolist() == [1]


def test_noise_maps_are_paired_and_checked(tmp_path):
    image = write_image(tmp_path / "sci.fits")
    other = write_image(tmp_path / "rms.fits", shape=(200, 199))
    elsewhere = write_image(tmp_path / "far.fits", x_offset=50)
    with pytest.raises(
        InputError, match=r"rms.fits: \(200, 199\) pixels, but its image .*sci.fits"
    ):
        tiles.inspect_tiles([image], [other])
    with pytest.raises(InputError, match=r"far.fits: lies 50 pixels from its image"):
        tiles.inspect_tiles([image], [], [elsewhere])
    with pytest.raises(InputError, match=r"found 2 files for 1 images"):
        tiles.inspect_tiles([image], [other, other])
    with pytest.raises(InputError, match="both `rms` and `weight`"):
        tiles.inspect_tiles([image], [image], [image])


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        ({"id": [1], "ra": [150.0], "dec": [2.0]}, {}, "no WCS in the header, but .* only RA"),
        ({"id": [1], "mag": [20.0]}, {}, "no position; expected columns 'ra' and 'dec'"),
        ({"id": [1], "x": [1], "y": [1]}, {"columns": {"id": "NUM"}}, "no column 'NUM'"),
        ({"id": [1], "x": [1], "y": [1]}, {"columns": {"colour": "a"}}, "unknown 'colour'"),
        ({"id": [1], "x": [1], "y": [1]}, {"select": {"mag": [0, 1]}}, "no column 'mag'"),
        ({"id": [1], "x": ["left"], "y": [1]}, {}, "column 'x' holds text"),
        ({"id": [1], "x": [1], "y": [1]}, {"select": {"x": [5, 6]}}, "`select` leaves no source"),
        ({"id": [1], "x": [1], "y": [1]}, {"pixel_scale": None}, "the pixel scale is unknown"),
    ],
)
def test_errors_say_what_to_do(tmp_path, content, options, sentence):
    image = write_image(tmp_path / "image.fits", wcs=False)
    Table(content).write(tmp_path / "c.csv", format="ascii.csv")
    with pytest.raises(InputError, match=sentence) as raised:
        sources.list_sources([image], "images", tmp_path / "c.csv",
                             **{"pixel_scale": 0.03, **options})  # fmt: skip
    assert len(str(raised.value).splitlines()) <= 3


def test_round_trip_keeps_everything(tmp_path):
    image = write_image(tmp_path / "image.fits")
    content = {"name": ["a1", "b22"], "x": [10.0, 20], "y": [10.0, 20], "redshift": [0.5, 1.0]}
    Table(content).write(tmp_path / "c.csv", format="ascii.csv")
    found, listed = sources.list_sources(
        [image], "images", tmp_path / "c.csv", columns={"id": "name"}
    )
    sources.write_sources(tmp_path / "sources.fits", found, listed)
    sources.write_shard_list(tmp_path / "shards.json", found)
    again, again_listed = sources.read_sources(tmp_path / "sources.fits")
    assert again.colnames == found.colnames
    for name in found.colnames:
        np.testing.assert_array_equal(again[name], found[name])
    assert again_listed["IMAGE"].tolist() == [image]
    assert again_listed.meta["KIND"] == "images"
    assert np.isnan(again_listed.meta["ZEROPT"])
    counts = json.loads((tmp_path / "shards.json").read_text())
    assert counts == {"shards": 1, "galaxies": 2, "sources": 2}


def test_hubble_xdf_catalogue_in_pixels(shared_data):
    folder = shared_data / "xdf_f814w"
    found, _ = sources.list_sources(
        [str(folder / "f814w_sci.fits")], "images", folder / "cat.h5",
        rms=[str(folder / "f814w_rms.fits")], pixel_scale=0.06,
        columns={"id": "label", "x": "xcentroid", "y": "ycentroid"},
    )  # fmt: skip
    assert len(found) == 62
    assert (found["TILE"] == 0).all()


def test_ceers_cutouts_with_their_catalogue(shared_data, caplog):
    folder = shared_data / "ceers_nircam"
    files = [str(path) for path in folder.glob("f277w/*.fits")]
    with caplog.at_level("WARNING", "morphovote"):
        found, _ = sources.list_sources(
            files, "cutouts", folder / "ferreira2023.csv", pattern=str(folder / "f277w/*.fits")
        )
    assert len(found) == 134  # four galaxies stand there twice
    assert (found["TILE"] >= 0).all()
    assert "4 ids stand in more than one row" in caplog.text
    assert "21320" in caplog.text
