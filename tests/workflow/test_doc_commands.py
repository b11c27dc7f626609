"""The commands in the pages Start and Your field: those of Start are run, the others planned."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml
from doc_blocks import blocks
from paths import ROOT
from project import SMALL, Project, copy_project, run_snakemake

# Need what the project does not have: see docs/cluster.md, which says that they were not tried.
NOT_TRIED = ("--executor cluster-generic", "--executor kubernetes")
EXTRA = {key: value for key, value in SMALL.items() if key != "fields"}


def commands(*pages):
    """Commands of the pages, one a line, with their place."""
    found = []
    for block in blocks(""):
        if block.page in pages:
            text = block.text.replace("\\\n", " ")
            found += [(f"{block.page}.md:{block.line}", one) for one in text.splitlines() if one]
    return found


def run(project, command, check=True):
    """Run a command of the pages in a checkout, as a person would; its output."""
    words = shlex.split(command.split("  #")[0])
    if words[0].endswith("snakemake"):
        process = run_snakemake(project.folder, words[1:])
    else:
        process = subprocess.run(
            words, cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    if check:
        assert process.returncode == 0, process.stdout[-4000:]
    return process.stdout


def environment_of(project):
    """Give a checkout the environment of these tests as its own, as `make` left it."""
    folder = project.folder / ".venv"
    folder.mkdir()
    (folder / "bin").symlink_to(os.path.dirname(sys.executable))
    for name in ("run", "dev"):
        (folder / f"{name}.stamp").touch()


@pytest.fixture(scope="module")
def start(finished, tmp_path_factory):
    """A checkout in which `make run` finds a small field, and a field's images in data/."""
    folder = tmp_path_factory.mktemp("start") / "checkout"
    project = Project(shutil.copytree(finished.folder, folder, symlinks=True))
    (project.folder / "config.yaml").write_text(yaml.safe_dump(SMALL))
    environment_of(project)
    simulated, data = project.folder / "results/small/simulated", project.folder / "data"
    data.mkdir()
    for name, given in (("image", "1_sci"), ("rms", "1_rms"), ("psf", "psf")):
        shutil.copy(simulated / f"{name}.fits", data / f"{given}.fits")
    (block,) = [one for one in blocks("yaml") if one.page == "start"]
    config = yaml.safe_load(block.text) | EXTRA
    (project.folder / "my.yaml").write_text(yaml.safe_dump(config))
    return project


def test_the_commands_of_start_lead_from_nothing_to_the_catalogue(start):
    first, look, whole = (command for _, command in commands("start"))
    assert first == "make run"
    said = run(start, f"{first} CORES=2")
    (shown,) = blocks("text")
    for line in shown.text.replace("demo", "small").splitlines():
        assert line in said
    assert "what is in its files is in results/mine/check.html" in run(start, look)
    assert not (start.folder / "results/mine/sources.fits").exists()
    run(start, whole)
    (block,) = [one for one in blocks("python") if one.page == "start"]
    command = [sys.executable, "-c", block.text]
    table = subprocess.run(command, cwd=start.folder, capture_output=True, text=True, check=True)
    assert "CLASS_PROB" in table.stdout


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A checkout with the files that the commands of the other pages name."""
    project = copy_project(tmp_path_factory.mktemp("planned"))
    environment_of(project)
    own = yaml.safe_dump(SMALL | {"fields": {"cosmos": {"simulate": {"galaxies": 60}}}})
    for name in ("my.yaml", "survey.yaml"):
        (project.folder / name).write_text(own)
    (project.folder / "lens.fits").write_bytes(b"")
    (project.folder / "my_ids.txt").write_text("1\n")
    for who in ("ada", "bo"):
        (project.folder / f"names_cosmos_{who}.yaml").write_text("classes: {BAR: barred disc}\n")
    return project


@pytest.mark.parametrize(
    ("place", "command"),
    commands("surveys", "fields", "explore", "naming", "frozen", "cluster", "scale", "cosmos"),
)
def test_the_commands_of_your_field_can_be_run(place, command, planned):
    if any(part in command for part in NOT_TRIED):
        page = (ROOT / "docs/cluster.md").read_text(encoding="utf-8")
        assert "generic executor, Kubernetes" in page.replace("\n", " ")
        return
    if command.startswith("sbatch"):
        command = re.search(r"--wrap '(.+)'", command)[1]
    command = command.replace("~/morphovote", str(planned.folder))
    command = command.replace("/data/survey", str(planned.folder))
    plan = {"make": " --dry-run"}.get(command.split()[0], " --dry-run --quiet")
    run(planned, command + ("" if "python" in command else plan))


def test_no_command_is_left_out():
    assert len(commands("start")) == 3
    assert len(commands("fields", "explore", "naming", "frozen", "cluster", "cosmos")) > 12
