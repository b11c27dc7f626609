"""The look into a field's files, and its page."""

import re
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from bad_input import PLACES, SCHEMA, catalogue, image, sky, stamps

from morphovote.config.resolve import complete_config
from morphovote.errors import InputError
from morphovote.fields.inspection import inspect_field
from morphovote.report.check_page import describe_check, render_check


def look(**field):
    field = {key: str(value) if isinstance(value, Path) else value for key, value in field.items()}
    config = complete_config({"fields": {"f": field}}, SCHEMA, PLACES)
    return inspect_field(config["fields"]["f"], 40)


def test_files_columns_and_usable_rows_are_told(tmp_path):
    table = Table(sky(mag=[-99.0, 22.0]))
    table.add_row([3, -99.0, -99.0, 20.0])
    rms = image(tmp_path, np.full((120, 120), 0.9, np.float32), "rms.fits")
    other = catalogue(tmp_path, sky(), "phys.fits")
    found = look(
        images=image(tmp_path), rms=rms, catalogue=catalogue(tmp_path, table),
        physical={"catalogue": str(other), "columns": {"id": "id", "mag": "mag"}},
    )  # fmt: skip
    said = "\n".join(describe_check(found))
    assert "120 x 120 px, 0.1 arcsec a pixel); 100 % of the pixels" in said
    assert "rms.fits (plane 0 PRIMARY), with a median rms of 0.9" in said
    assert "3 rows; columns {id: id, ra: ra, dec: dec, mag: mag}" in said
    assert "1 of its rows have no position" in said
    assert "phys.fits: matches 2 of the sources" in said
    assert "3 sources, 3 selected, of which 2 lie in an image" in said
    assert found["counts"]["values"]["mag"] == 2
    assert "(-99)" in found["notes"][0]
    names = [name for name, _ in found["thumbnails"]]
    assert set(names) == {"1", "2"}
    for _, pixels in found["thumbnails"]:
        # Each shows its galaxy in the middle.
        assert np.hypot(*np.subtract(np.unravel_index(pixels.argmax(), pixels.shape), 19.5)) < 2


def test_the_page_holds_everything_and_no_markup_of_others(tmp_path):
    name = "<script>alert(1)</script>"
    table = catalogue(tmp_path, sky(id=[name, "b"]), "cat.parquet")
    page = render_check(name, look(images=image(tmp_path), catalogue=table))
    assert "<script" not in page
    assert page.count("data:image/png;base64,") == 2
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert len(page) < 60_000


def test_images_without_a_catalogue_show_what_is_brightest(tmp_path):
    found = look(images=image(tmp_path))
    assert "no catalogue: sources are detected" in describe_check(found)
    (name, pixels), = found["thumbnails"]  # fmt: skip
    assert name.startswith("image.fits, x ")
    assert pixels.max() > 20


def test_many_cutouts_are_not_all_opened(tmp_path, monkeypatch):
    monkeypatch.setattr("morphovote.fields.inspection.MOST_FILES", 2)
    pattern = stamps(tmp_path)
    table = catalogue(tmp_path, {"id": [1, 2, 9], "mag": [20.0, 21, 22]})
    found = look(cutouts=pattern, catalogue=table, pixel_scale=0.1)
    assert "2 of 3 cutouts were opened, evenly chosen" in found["notes"]
    assert "2 of 3 ids have a cutout" in found["notes"]
    assert len(found["thumbnails"]) == 2


def test_what_would_stop_the_first_job_stops_here(tmp_path):
    table = catalogue(tmp_path, {"NUMBER": [1], "ALPHA_J2000": [150.0], "DELTA_J2000": [2.0]})
    with pytest.raises(InputError, match="ra: ALPHA_J2000, dec: DELTA_J2000"):
        look(images=image(tmp_path), catalogue=table)


def test_an_image_of_zeros_is_looked_at(tmp_path):
    zeros = np.zeros((120, 120), np.float32)
    rms = image(tmp_path, np.ones((120, 120), np.float32), "rms.fits")
    found = look(images=image(tmp_path, zeros), rms=rms, catalogue=catalogue(tmp_path, sky()))
    assert "with no pixel to tell its level" in "\n".join(describe_check(found))
    assert render_check("f", found)


def test_positions_elsewhere_are_told_beside_those_of_the_images(tmp_path):
    table = Table(sky())
    table["ra"] = table["ra"] / 15
    with pytest.raises(InputError, match=r"it has RA 10.*images are about RA 150"):
        look(images=image(tmp_path), catalogue=catalogue(tmp_path, table))


def test_a_folder_in_place_of_files(tmp_path):
    (tmp_path / "tiles").mkdir()
    with pytest.raises(InputError, match=r"tiles' is a folder.*tiles/\*\.fits"):
        look(images=tmp_path / "tiles")
