"""What is said before the first long job: of the files, the config, and the command."""

import json

import pytest
from bad_input import catalogue, image, sky
from project import copy_project


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A checkout with an image and a catalogue, and the config of their field."""
    project = copy_project(tmp_path_factory.mktemp("given"))
    path = catalogue(project.folder, sky(mag=[-99.0, 22.0]))
    field = {"images": image(project.folder).name, "catalogue": path.name}
    return project, {"fields": {"f": field}, "voting": {"groups": 2}}


def test_check_fields_looks_and_does_no_more(given):
    project, config = given
    output = project.snakemake("check_fields", config=config).stdout
    assert "2 sources, 2 selected, of which 2 lie in an image" in output
    assert "1 of 2 values of column 'mag' (mag) mean that there is none (-99)" in output
    assert "found 2 for field f with 2 galaxies, of which each voter sees" in output
    assert "2 warnings at the top of results/f/check.html" in output
    assert "f: what is in its files is in results/f/check.html" in output
    results = project.folder / "results/f"
    assert "data:image/png" in (results / "check.html").read_text()
    assert not (results / "sources.fits").exists()


def test_a_whole_run_begins_with_the_check_and_another_config_looks_again(given):
    project, field = given[0], given[1]["fields"]["f"]
    config = given[1] | {"fields": {"whole": field}}
    # A run to its end would refuse two galaxies once they are counted.
    targets = ("check_fields", "results/whole/sources.fits")

    def planned(config):
        output = project.snakemake("--dry-run", *targets, config=config).stdout
        return [name for name in ("check_field", "list_sources") if f"{name}:" in output]

    assert "check_field" in project.plan(config)
    assert planned(config) == ["check_field", "list_sources"]
    project.snakemake(*targets, config=config)
    assert planned(config) == []
    other = config | {"fields": {"whole": field | {"missing": [22.0]}}}
    assert planned(other) == ["check_field", "list_sources"]
    simulated = {"fields": {"s": {"simulate": {"galaxies": 30}}}, "voting": {"groups": 2}}
    assert "rule check_field:" not in project.snakemake("--dry-run", config=simulated).stdout


def test_until_a_rule_without_jobs_says_what_to_make(given):
    project, config = given
    fresh = config | {"fields": {"fresh": config["fields"]["f"]}}
    arguments = ("--dry-run", "--until", "encode_polar")
    process = project.snakemake(*arguments, config=fresh, check=False)
    assert process.returncode != 0
    assert "First make results/fresh/shards.json" in process.stdout


def test_a_refused_encoder_leaves_the_good_one(given):
    project, config = given
    card = project.folder / "results/encoder/encoder.json"
    project.snakemake("results/encoder/encoder.json", config=config)
    before = card.read_bytes()
    head = json.dumps({"__metadata__": {"format": "pt"}}).encode()
    (project.folder / "bad.safetensors").write_bytes(len(head).to_bytes(8, "little") + head)
    bad = config | {"encoder": {"weights": "bad.safetensors"}}
    process = project.snakemake("results/encoder/encoder.json", config=bad, check=False)
    assert process.returncode != 0
    assert "do not fit a convnext_atto" in process.stdout
    assert card.read_bytes() == before
    assert card.with_name("encoder.safetensors").is_file()
