"""Several bands in the config: what is taken, and a sentence for each mistake."""

import pytest
from paths import PLACES, ROOT

from morphovote.config.resolve import complete_config
from morphovote.errors import InputError

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory with images of three bands, cutouts of two, and a catalogue."""
    monkeypatch.chdir(tmp_path)
    for name in ("b_1.fits", "b_2.fits", "b_rms_1.fits", "b_rms_2.fits", "r.fits", "i.fits",
                 "psf.fits", "cat.csv", "s/b_7.fits", "s/r_7.fits"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def bands(**changes):
    """Three bands, some of them changed."""
    three = {
        "b": {"images": "b_?.fits", "rms": "b_rms_?.fits", "psf": "psf.fits", "wavelength": 0.45},
        "r": {"images": "r.fits", "wavelength": 0.65, "pixel_scale": 0.06, "zero_point": 28.0},
        "i": {"images": "i.fits", "wavelength": 0.8},
    }
    return {"bands": {name: changes.get(name, band) for name, band in three.items()}}


WHOLE = {"catalogue": "cat.csv", "rest_frame": 0.3}


def resolve(field):
    return complete_config({"fields": {"f": field}}, SCHEMA, PLACES)["fields"]["f"]


def test_bands_are_brought_to_one_form():
    field = resolve(bands() | WHOLE | {"zero_point": 25.0})
    b, r, i = field["bands"]
    assert [band["name"] for band in field["bands"]] == ["b", "r", "i"]
    assert (b["images"], b["rms"]) == (["b_1.fits", "b_2.fits"], ["b_rms_1.fits", "b_rms_2.fits"])
    assert (b["zero_point"], r["zero_point"], r["pixel_scale"]) == (25.0, 28.0, 0.06)
    assert (b["psf_plane"], r["psf_plane"], i["rms"]) == (["psf.fits"], [], [])
    assert field["images"] == ["b_1.fits", "b_2.fits", "r.fits", "i.fits"]
    assert field["psfs"] == ["psf.fits"]
    assert (field["band"], field["rest_frame"]) == ("b", 0.3)
    assert field["rest_frame_within"] == pytest.approx(0.09)
    assert field["given"]["bands"] == bands()["bands"]


def test_cutouts_of_each_band_may_stand_under_cutouts():
    plain = resolve({"cutouts": {"b": "s/b_*.fits", "r": "s/r_*.fits"}, "band": "r"})
    assert plain["kind"] == "cutouts"
    assert [band["pattern"] for band in plain["bands"]] == ["s/b_*.fits", "s/r_*.fits"]
    waves = {"b": {"wavelength": 0.45}, "r": {"wavelength": 0.65}}
    both = resolve({"cutouts": {"b": "s/b_*.fits", "r": "s/r_*.fits"}, "bands": waves} | WHOLE)
    assert [band["wavelength"] for band in both["bands"]] == [0.45, 0.65]


def test_without_bands_nothing_is_chosen():
    field = resolve({"images": "r.fits", "catalogue": "cat.csv"})
    assert (field["bands"], field["band"], field["rest_frame"]) == (None, None, None)


@pytest.mark.parametrize(
    ("field", "says"),
    [
        (bands() | {"images": "r.fits"} | WHOLE, "found images beside bands"),
        (bands() | {"psf": "psf.fits"} | WHOLE, "found psf beside bands"),
        (bands() | {"cutouts": {"b": "s/b_*.fits"}} | WHOLE, "cutouts of band b twice"),
        (bands(), "found 3 bands, and not which one"),
        (bands() | {"band": "R"}, "found 'R', expected one of b, r, i. Did you mean r?"),
        (bands(r={"images": "r.fits"}) | WHOLE, "bands.r: found no wavelength"),
        (bands() | {"rest_frame": 0.3}, "rest_frame but no catalogue with redshifts"),
        (bands() | WHOLE | {"rest_frame": 50}, "Write all of them in micrometres"),
        (bands(b={"images": "b_1.fits", "wavelength": 450}, r={"images": "r.fits",
               "wavelength": 650}, i={"images": "i.fits", "wavelength": 800}) | WHOLE,
         "bands at 450 to 800"),
        (bands() | {"band": "r", "rest_frame_within": 1}, "rest_frame_within but no rest_frame"),
        (bands(r={"wavelength": 0.65}) | WHOLE, "bands.r: found neither images nor cutouts"),
        (bands(r={"images": "r.fits", "cutouts": "s/r_*.fits", "wavelength": 1}) | WHOLE,
         "bands.r: found images and cutouts"),
        (bands(r={"cutouts": "s/r_*.fits", "wavelength": 1}) | WHOLE, "one kind for all bands"),
        (bands(r={"images": "b_1.fits", "wavelength": 1}) | WHOLE, "b_1.fits is an image of b and"),
        (bands(r={"images": "z.fits", "wavelength": 1}) | WHOLE, "bands.r.images: no file matches"),
        (bands(r={"images": "r.fits", "psf": "no.fits", "wavelength": 1}) | WHOLE, "bands.r.psf"),
        (bands(r={"images": "r.fits", "rms": "b_rms_?.fits", "wavelength": 1}) | WHOLE,
         "found 2 files for 1 images"),
        (bands(r={"images": "r.fits", "rms": "i.fits", "weight": "i.fits", "wavelength": 1})
         | WHOLE, "bands.r: found both rms and weight"),
        (bands() | WHOLE | {"match_bands": True}, "bands.r: found no psf, which match_bands needs"),
        (bands(r={"images": "r.fits", "wave": 1}) | WHOLE, "unknown key 'wave'"),
        (bands(r={"images": "r.fits", "wavelength": "1.0 um"}) | WHOLE, "found '1.0 um'"),
        ({"bands": {"a b": {"images": "r.fits"}}}, "'a b' cannot name a band"),
        ({"images": "r.fits", "rest_frame": 0.5}, "rest_frame but no bands"),
        ({"images": "r.fits", "band": "r"}, "band but no bands"),
        ({"images": "r.fits", "match_bands": True}, "match_bands but no bands"),
        ({"simulate": {"galaxies": 50}} | bands() | WHOLE, "exactly one of simulate"),
    ],
)  # fmt: skip
def test_a_mistake_is_a_sentence(field, says):
    with pytest.raises(InputError, match=r"^config, fields\.f") as error:
        resolve(field)
    assert says in str(error.value)
