"""The explore page: the data and pictures that go into it."""

import base64
import io
import json

import numpy as np
import pyarrow
import pytest
from explore_field import SIDE, build_page, write_field
from PIL import Image

from morphovote.report import atlas, explore_page
from morphovote.report.pages import embed
from morphovote.storage import shards


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_field(tmp_path_factory.mktemp("explore"))


@pytest.fixture(scope="module")
def data(folder):
    (folder / "to_label.csv").write_text(
        "id,why,RANDOM\ng0007,doubt,False\ng0003,random,True\nx,,\n"
    )
    return build_page(folder)


def numbers(packed):
    return np.frombuffer(base64.b64decode(packed["data"]), f"<{packed['type']}")


def columns(data):
    return {column["name"]: column for column in data["columns"]}


def test_ids_and_columns_are_those_of_the_catalogue(data):
    rows = numbers(data["row"])
    assert sorted(rows) == list(range(60))
    assert data["ids"] == [f"g{row:04d}" for row in rows]
    found = columns(data)
    np.testing.assert_array_equal(numbers(found["RA"]), 150 + rows * 0.001)
    assert (found["RA"]["unit"], found["RA"]["type"]) == ("deg", "f8")
    assert found["KEPT"]["truth"]
    kinds = [found["CLASS"]["texts"][place] for place in numbers(found["CLASS"])]
    assert kinds == [["SPH", "ETD", "LTD", "IRR", "UNC"][row % 5] for row in rows]
    # Whole numbers that JavaScript cannot hold are text.
    big = [found["BIG"]["texts"][place] for place in numbers(found["BIG"])]
    assert big == [str(row + 2**60) for row in rows.tolist()]
    assert json.loads(json.dumps(data, allow_nan=False)) == data


def test_roles_are_columns_of_their_own_unless_the_catalogue_has_them(data):
    found = columns(data)
    assert found["MAG"]["role"] == "mag"
    assert found["REDSHIFT"]["extra"]
    assert "LOG_MASS" not in found


def test_neighbours_are_places_on_the_page(data, folder):
    rows = numbers(data["row"])
    near = numbers(data["neighbour"]).reshape(60, -1)
    stored = shards.read_shard(folder / "neighbours.h5")["neighbour"]
    np.testing.assert_array_equal(rows[near], stored[rows])


def test_votes_order_of_labels_and_flags(data):
    rows = numbers(data["row"])
    counts = numbers(data["counts"]).reshape(60, data["groups"])
    np.testing.assert_array_equal(counts.argmax(axis=1), rows % 4)
    assert [(data["ids"][place], random) for place, random in data["toLabel"]] == [
        ("g0007", False),
        ("g0003", True),
    ]
    assert data["flags"][1][:2] == ["edge", 2]


def test_order_of_labels_goes_by_the_row_where_there_is_one(tmp_path):
    (tmp_path / "to_label.csv").write_text(
        "ID,CLASS,RANDOM,ROW\nx,,true,7\nx,SPH,false,3\ny,,true,5\n"
    )
    order = explore_page.read_order(tmp_path / "to_label.csv", ["x", "x"], np.array([3, 7]))
    assert order == [[1, True], [0, False]]


def test_galaxies_beside_the_map_lie_between_their_nearest(folder):
    point = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1], [9, 9], [9, 8], [0.5, 0.5]])
    position = np.array([[0.0, 0], [2, 0], [0, 2], [2, 2], [50, 50], [50, 48]])
    name, places = explore_page.place_galaxies(point, np.arange(6), position)
    assert name == "t-SNE"
    np.testing.assert_array_equal(places[:6], position)
    assert (np.abs(places[6] - 1) < 5).all()
    name, places = explore_page.place_galaxies(point, np.zeros(0, int), np.zeros((0, 2)))
    assert name == "components"
    np.testing.assert_array_equal(places, point)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_field_with_few_galaxies_has_a_page(tmp_path, count):
    data = build_page(write_field(tmp_path, count), index=np.zeros(0, int))
    assert len(data["ids"]) == count
    assert data["map"] == "components"


def test_pictures_have_their_places_and_levels(folder):
    rows = np.array([5, 0, 59])
    files = [[folder / f"{stage}/00000.h5"] for stage in ("cutouts", "denoised")]
    made = atlas.build_atlas(*files, rows, folder / "explore")
    assert not (folder / "explore").exists()
    assert (made.side, made.width, len(made.sheets)) == (SIDE, pytest.approx(SIDE * 0.05), 1)
    sheet = Image.open(io.BytesIO(base64.b64decode(made.sheets[0].split(",")[1]))).convert("L")
    assert sheet.size == (2 * atlas.LINE * SIDE, SIDE)
    tiles = np.asarray(sheet, float).reshape(SIDE, 2 * atlas.LINE, SIDE).swapaxes(0, 1)
    low, high = np.arcsinh(-atlas.FLOOR / 3), np.arcsinh(made.peak / 3)
    value = 3 * np.sinh(low + tiles[:6:2].reshape(3, -1) / 255 * (high - low)[:, None])
    # Stretched back, the data are what they were, in units of the noise.
    image = value.reshape(3, SIDE, SIDE)
    assert np.median(image[:, 10:14, 10:14]) == pytest.approx(20, rel=0.1)
    assert abs(np.median(image[:, :6, :6])) < 0.5
    assert tiles[6:].max() < 40


