# What every stage needs: the checked config, and the paths that depend on it.
import json
import os
import shutil
import subprocess
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.current_basedir).parents[1]

from morphovote.config.check import check_galaxies
from morphovote.config.resolve import complete_config
from morphovote.errors import InputError
from morphovote.fields.checks import check_psfs
from morphovote.groups.names import marks_of
from morphovote.storage.digests import code_digest as digest_of_scripts
from morphovote.storage.digests import file_stamp

# Where rules leave what the config points to: said there once, for the rules and for the check.
PLACES = yaml.safe_load((ROOT / "workflow/places.yaml").read_text(encoding="utf-8"))

try:
    config = complete_config(config, ROOT / "workflow/schemas/config.schema.yaml", PLACES)
    check_psfs(config["fields"])
    # Another class for a group casts no votes anew; other joins and splits do.
    fits = any(field["model"] is None for field in config["fields"].values())
    MARKS = marks_of(config["classes"]["names"], config["voting"]["groups"] if fits else None)
except InputError as error:
    sys.exit(f"ERROR: {error}")

FIELDS = config["fields"]

# Threads that wait for each other sleep instead of spinning: on a shared machine spinning makes
# PyTorch several times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def count_gpus():
    """GPUs of a job that can use one: 1, but none on a Slurm cluster that shows none."""
    if shutil.which("sinfo") is None:
        return 1
    command = ["sinfo", "--noheader", "--format=%G"]
    shown = subprocess.run(command, capture_output=True, text=True)
    return int(shown.returncode != 0 or "gpu" in shown.stdout)


GPUS = count_gpus()

# Jobs that a cluster is given as one; elsewhere Snakemake would only say that it does not group.
FIGURES_JOB = "figures" if shutil.which("sbatch") else None

# Processors of a job on one shard: fewer where there is little for each to do.
SHARD_THREADS = min(16, 1 + config["shard_size"] // 250)


wildcard_constraints:
    field="[^/]+",
    shard=r"\d{5}",


def shard_mb():
    """Megabytes of a shard's cutouts: image and noise map of 4 bytes a pixel, mask of one."""
    return 9 * config["shard_size"] * config["cutout"]["size"] ** 2 // 1_000_000


def code_digest(*rules):
    """Digest of the library code behind rules' scripts; a module of the library counts itself."""
    return digest_of_scripts(*(ROOT / "scripts" / f"{rule}.py" for rule in rules))


def field_entry(key):
    """Input or params function: one entry of the field's configuration."""
    return lambda wildcards: FIELDS[wildcards.field][key]


def repeatable_config(wildcards):
    """Params function: the config that repeats a field's run, every default written out."""
    return config | {"fields": {wildcards.field: FIELDS[wildcards.field]["given"]}}


def physical_catalogue(wildcards):
    """Input function: the catalogue of physical properties that a field is matched with."""
    return FIELDS[wildcards.field]["physical"]["catalogue"]


def given_files(*inputs):
    """Params function: tells the user's files among some inputs from others of the same name."""

    def stamp(wildcards):
        paths = []
        for given in inputs:
            found = given(wildcards) if callable(given) else given
            paths += [found] if isinstance(found, str) else found
        return file_stamp(path for path in paths if not path.startswith("results/"))

    return stamp


def shards_of(stage):
    """Input function: every shard of a stage, once the sources have been counted."""

    def paths(wildcards):
        listing = checkpoints.list_sources.get(field=wildcards.field).output.shards
        with open(listing) as file:
            count = json.load(file)
        field = wildcards.field
        try:
            check_galaxies(field, FIELDS[field], count["galaxies"], config["voting"])
        except InputError as error:
            raise WorkflowError(f"ERROR: {error}") from None
        return [f"results/{field}/{stage}/{i:05d}.h5" for i in range(count["shards"])]

    return paths


def model_file(name):
    """Input function: a file of the field's model, its own or the frozen one it uses."""

    def path(wildcards):
        folder = FIELDS[wildcards.field]["model"] or PLACES["model"].format(field=wildcards.field)
        return f"{folder}/{name}"

    return path


# Which kind of each step galaxies go through in the rules that follow them all the way.
STEPS = {
    "scaling": config["cutout"]["scaling"],
    "denoiser": config["denoiser"]["scheme"],
    "polar": config["polar"]["scheme"],
    "input": config["encoder"]["input"],
    "vote": config["voting"]["scheme"],
    "precision": config["encoder"]["precision"],
    "rotations": config["encoder"]["rotations"],
}


def archive_of(wildcards):
    """Input function: the archive of a field's frozen model."""
    archive = FIELDS[wildcards.field]["archive"]
    if not archive:
        raise ValueError(f"field {wildcards.field} uses no archive")
    return archive[0]


def chosen_groups(wildcards):
    """Input function: the file that knows the number of groups where the config does not."""
    model = FIELDS[wildcards.field]["model"]
    if model is not None:
        return [f"{model}/voters.h5"]
    if config["voting"]["groups"] == "auto":
        return [f"results/{wildcards.field}/group_scan.json"]
    return []


def encoder_file(name):
    """Input function: a file of the encoder, from an archive that brings it or from this run."""

    def path(wildcards):
        folder = FIELDS[wildcards.field]["model"]
        brings = folder is not None and (
            FIELDS[wildcards.field]["archive"] or (Path(folder) / name).is_file()
        )
        return f"{folder if brings else 'results/encoder'}/{name}"

    return path


def transfer_of(wildcards):
    """Input function: the check of a field's frozen model, where it has one."""
    own = FIELDS[wildcards.field]["model"] is None
    return [] if own else [f"results/{wildcards.field}/transfer.json"]
