"""The provenance of a run as an RO-Crate."""

import hashlib
import json
import shutil
import subprocess

import pytest

from morphovote.report.crate import build_crate

VERSIONS = {"morphovote": "0.1.0", "python": "3.11", "snakemake": "9.1", "numpy": "2.0"}
VALIDATOR = shutil.which("rocrate-validator")


@pytest.fixture
def run(tmp_path):
    """The folder of a finished run, and its crate."""
    folder, data = tmp_path / "results/mine", tmp_path / "data"
    (folder / "provenance").mkdir(parents=True)
    data.mkdir()
    names = ("catalogue.fits", "provenance/Snakefile", "provenance/config.yaml")
    for path in (*(folder / name for name in names), data / "a_sci.fits", data / "large.fits"):
        path.write_text(f"what is in {path.name}")
    known = "ab" * 32
    (data / "large.fits.sha256").write_text(f"{known}  large.fits\n")
    inputs = [str(data / "a_sci.fits"), str(data / "large.fits")]
    crate = build_crate("mine", folder, inputs, [folder / "catalogue.fits"], VERSIONS)
    (folder / "ro-crate-metadata.json").write_text(json.dumps(crate))
    return folder, {one["@id"]: one for one in crate["@graph"]}


def test_every_entity_that_is_named_is_there_and_every_file_too(run):
    folder, graph = run

    def named(value):
        if isinstance(value, dict):
            return [value["@id"]] if set(value) == {"@id"} else named(list(value.values()))
        return [one for part in value for one in named(part)] if isinstance(value, list) else []

    outside = (
        "https://w3id.org/ro/crate/",
        "http://schema.org/",
        "https://snakemake",
        "https://www",
    )
    for name in named(list(graph.values())):
        assert name in graph or name.startswith(outside), name
    files = [one for one in graph.values() if "File" in one["@type"] and "://" not in one["@id"]]
    for one in files:
        if not one["@id"].startswith("ni:"):
            assert (folder / one["@id"]).is_file()


def test_the_run_says_what_went_in_and_what_came_out(run):
    _, graph = run
    action = graph["#run"]
    inputs = [graph[one["@id"]] for one in action["object"]]
    assert [one["name"] for one in inputs[1:]] == ["a_sci.fits", "large.fits"]
    content = b"what is in a_sci.fits"
    assert inputs[1]["sha256"] == hashlib.sha256(content).hexdigest()
    assert inputs[1]["contentSize"] == str(len(content))
    assert inputs[2]["sha256"] == "ab" * 32
    assert action["result"] == {"@id": "catalogue.fits"}
    assert graph[action["instrument"]["@id"]]["version"] == "0.1.0"
    assert graph["#numpy"]["softwareVersion"] == "2.0"
    # No path of the machine is the name of anything.
    assert not [name for name in graph if name.startswith(("/", "file:"))]


@pytest.mark.slow
@pytest.mark.skipif(not VALIDATOR, reason="no rocrate-validator is installed")
def test_the_validator_of_the_profile_agrees(run):
    command = [VALIDATOR, "validate", "--profile-identifier", "workflow-run-crate", "--no-paging"]
    found = subprocess.run([*command, run[0]], capture_output=True, text=True)
    if "URLError" in found.stdout:
        pytest.skip("the validator fetches the terms of RO-Crate, and there is no network")
    assert found.returncode == 0, found.stdout
