"""The look into a field's files, and its page."""

import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from bad_input import PLACES, SCHEMA, catalogue, image, pixels, sky, stamps

from morphovote.config.resolve import complete_config
from morphovote.errors import InputError
from morphovote.fields.inspection import inspect_field
from morphovote.report.check_page import describe_check, render_check


def look(**field):
    field = {key: str(value) if isinstance(value, Path) else value for key, value in field.items()}
    config = complete_config({"fields": {"f": field}}, SCHEMA, PLACES)
    return inspect_field(config["fields"]["f"], 40)


def warned(found):
    return "\n".join(found["warnings"])


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
    assert "(-99)" in found["warnings"][0]
    names = [name for name, _ in found["thumbnails"]]
    assert set(names) == {"1", "2"}
    for _, stamp in found["thumbnails"]:
        # Each shows its galaxy in the middle.
        assert np.hypot(*np.subtract(np.unravel_index(stamp.argmax(), stamp.shape), 19.5)) < 2


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


def test_positions_elsewhere_are_told_beside_those_of_the_images(tmp_path):
    table = Table(sky())
    table["ra"] = table["ra"] / 15
    with pytest.raises(InputError, match=r"it has RA 10.*images are about RA 150"):
        look(images=image(tmp_path), catalogue=catalogue(tmp_path, table))


def test_a_folder_in_place_of_files(tmp_path):
    (tmp_path / "tiles").mkdir()
    with pytest.raises(InputError, match=r"tiles' is a folder.*tiles/\*\.fits"):
        look(images=tmp_path / "tiles")


def test_images_without_data_stop(tmp_path):
    rms, table = image(tmp_path, np.ones((120, 120), np.float32), "rms.fits"), catalogue(tmp_path)
    for number, value in enumerate((0, np.nan, 7)):
        blank = image(tmp_path, np.full((120, 120), value, np.float32), f"blank{number}.fits")
        for given in ({}, {"rms": rms}):
            with pytest.raises(InputError, match="no pixel has data"):
                look(images=blank, catalogue=table, **given)
        with pytest.raises(InputError, match="no pixel has data"):
            look(images=blank)


def test_one_empty_tile_of_two_is_a_warning(tmp_path):
    image(tmp_path, name="a_image.fits")
    image(tmp_path, np.full((120, 120), np.nan, np.float32), "b_image.fits", offset=120)
    found = look(images=tmp_path / "*_image.fits")
    assert "b_image.fits: no pixel with data" in warned(found)


def test_an_image_with_data_in_a_corner_is_one(tmp_path):
    data = np.full((1200, 1200), np.nan, np.float32)
    data[-40:, -40:] = np.random.default_rng(0).normal(size=(40, 40))
    assert "no pixel with data" in warned(look(images=image(tmp_path, data)))


@pytest.mark.parametrize("number", [1, 3])
def test_a_pixel_scale_that_nobody_knows_stops(tmp_path, monkeypatch, number):
    with pytest.raises(InputError, match="`pixel_scale`"):
        look(images=image(tmp_path, head=None))
    monkeypatch.setattr("morphovote.fields.inspection.MOST_FILES", number)
    with pytest.raises(InputError, match="`pixel_scale`"):
        look(cutouts=stamps(tmp_path))


@pytest.mark.parametrize(
    ("scale", "says"),
    [(60.0, "found 60, expected arcsec"), (1.7e-5, "write pixel_scale: 0.0612")],
)
def test_an_impossible_pixel_scale_stops(tmp_path, scale, says):
    for head in (None, "wcs"):
        path = image(tmp_path, head=head, name=f"{head}.fits")
        with pytest.raises(InputError, match=re.escape(says)):
            look(images=path, pixel_scale=scale)
    with pytest.raises(InputError, match="its WCS has 36 arcsec a pixel"):
        look(images=image(tmp_path, name="wide.fits", scale=36))


@pytest.mark.parametrize(("value", "says"), [(0, "found 0, expected 5 to 40"), (-48.6, "erg/s")])
def test_odd_zero_points_warn(tmp_path, value, says):
    assert says in warned(look(images=image(tmp_path), zero_point=value))


@pytest.mark.parametrize("value", [8.9, 22.5, 25.94, 31.4])
def test_usual_zero_points_and_scales_do_not_warn(tmp_path, value):
    for scale in (0.005, 1.5):
        path = image(tmp_path, name=f"{scale}.fits", scale=scale)
        assert not look(images=path, zero_point=value)["warnings"]