def test_pictures_fit_into_the_room(folder):
    rows = np.arange(60)
    files = [[folder / f"{stage}/00000.h5"] for stage in ("cutouts", "denoised")]
    best = (SIDE, atlas.SIZES[0][1])
    assert atlas.choose_size(*files, rows, 10**9) == best
    assert atlas.choose_size(*files, rows, 1) == (SIDE, atlas.SIZES[-1][1])
    tiles, _ = atlas.draw_tiles(*files, rows, SIDE)
    needed = 4 / 3 * len(atlas.join_tiles(tiles, best[1]))
    assert atlas.choose_size(*files, rows, needed - 1)[1] < best[1]


def test_pictures_of_very_many_galaxies_lie_in_a_folder(folder, tmp_path, monkeypatch):
    rows = np.arange(60)[::-1]
    files = [[folder / f"{stage}/00000.h5"] for stage in ("cutouts", "denoised")]
    whole = atlas.build_atlas(*files, rows, tmp_path / "explore")
    monkeypatch.setattr(atlas, "LARGEST_FILE", 50)
    monkeypatch.setattr(atlas, "IN_MEMORY", 0)
    (tmp_path / "explore").mkdir()
    (tmp_path / "explore/00007.js").touch()
    made = atlas.build_atlas(*files, rows, tmp_path / "explore")
    assert (made.sheets, made.folder) == ([], "explore")
    # What an earlier page has left is gone.
    assert [path.name for path in tmp_path.rglob("*.js")] == ["00000.js"]
    text = (tmp_path / "explore/00000.js").read_text()
    assert text == f'takeSheet("{made.key}",0,"{whole.sheets[0]}");'


def test_very_many_galaxies_are_a_sample(tmp_path, monkeypatch):
    folder = write_field(tmp_path, 30)
    near = shards.read_shard(folder / "neighbours.h5")
    near["candidate"][np.arange(30) > 9] = 0
    near["isolation"][12] = np.nan
    near["neighbour"][near["neighbour"] > 9] = -1
    shards.write_shard(folder / "neighbours.h5", near)
    files = (folder / "neighbours.h5", folder / "components.h5", np.arange(8), np.ones((8, 2)))
    shown = explore_page.read_shown(*files)
    assert set(shown["row"]) == set(range(30)) - {12}
    assert set(shown["row"][shown["candidate"] > 0]) == set(range(10))
    monkeypatch.setattr(explore_page, "MOST", 15)
    few = explore_page.read_shown(*files)
    assert len(few["row"]) == 15
    assert set(range(10)) < set(few["row"])
    linked = few["neighbour"][few["neighbour"] >= 0]
    assert set(few["row"][linked]) <= set(range(10))


@pytest.mark.parametrize(
    ("values", "kind", "extra"),
    [
        (pyarrow.array([1, None, 3]), "f8", {"whole": True}),
        (pyarrow.array([1, 2, 3], pyarrow.int16()), "i4", {"whole": True}),
        (pyarrow.array([1.5, None, 3], pyarrow.float32()), "f4", {}),
        (pyarrow.array([True, None, False]), "f4", {}),
        (pyarrow.array([None, "b", "a"]), "i4", {"texts": ["", "a", "b"]}),
        (pyarrow.array([2**63, 1, 2], pyarrow.uint64()), "i4", {"texts": ["1", "2", str(2**63)]}),
    ],
)
def test_kinds_of_columns(values, kind, extra):
    packed = explore_page.pack_column(pyarrow.chunked_array([values]))
    assert packed.pop("type") == kind
    packed.pop("data")
    assert packed == extra


def test_columns_of_lists_and_those_without_room_are_left_out(tmp_path, monkeypatch):
    folder = write_field(tmp_path, 8)
    table = pyarrow.parquet.read_table(folder / "catalogue.parquet")
    lists = pyarrow.array([[1.0, 2.0]] * 8)
    pyarrow.parquet.write_table(
        table.append_column("LIST", lists).append_column("LAST", pyarrow.array(range(8))),
        folder / "catalogue.parquet",
    )
    _, left_out, _ = explore_page.read_table(folder / "catalogue.parquet", np.arange(8))
    assert left_out == ["LIST"]
    monkeypatch.setattr(explore_page, "COLUMN_ROOM", 0)
    monkeypatch.setattr(explore_page, "COLUMN_ROOM_EACH", 0)
    found, left_out, _ = explore_page.read_table(folder / "catalogue.parquet", np.arange(8))
    assert left_out == ["BIG", "Z", "LIST", "LAST"]
    assert "GINI" in {column["name"] for column in found}


def test_hostile_text_stays_in_the_data():
    text = embed({"id": "</script><!-- & <b>"})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"id": "</script><!-- & <b>"}
    with pytest.raises(ValueError, match="JSON"):
        embed({"x": float("nan")})
