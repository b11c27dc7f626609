"""The command `morphovote`."""

import subprocess
import sys

import pytest
import yaml
from bad_input import PLACES, SCHEMA, catalogue, image
from paths import ROOT

from morphovote import command
from morphovote.config.resolve import complete_config


def test_init_writes_a_config_that_can_be_run_and_says_what_it_found(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "my field"
    folder.mkdir()
    image(folder, name="a_sci.fits")
    catalogue(folder)
    command.main(["init", "my field"])
    said = capsys.readouterr().out
    assert "2 sources, 2 selected, of which 2 lie in an image" in said
    assert "WARNING: " in said
    assert "morphovote run my.yaml" in said
    config = yaml.safe_load((tmp_path / "my.yaml").read_text())
    assert list(config["fields"]) == ["my_field"]
    done = complete_config(config | {"voting": {"groups": 2}}, SCHEMA, PLACES)
    assert done["fields"]["my_field"]["images"] == ["my field/a_sci.fits"]
    with pytest.raises(SystemExit, match="is there already"):
        command.main(["init", "my field"])


def test_init_says_in_a_sentence_what_is_wrong(tmp_path):
    with pytest.raises(SystemExit, match="found no FITS image"):
        command.main(["init", str(tmp_path), "--output", str(tmp_path / "a.yaml")])
    assert not (tmp_path / "a.yaml").exists()


def test_run_passes_on_to_snakemake(monkeypatch):
    started = []
    monkeypatch.setattr(command.os, "execv", lambda *given: started.append(given))
    command.main(["run", "my.yaml", "check_fields", "-n"])
    command.main(["run", "my.yaml", "--cores", "3"])
    (program, first), (_, second) = started
    assert program == sys.executable
    assert first[1:5] == ["-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    whole = "--configfile my.yaml --replace-workflow-config check_fields -n --cores all"
    assert " ".join(first[5:]) == whole
    assert second[-2:] == ["--cores", "3"]


@pytest.mark.slow
def test_a_wheel_has_what_the_workflow_needs(tmp_path):
    folders = ("scripts", "workflow", "envs", "profiles", "resources", "requirements")
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True).stdout
    names = [n for n in listed.splitlines() if n.startswith(folders) or "/" not in n]
    for name in names:
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_bytes((ROOT / name).read_bytes())
    build = [sys.executable, "-c", "import setuptools.build_meta as b; b.build_wheel('..')"]
    subprocess.run(build, cwd=tmp_path / "project", check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, tmp_path / "site"], check=True)
    inside = tmp_path / "site/morphovote/_workflow"
    for name in names:
        if name.startswith(("workflow", "envs", "profiles", "resources")):
            assert (inside / name).read_bytes() == (ROOT / name).read_bytes()
    config = {"fields": {"small": {"simulate": {"galaxies": 60}}}, "voting": {"groups": 4}}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(config))
    start = "import sys; from morphovote.command import main; main(['run', 'my.yaml', '-n'])"
    run = subprocess.run(
        [sys.executable, "-c", start], cwd=tmp_path, capture_output=True, text=True,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert run.returncode == 0, (run.stdout + run.stderr)[-3000:]
    assert "build_report" in run.stdout