def many(tmp_path, mag):
    """An image of forty galaxies, and a catalogue of them with `mag` of their fluxes."""
    rng = np.random.default_rng(3)
    y, x = np.indices((400, 400))
    at = [(30 + 50 * (n % 8), 30 + 50 * (n // 8)) for n in range(40)]
    flux = 10 ** rng.uniform(1, 2.5, len(at))
    data = rng.normal(size=(400, 400))
    for (column, row), value in zip(at, flux, strict=True):
        data += value * np.exp(-np.hypot(x - column, y - row) / 2)
    table = {"id": np.arange(40), "x": [p[0] for p in at], "y": [p[1] for p in at]}
    table["mag"] = mag(flux)
    return {"images": image(tmp_path, data.astype("f4")), "catalogue": catalogue(tmp_path, table)}


@pytest.mark.parametrize(
    ("mag", "says"),
    [
        (lambda flux: flux, "outside -30 to 50"),
        (lambda flux: flux / 50, "its median is"),
        (lambda flux: 8 + flux / 10, "sources are brighter in the images where it is larger"),
    ],
)
def test_a_flux_given_as_magnitude_warns(tmp_path, mag, says):
    found = look(**many(tmp_path, mag))
    assert says in warned(found)
    assert "Is it a flux?" in warned(found)


@pytest.mark.parametrize("zero", [25.0, 0.0, -5.0])
def test_magnitudes_do_not_warn(tmp_path, zero):
    found = look(**many(tmp_path, lambda flux: zero - 2.5 * np.log10(flux)))
    assert not found["warnings"]


def physical(tmp_path, name="phys.fits", **columns):
    path = catalogue(tmp_path, {"RA": sky()["ra"], "DEC": sky()["dec"]} | columns, name)
    roles = {"ra": "RA", "dec": "DEC"} | {key.lower(): key for key in columns}
    return {"catalogue": str(path), "columns": roles}


def test_a_physical_table_is_looked_at_before_sources_are_detected(tmp_path):
    found = look(images=image(tmp_path), physical=physical(tmp_path, LOG_MASS=[1e10, 10.0]))
    said = "\n".join(describe_check(found))
    assert "phys.fits: 2 of its positions lie in the images; 2 rows; columns {ra: RA" in said
    assert "1 of 2 values of column 'LOG_MASS'" in " ".join(found["notes"])
    assert "only 2 of its 2 positions lie" in warned(found)
    assert "<h2>Physical catalogue</h2>" in render_check("f", found)
    with pytest.raises(InputError, match="no column 'MASS'"):
        look(images=image(tmp_path, name="b.fits"),
             physical={"catalogue": str(tmp_path / "phys.fits"),
                       "columns": {"ra": "RA", "dec": "DEC", "log_mass": "MASS"}})  # fmt: skip


def test_a_physical_table_elsewhere_or_without_a_way_to_match_warns(tmp_path):
    away = physical(tmp_path, RA=sky()["ra"] / 15)
    assert "none of its 2 positions" in warned(look(images=image(tmp_path), physical=away))
    plain = image(tmp_path, head=None, name="plain.fits")
    assert "no WCS" in warned(look(images=plain, pixel_scale=0.1, physical=away))
    by_id = {"catalogue": away["catalogue"], "columns": {"id": "RA"}}
    assert "numbered from 1" in warned(look(images=plain, pixel_scale=0.1, physical=by_id))
    found = look(images=image(tmp_path, name="c.fits"), catalogue=catalogue(tmp_path),
                 physical=away)  # fmt: skip
    assert "none of the 2 sources has a match within 1 arcsec" in warned(found)


@pytest.mark.parametrize(
    ("width", "says"), [(2.0, "a width (FWHM) of 4.7 px of the images, 0.47 arcsec"), (0.1, "0 px"),
                        (8.0, "19 px wide")],
)  # fmt: skip
def test_the_width_of_the_psf_is_told(tmp_path, width, says):
    y, x = np.indices((61, 61)) - 30
    fits.writeto(tmp_path / "psf.fits", np.exp(-(x**2 + y**2) / (2 * width**2)))
    found = look(images=image(tmp_path), psf=tmp_path / "psf.fits")
    if width == 2:
        assert says in "\n".join(describe_check(found))
        assert not found["warnings"]
    else:
        assert says in warned(found)
        assert "expected 1 to 10 px of the images" in warned(found)


def test_each_cutout_has_its_psf_on_the_page(tmp_path):
    y, x = np.indices((61, 61)) - 30
    square = x**2 + y**2
    pattern = stamps(tmp_path)
    for number in range(3):
        ring = 0.0 if number else 0.02 * np.exp(-square / 50)
        star = np.exp(-square / (2 * (2 + number) ** 2)) - ring
        fits.writeto(tmp_path / f"psf_{number}.fits", star)
    found = look(cutouts=pattern, psf=f"{tmp_path}/psf_*.fits", pixel_scale=0.1)
    text = "\n".join(describe_check(found))
    assert (
        "PSF: one for each cutout (3 were looked at), the first 61 x 61 px, of a width (FWHM)"
        in text
    )
    assert "a negative ring" in warned(found)
    page = render_check("f", found)
    assert "<th>its FWHM (px)</th>" in page
    assert all(one.file in page for one in found["psfs"])


def test_a_psfex_model_of_another_image_warns(tmp_path):
    y, x = np.indices((25, 25)) - 12
    star = np.exp(-(x**2 + y**2) / 18)
    for stars, names in ((100, "near"), (20, "far")):
        data = np.array([(np.stack([star, 0 * star, 0 * star]),)],
                        dtype=[("PSF_MASK", "f4", (3, 25, 25))])  # fmt: skip
        table = fits.BinTableHDU(data)
        table.header.update({"POLNAXIS": 2, "POLDEG1": 1, "PSF_SAMP": 1.0})
        for n, name in enumerate(("X_IMAGE", "Y_IMAGE"), start=1):
            about = {"POLNAME": name, "POLZERO": 60.5, "POLSCAL": float(stars)}
            table.header.update({f"{key}{n}": value for key, value in about.items()})
        table.writeto(tmp_path / f"{names}.psf")
    found = look(images=image(tmp_path), psf=tmp_path / "near.psf")
    assert "a PSFEx model of degree 1, evaluated at each source" in "\n".join(describe_check(found))
    assert not found["warnings"]
    found = look(images=tmp_path / "image.fits", psf=tmp_path / "far.psf")
    assert "reaches 6.0 times as far as the stars" in warned(found)


def test_a_finer_psf_is_told(tmp_path):
    y, x = np.indices((121, 121)) - 60
    psf = np.exp(-(x**2 + y**2) / (2 * 8**2))
    fits.writeto(tmp_path / "psf.fits", psf, fits.Header({"OVERSAMP": 4}))
    text = "\n".join(describe_check(look(images=image(tmp_path), psf=tmp_path / "psf.fits")))
    assert "sampled 4 times finer (OVERSAMP = 4), integrated over pixels" in text
    assert "4.8 px of the images" in text


def test_the_entry_and_the_warnings_stand_on_the_page(tmp_path):
    found = look(images=image(tmp_path), catalogue=catalogue(tmp_path), zero_point=0,
                 select={"mag": [None, 25]})  # fmt: skip
    page = render_check("f", found)
    assert page.index("Warning:</b> config, zero_point: found 0") < page.index("<h2>")
    for told in (
        "<td>0 mag (AB)",
        "0.1 arcsec by the WCS",
        "mag: ... to 25",
        "number of the first",
    ):
        assert told in page
    assert "No warning." in render_check("f", look(images=image(tmp_path, name="b.fits")))


def test_how_many_galaxies_there_are_is_known_where_it_can_be(tmp_path, monkeypatch):
    assert look(images=image(tmp_path))["galaxies"] is None
    table = catalogue(tmp_path)
    given = {"images": tmp_path / "image.fits", "catalogue": table}
    assert look(**given, select={"mag": [None, 21]})["galaxies"] == 1
    pattern = stamps(tmp_path)
    for most in (2, 200):
        monkeypatch.setattr("morphovote.fields.inspection.MOST_FILES", most)
        assert look(cutouts=pattern, pixel_scale=0.1)["galaxies"] == 3


def test_thumbnails_at_the_border_have_their_source_in_the_middle(tmp_path):
    data = np.roll(pixels(), -58, axis=1)
    table = catalogue(tmp_path, {"id": [1], "x": [2.0], "y": [60.0]})
    found = look(images=image(tmp_path, data), catalogue=table)
    (_, stamp), = found["thumbnails"]  # fmt: skip
    assert np.hypot(*np.subtract(np.unravel_index(np.nanargmax(stamp), stamp.shape), 19.5)) < 2
    assert "Blue is outside the image" in render_check("f", found)
