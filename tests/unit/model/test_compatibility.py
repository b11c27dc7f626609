"""Needs of a frozen model: checked with a clear message, or bridged and reported."""

import copy
import json

import pytest
import yaml
from paths import PLACES, ROOT

from morphovote.config import resolve as configuration
from morphovote.errors import InputError
from morphovote.model import compatibility
from morphovote.storage.digests import hash_file
from morphovote.storage.model_folder import MODEL_FILES, read_description

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
CONFIG = configuration.complete_config({"fields": {"f": {"simulate": {}}}}, SCHEMA, PLACES)
CARD = {"name": "convnext_atto", "weights": "bundled", "sha256": "ab" * 32, "precision": "float32"}
MODEL = {
    "field": "there",
    "pixel_scale": 0.03,
    "settings": {s: CONFIG[s] for s in ("cutout", "denoiser", "polar", "encoder", "voting")},
    "encoder": CARD,
}


def check(config=CONFIG, model=MODEL, card=CARD, scale=0.03, side=None):
    return compatibility.check_model(model, card, "encoder.json", config, "new", scale, side)


def changed(section, key, value):
    config = copy.deepcopy(CONFIG)
    config[section][key] = value
    return config


def test_an_equal_field_passes_without_a_word():
    result = check(scale=0.0301)
    assert (result["conversions"], result["warnings"]) == ([], [])
    assert result["model_field"] == "there"


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("cutout", "size", 64),
        ("cutout", "neighbours", "keep"),
        ("cutout", "scaling", "published"),
        ("denoiser", "scheme", "published"),
        ("polar", "scheme", "published"),
        ("encoder", "rotations", 4),
        ("encoder", "input", "published"),
        ("voting", "scheme", "published"),
    ],
)
def test_other_steps_are_one_sentence(section, key, value):
    with pytest.raises(InputError) as caught:
        check(changed(section, key, value))
    text = str(caught.value)
    wanted = CONFIG[section][key]
    assert f"config, {section}.{key}: found {value}" in text
    assert f"field there with {wanted}. Set {section}.{key}: {wanted}" in text
    assert "\n" not in text


def test_another_encoder_is_one_sentence():
    with pytest.raises(InputError, match=r"encoder.json: .* sha256 cdcdcdcdcdcd, .* abababababab"):
        check(card=CARD | {"sha256": "cd" * 32})


def test_another_precision_is_a_warning():
    result = check(changed("encoder", "precision", "bfloat16"))
    assert "bfloat16" in result["warnings"][0]
    assert check(changed("encoder", "precision", "auto"))["warnings"] == []


@pytest.mark.parametrize("scale", [0.06, 0.015, 0.04])
def test_another_pixel_scale_is_bridged_and_said(scale, tmp_path):
    result = check(scale=scale)
    (bridge,) = result["conversions"]
    assert (bridge["from"], bridge["to"]) == (scale, 0.03)
    assert f"{scale:.4g} arcsec a pixel are resampled to the model's 0.03" in bridge["text"]
    compatibility.write_check(result, tmp_path / "transfer.json")
    assert compatibility.read_pixel_scale([tmp_path / "transfer.json"]) == 0.03
    compatibility.write_check(check(), tmp_path / "transfer.json")
    assert compatibility.read_pixel_scale([tmp_path / "transfer.json"]) is None
    assert compatibility.read_pixel_scale([]) is None


def test_scales_too_far_apart_are_one_sentence():
    with pytest.raises(InputError, match=r"found 0\.2 arcsec a pixel, .* at 0\.03"):
        check(scale=0.2)


def test_ready_cutouts_too_small_for_the_scale_are_one_sentence():
    with pytest.raises(InputError, match="cutouts 100 pixels wide, expected 200"):
        check(scale=0.015, side=100)
    assert check(scale=0.015, side=200)["conversions"]


def test_a_description_that_is_none(tmp_path):
    path = tmp_path / "model.json"
    for text in ("{", "[1]", "{}"):
        path.write_text(text)
        with pytest.raises(InputError, match=r"model\.json"):
            read_description(path)


def write_model(folder):
    folder.mkdir()
    for name in MODEL_FILES:
        (folder / name).write_text("")
    (folder / "model.json").write_text(json.dumps(MODEL))


def complete(**sections):
    field = {"simulate": {}, "model": "there"}
    return configuration.complete_config({"fields": {"new": field}} | sections, SCHEMA, PLACES)


def test_config_is_held_against_a_finished_model_before_any_job(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "there")
    assert complete()["fields"]["new"]["model"] == "there"
    with pytest.raises(InputError, match=r"encoder\.rotations: found 3"):
        complete(encoder={"rotations": 3})


def test_an_archive_is_unpacked_into_the_field(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.zip").write_text("")
    config = {"fields": {"new": {"simulate": {}, "model": "there.zip"}}}
    field = configuration.complete_config(config, SCHEMA, PLACES)["fields"]["new"]
    assert (field["model"], field["archive"]) == ("results/new/frozen_model", ["there.zip"])
    config["fields"]["new"]["model"] = "nowhere.zip"
    with pytest.raises(InputError, match=r"there is no file 'nowhere\.zip'"):
        configuration.complete_config(config, SCHEMA, PLACES)


def test_a_folder_without_description_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "there")
    (tmp_path / "there/model.json").unlink()
    with pytest.raises(InputError, match=r"there lacks model\.json"):
        complete()


def test_schema_knows_archives():
    text = yaml.safe_load(SCHEMA.read_text())["$defs"]["field"]["properties"]["model"]
    assert "archive" in text["description"]


def test_a_file_that_is_not_the_described_one_is_refused_unread(tmp_path):
    (tmp_path / "pca.h5").write_bytes(b"no HDF5 at all")
    (tmp_path / "names.yaml").write_text("groups: {0: SPH}")
    known = {"pca.h5": hash_file(tmp_path / "pca.h5"), "names.yaml": "0" * 64}
    compatibility.check_files(MODEL | {"files": known}, tmp_path)
    (tmp_path / "pca.h5").write_bytes(b"no HDF5 at all!")
    with pytest.raises(InputError, match=r"pca\.h5: differs from the file that model\.json"):
        compatibility.check_files(MODEL | {"files": known}, tmp_path)
    (tmp_path / "pca.h5").unlink()
    with pytest.raises(InputError, match=r"pca\.h5: is missing"):
        compatibility.check_files(MODEL | {"files": known}, tmp_path)
