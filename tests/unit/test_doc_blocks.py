"""The configs and lists in the pages Start and Your field: each is read with files as it names."""

import re

import pytest
import yaml
from bad_input import PLACES, SCHEMA
from doc_blocks import blocks, complete, entries, make_files

from morphovote.config.resolve import complete_config
from morphovote.fields.inspection import inspect_field
from morphovote.groups.names import read_given_names
from morphovote.logs import results

CONFIGS = [block for block in blocks("yaml") if "version:" not in block.text]


def of_block(block):
    return f"{block.page}.md:{block.line}"


def files_of(entry, folder):
    """The entry with files made for it, and paths outside the folder brought into it."""
    entry = yaml.safe_load(yaml.safe_dump(entry).replace("/archive/", f"{folder}/archive/"))
    entry = complete(entry)
    make_files(entry)
    if str(entry.get("model", "")).endswith(".zip"):
        (folder / "archive").mkdir()
        (folder / "archive/cosmos_model.zip").touch()
    return entry


@pytest.mark.slow
@pytest.mark.parametrize("block", CONFIGS, ids=of_block)
def test_a_config_of_the_pages_reads_its_files(block, tmp_path, monkeypatch):
    for number, config in enumerate(entries(block)):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        if "fields" not in config:
            (names,) = [one.text for one in blocks("yaml") if "version:" in one.text]
            (folder / config["classes"]["names"]).write_text(names)
            config["fields"] = {"mine": {"simulate": {}}}
        config["voting"] = {"groups": 2}
        files = {name: files_of(entry, folder) for name, entry in config["fields"].items()}
        done = complete_config(config | {"fields": files}, SCHEMA, PLACES)["fields"]
        for name, entry in files.items():
            if "simulate" not in entry:
                check(entry, inspect_field(done[name], 40))


def check(entry, found):
    """All that an entry names is found for what it is meant."""
    assert found["files"] == (3 if "cutouts" in entry else 1)
    noise = {"rms", "weight"} & set(entry)
    assert bool(found["images"][0][4]) == bool(noise), found["images"]
    assert bool(found["psfs"]) == ("psf" in entry)
    if "catalogue" in entry:
        assert found["counts"]["sources"] == found["counts"]["placed"] == len(found["ids"])
    if "physical" in entry:
        assert found["physical"]["rows"] == 2
    assert not [one for one in found["warnings"] if "noise" in one or "weight" in one]


def test_the_file_of_names_is_one(tmp_path):
    (block,) = [one for one in blocks("yaml") if "version:" in one.text]
    (tmp_path / "names.yaml").write_text(block.text)
    names = read_given_names(tmp_path / "names.yaml")
    assert "BAR" in names["classes"]


def test_what_a_run_says_is_what_the_page_shows(tmp_path, monkeypatch):
    (block,) = blocks("text")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/demo").mkdir(parents=True)
    for name in re.findall(r"results/demo/([\w.]+\w)", block.text):
        (tmp_path / "results/demo" / name).touch()
    assert [line for line in results(["demo"], None) if line] == block.text.splitlines()
