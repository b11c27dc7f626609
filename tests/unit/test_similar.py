"""Similar galaxies of given ones: by ID, by lists, by images from elsewhere; and bad input."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from morphovote import similar
from morphovote.catalogue.parquet_file import write_parquet
from morphovote.config.resolve import find_given
from morphovote.errors import InputError
from morphovote.fields.sources import write_sources
from morphovote.storage import shards
from morphovote.vote.strangeness import fit_strangeness_file

COUNT, SIZE, SCALE = 60, 40, 0.05
ORDER = ["ROW", "ID", "RA", "DEC", "TILE", "X", "Y", "SELECTED", "SHARD"]


def galaxy(side=SIZE, noise=0.05):
    y, x = np.indices((side, side)) - (side - 1) / 2
    light = 5 * np.exp(-0.5 * (x**2 + y**2) / 9)
    return (light + noise * np.random.default_rng(3).normal(size=light.shape)).astype("f4")


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """Files of a field of 60 galaxies, of which number 5 has no pixels."""
    folder = tmp_path_factory.mktemp("field")
    rows = np.arange(COUNT)
    points = np.random.default_rng(0).normal(size=(COUNT, 4)).astype("f4")
    points[5] = np.nan
    names = [f"g{row}" for row in rows]
    base = {"row": rows, "id": np.array(names, dtype=object)}
    shards.write_shard(folder / "components.h5", base | {"component": points}, {"pca": "p"})
    shards.write_shard(folder / "cutouts.h5", base, {"pixel_scale": SCALE})
    shards.write_shard(
        folder / "neighbours.h5", base | {"strangeness": np.where(rows == 5, np.nan, rows / 100)}
    )
    pictures = np.random.default_rng(1).normal(size=(COUNT, 3)).astype("f2")
    shards.write_shard(folder / "code.h5", base | {"picture": pictures}, {"polar": "moments"})
    fit_strangeness_file([folder / "code.h5"], folder / "strangeness.h5", seed=0)
    none = np.zeros(COUNT)
    sources = Table([rows, names, none, none, none, none, none, none > 1, none], names=ORDER)
    text = {"CATALOG": "", "NOTES": "[]"}
    tiles = Table(
        {"IMAGE": ["x"]}, meta={"PIXSCALE": SCALE, "ZEROPT": 0.0, "KIND": "images"} | text
    )
    write_sources(folder / "sources.fits", sources, tiles)
    catalogue = {"ID": names, "RA": 150.1234567 + rows, "DEC": none, "CLASS": ["SPH"] * COUNT}
    write_parquet(folder / "catalogue.parquet", Table(catalogue | {"CLASS_PROB": none + 0.5}))
    names = ("components", "neighbours", "strangeness", "cutouts")
    files = {name: folder / f"{name}.h5" for name in names}
    others = {"sources": folder / "sources.fits", "catalogue": folder / "catalogue.parquet"}
    return files | others, points


def find(field, tmp_path, given, chain=None):
    cutout = {"size": SIZE, "neighbours": "mask"}
    output = tmp_path / "similar.csv"
    similar.find_similar_file(find_given(given), field, output, chain, cutout)
    with open(output, newline="") as file:
        return list(csv.DictReader(file))


def test_galaxies_of_the_field_find_their_nearest(field, tmp_path):
    files, points = field
    (tmp_path / "ids.txt").write_text("g7\n\ng5\nnothing\n")
    rows = find(files, tmp_path, ["g3", str(tmp_path / "ids.txt")])
    away = np.linalg.norm(points.astype(float) - points[3], axis=1)
    wanted = [f"g{row}" for row in np.argsort(away)[1:25]]
    mine = [row for row in rows if row["GIVEN"] == "g3"]
    assert [row["ID"] for row in mine] == wanted
    assert [row["RANK"] for row in mine] == [str(rank) for rank in range(1, 25)]
    assert float(mine[0]["DISTANCE"]) == pytest.approx(np.sort(away)[1], rel=1e-4)
    assert float(mine[0]["RA"]) == pytest.approx(150.1234567 + int(mine[0]["ROW"]), abs=1e-6)
    assert {row["GIVEN_STRANGENESS"] for row in mine} == {"0.03"}
    assert [row["ID"] for row in rows if row["GIVEN"] == "g5"] == [""]
    assert {row["GIVEN"] for row in rows} == {"g3", "g5", "g7"}


def steps(project, picture):
    """A chain whose steps hand on the cutouts, and give the one picture."""
    return SimpleNamespace(
        denoise=lambda cutouts: cutouts,
        unwrap=lambda denoised, cutouts: {"cutouts": denoised, "picture": picture},
        encode=lambda polar: polar["cutouts"],
        project=project,
    )


def test_an_image_goes_through_the_chain_and_finds_its_nearest(field, tmp_path):
    files, points = field
    seen = []

    def project(cutouts):
        seen.append(cutouts)
        return points[[9]] + np.float32(1e-3)

    chain = steps(project, picture=np.full((1, 3), 9.0))

    big = np.full((90, 101), 1.0, "f4")
    big[20:60, 30:70] = galaxy() + 1
    big += 0.05 * np.random.default_rng(1).normal(size=big.shape).astype("f4")
    fits.writeto(tmp_path / "a.fits", np.roll(big, (5, 1), (0, 1)))
    rows = find(files, tmp_path, str(tmp_path / "a.fits"), lambda: chain)
    assert (len(rows), rows[0]["ID"]) == (24, "g9")
    assert float(rows[0]["GIVEN_STRANGENESS"]) == 1
    # The middle of a larger image, without its sky.
    image = seen[0]["image"][0]
    assert image.shape == (SIZE, SIZE)
    bright = galaxy(SIZE, 0)[18:22, 18:22].mean()
    assert image[18:22, 18:22].mean() == pytest.approx(bright, abs=0.2)
    assert abs(np.median(image)) < 0.2


def write_image(path, pixels, scale=None):
    header = fits.Header()
    if scale:
        for axis, kind in enumerate(("RA---TAN", "DEC--TAN"), 1):
            header[f"CTYPE{axis}"], header[f"CRPIX{axis}"], header[f"CRVAL{axis}"] = kind, 1, 1
            header[f"CDELT{axis}"] = scale / 3600
    fits.writeto(path, pixels, header)


def test_images_of_other_pixels_are_resampled(tmp_path):
    write_image(tmp_path / "a.fits", galaxy(60), scale=SCALE * 0.8)
    cutout = similar.cut_image(str(tmp_path / "a.fits"), "", SIZE, "mask", SCALE)
    assert cutout["image"].shape == (1, SIZE, SIZE)
    assert cutout["image"].sum() == pytest.approx(galaxy(60, 0).sum(), rel=0.05)


def with_hole(pixels):
    pixels[15:25, 15:25] = np.nan
    return pixels


@pytest.mark.parametrize(
    ("pixels", "scale", "said"),
    [
        (galaxy(12), None, "12 x 12 pixels, expected 40 x 40"),
        (galaxy(), 0.3, "0.3 arcsec a pixel"),
        (np.ones((SIZE, SIZE), "f4"), None, "no usable pixels"),
        (np.full((SIZE, SIZE), np.nan, "f4"), None, "no usable pixels"),
        (with_hole(galaxy()), None, "no usable pixels"),
    ],
)
def test_images_that_cannot_be_used(tmp_path, pixels, scale, said):
    write_image(tmp_path / "a.fits", pixels, scale)
    with pytest.raises(InputError, match=said):
        similar.cut_image(str(tmp_path / "a.fits"), "", SIZE, "mask", SCALE)


def test_bad_images_among_good_ones_are_left_out(field, tmp_path):
    write_image(tmp_path / "good.fits", galaxy())
    (tmp_path / "bad.fits").write_text("no image")
    images = dict.fromkeys([str(tmp_path / "bad.fits"), str(tmp_path / "good.fits")], "")
    chain = steps(lambda cutouts: np.zeros((len(cutouts["x"]), 4)), picture=np.zeros((1, 3)))
    rest = (lambda: chain, SIZE, "mask", SCALE, field[0]["strangeness"])
    found = similar.take_from_images(images, *rest)
    assert found.name == [str(tmp_path / "good.fits")]
    images.pop(str(tmp_path / "good.fits"))
    with pytest.raises(InputError, match="not a readable FITS file"):
        similar.take_from_images(images, *rest)


@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("a.txt", "12\n 007\n\n12\n", ["12", "007"]),
        ("a.csv", "ID\n12\n", ["12"]),
        ("a.csv", "X,id\n1,12\n2,13\n", ["12", "13"]),
        ("list", "# mine\nNGC 1\n", ["NGC 1"]),
        ("a.txt", "# id ra dec\n12 1.5 2.5\n13 1.6 2.6\n", ["12", "13"]),
    ],
)
def test_lists_of_ids(tmp_path, name, text, ids):
    (tmp_path / name).write_text(text)
    assert similar.read_id_list(tmp_path / name) == ids


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"NAME,X\n1,2\n", "columns NAME, X, expected one named ID"),
        ("a.txt", b"\n", "found no ID"),
        ("a.txt", b"\xff\xfe\x00", "not a readable text file"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        similar.read_id_list(tmp_path / name)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("h1", "'h1', which is neither a file nor an ID of the field, whose IDs are like g0, g1"),
        ("g5", "none of the 1 galaxies given, such as g5, has usable pixels"),
        ("lost.fits", "no file matches 'lost.fits'"),
        ("some/*.txt", "no file matches"),
    ],
)
def test_what_is_not_there_is_told(field, tmp_path, given, said):
    with pytest.raises(InputError, match=said):
        find(field[0], tmp_path, given)
