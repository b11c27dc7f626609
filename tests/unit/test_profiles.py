"""The profiles name existing rules, and their resources can be computed."""

import re

import pytest
import yaml
from paths import ROOT
from snakemake.resources import Resource

from morphovote.report.figures.table import FIGURES

TEXT = "\n".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
RULES = set(re.findall(r"^(?:rule|checkpoint) (\w+):", TEXT, flags=re.MULTILINE))
RULES |= {f"plot_{figure.name}" for figure in FIGURES}


class Input:
    """As much of a job's input as the profiles ask for."""

    def __init__(self, size_mb):
        self.size_mb = size_mb


def read(name):
    return yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text())


def evaluate(expression, size_mb, attempt):
    """What Snakemake makes of a resource of a profile."""
    given = {"wildcards": None, "input": Input(size_mb), "attempt": attempt, "async_run": None}
    value = Resource.cli_evaluator("resource", str(expression), **given)
    assert isinstance(value, int | float), f"{expression} is no expression"
    return value


def test_slurm_names_rules_that_there_are():
    profile = read("slurm")
    assert set(profile["set-resources"]) <= RULES
    assert set(profile["groups"]) <= RULES


@pytest.mark.parametrize("key", ["mem_mb", "runtime"])
def test_slurm_asks_for_more_with_the_shard_and_with_each_attempt(key):
    profile = read("slurm")
    default = profile["default-resources"][key]
    for rule in sorted(RULES):
        asked = profile["set-resources"].get(rule, {}).get(key, default)
        few, again = evaluate(asked, 1, 1), evaluate(asked, 1, 2)
        assert again == 2 * few > 0, rule
        # A shard of a hundred thousand cutouts, and a field of a million in one job's input.
        for size_mb in (7_000, 70_000):
            assert evaluate(asked, size_mb, 1) >= few, rule
    for rule in ("denoise_cutouts", "unwrap_polar", "encode_polar", "measure_morphology"):
        asked = profile["set-resources"][rule].get(key, default)
        if key == "mem_mb" or rule != "unwrap_polar":
            assert evaluate(asked, 7_000, 1) > 3 * evaluate(asked, 700, 1), rule


def test_no_job_that_reads_a_whole_field_asks_for_all_of_it_in_memory():
    profile = read("slurm")
    default = profile["default-resources"]["mem_mb"]
    one_shard = {"denoise_cutouts", "unwrap_polar", "encode_polar", "measure_morphology"}
    for rule in RULES - one_shard:
        asked = profile["set-resources"].get(rule, {}).get("mem_mb", default)
        assert evaluate(asked, 70_000, 1) <= 16_000, rule


@pytest.mark.parametrize("name", ["default", "node"])
def test_one_job_at_a_time_on_a_gpu(name):
    assert read(name)["resources"]["gpu"] == 1


def test_no_rule_insists_on_a_gpu():
    asked = re.findall(r"^\s+gpu=(\w+)", TEXT, flags=re.MULTILINE)
    # Pretraining is a workflow of its own, which no cluster runs.
    assert asked.count("GPUS") >= 3
    assert set(asked) == {"GPUS", "DENOISER_GPUS", "1"}
    assert asked.count("1") == 1
