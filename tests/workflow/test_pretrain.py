"""The workflow that trains the encoder: what it would do by its recipes."""

import re

import yaml
from paths import ROOT
from project import run_snakemake

RECIPE = yaml.safe_load((ROOT / "config/pretrain.yaml").read_text())


def plan(folder, recipe):
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    rules = ROOT / "workflow/rules/pretrain.smk"
    command = ["--cores", "1", "--dry-run", "--configfile", str(path), "--snakefile", str(rules)]
    process = run_snakemake(folder, command)
    return process.returncode, process.stdout


def test_the_bundled_recipe_needs_nothing_but_the_project(tmp_path):
    code, output = plan(tmp_path, RECIPE)
    assert code == 0, output
    rules = set(re.findall(r"^(?:local)?rule (\w+):$", output, flags=re.MULTILINE))
    assert rules == {"simulate_training_set", "train_encoder", "pretrained_encoder"}


def test_real_galaxies_and_a_start_are_inputs(tmp_path):
    for survey in ("sdss", "nircam"):
        (tmp_path / survey).mkdir()
    (tmp_path / "start.safetensors").touch()
    real = {"real_sky": ["sdss", "nircam"], "start": "start.safetensors"}
    code, output = plan(tmp_path, RECIPE | real)
    assert code == 0, output
    for survey in ("sdss", "nircam"):
        assert f"results/pretrain/sky/{survey}_views.h5" in output
    assert "start.safetensors" in output


def test_a_recipe_with_a_mistake_is_one_sentence(tmp_path):
    code, output = plan(tmp_path, RECIPE | {"steps": "many"})
    assert code != 0
    assert "'steps' is 'many', expected int of at least 1" in output
    assert "Traceback" not in output
