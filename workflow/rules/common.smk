# For every stage: the checked config, and the paths that depend on it.
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.current_basedir).parents[1]

from morphovote.config.bands import CHOICE
from morphovote.config.check import check_galaxies
from morphovote.config.files import split_plane
from morphovote.config.resolve import complete_config
from morphovote.errors import InputError
from morphovote.fields.checks import check_psfs
from morphovote.groups.names import check_vote_of, marks_of
from morphovote.storage.digests import PACKAGE
from morphovote.storage.digests import code_digest as digest_of_scripts
from morphovote.storage.digests import file_stamp
from morphovote.storage.unpacked import FOLDER

# Paths of files that the config refers to and rules write: one list for the rules and the check.
PLACES = yaml.safe_load((ROOT / "workflow/places.yaml").read_text(encoding="utf-8"))

try:
    config = complete_config(config, ROOT / "workflow/schemas/config.schema.yaml", PLACES)
    check_psfs(config["fields"])
    # Only the joins and splits of the file of names: a new class alone must not rerun the vote.
    fits = any(field["model"] is None for field in config["fields"].values())
    MARKS = marks_of(config["classes"]["names"], config["voting"]["groups"] if fits else None)
    own = [name for name, field in config["fields"].items() if field["model"] is None]
    models = {name: PLACES["model"].format(field=name) for name in own}
    check_vote_of(config["classes"]["names"], models, config)
except InputError as error:
    sys.exit(f"ERROR: {error}")

FIELDS = config["fields"]

# Entries of a field that say how its files are read.
CHECKED = (
    "kind pattern images rms weight psf planes psf_plane psfs psf_oversampling catalogue columns "
    "select missing pixel_origin pixel_scale zero_point bands band rest_frame rest_frame_within match_bands detect physical unmatched unmatched_columns labels model"
).split()
# Where jobs unpack gzipped images, each once; gone when the run ends.
UNPACKED = os.path.abspath(f"{PLACES['results']}/.unpacked")
os.environ[FOLDER] = UNPACKED

# Waiting threads sleep instead of spinning: on a shared machine, spinning makes PyTorch several
# times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def count_gpus():
    """Number of GPUs for a job that can use one: 1, or 0 on a Slurm cluster without GPUs."""
    if shutil.which("sinfo") is None:
        return 1
    command = ["sinfo", "--noheader", "--format=%G"]
    shown = subprocess.run(command, capture_output=True, text=True)
    return int(shown.returncode != 0 or "gpu" in shown.stdout)


GPUS = count_gpus()

# Threads of a job on one shard: fewer for small shards.
SHARD_THREADS = min(16, 1 + config["shard_size"] // 250)


# Only fields of this config: the model that another run has left under results/ is a file as any.
wildcard_constraints:
    field="|".join(map(re.escape, FIELDS)) or "[^/]+",
    shard=r"\d{5}",


def shard_mb():
    """Size (MB) of a shard's cutouts: 4 bytes per pixel for image and noise map, 1 for the mask."""
    return 9 * config["shard_size"] * config["cutout"]["size"] ** 2 // 1_000_000


def code_digest(*rules):
    """Digest of the library code that rules' scripts import; library modules may be named too."""
    # In an installed package the library is not beside the scripts.
    places = (
        PACKAGE.parent if rule.startswith(PACKAGE.name) else ROOT / "scripts" for rule in rules
    )
    return digest_of_scripts(*(place / f"{rule}.py" for place, rule in zip(places, rules)))


def field_entry(key):
    """Input or params function: one entry of the field's config."""
    return lambda wildcards: FIELDS[wildcards.field][key]


def repeatable_config(wildcards):
    """Params function: the config that repeats a field's run, with every default written out."""
    asked = {key: value for key, value in config.items() if key != "similar_to"}
    return asked | {"fields": {wildcards.field: FIELDS[wildcards.field]["given"]}}


def band_measurements_of(wildcards):
    """Input function: shards measured in every band, if the config asks for them."""
    there = FIELDS[wildcards.field]["bands"] and config["measure"]["bands"] == "all"
    return shards_of("band_measurements")(wildcards) if there else []


def physical_catalogue(wildcards):
    """Input function: the catalogue of physical properties to match with a field."""
    return FIELDS[wildcards.field]["physical"]["catalogue"]


def files_to_check(wildcards):
    """Input function: the files of a field that its config names, or that are downloaded."""
    field = FIELDS[wildcards.field]
    physical = [field["physical"]["catalogue"]] if field["physical"] else []
    catalogue = field["unmatched" if physical else "catalogue"]
    own = [path for key in ("images", "rms", "weight", "psf") for path in field[key]]
    own += own_psfs(wildcards)
    return own + ([] if field["detect"] else catalogue) + physical + field["labels"]


def detected_in(key):
    """Input or params function: an entry of the band in which sources are detected, or the field."""

    def entry(wildcards):
        field = FIELDS[wildcards.field]
        own = [band for band in field["bands"] or [] if band["name"] == field["band"]]
        return (own[0] if own else field)[key]

    return entry


def band_choice(wildcards):
    """Params function: what says in which band each galaxy of a field is taken."""
    return {key: FIELDS[wildcards.field][key] for key in CHOICE}


def own_psfs(wildcards):
    """Input function: the PSFs of a field's images, where each image has one of its own."""
    return [split_plane(path)[0] for path in FIELDS[wildcards.field]["psfs"]]


def checked_entries(wildcards):
    """Params function: what the check of a field's files needs of its config."""
    return {key: value for key, value in FIELDS[wildcards.field].items() if key in CHECKED}


def given_files(*inputs):
    """Params function: digest of the user's files among inputs, which changes when they do."""

    def stamp(wildcards):
        paths = []
        for given in inputs:
            found = given(wildcards) if callable(given) else given
            paths += [found] if isinstance(found, str) else found
        return file_stamp(path for path in paths if not path.startswith("results/"))

    return stamp


def shards_of(stage):
    """Input function: all shards of a stage, once the sources have been counted."""

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
    """Input function: a file of the model that a field uses, its own or a frozen one."""

    def path(wildcards):
        folder = FIELDS[wildcards.field]["model"] or PLACES["model"].format(field=wildcards.field)
        return f"{folder}/{name}"

    return path


# Scheme of each step, for rules that take galaxies through the whole chain.
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
    """Input function: the file with the number of groups, unless the config gives it."""
    model = FIELDS[wildcards.field]["model"]
    if model is not None:
        return [f"{model}/voters.h5"]
    if config["voting"]["groups"] == "auto":
        return [f"results/{wildcards.field}/group_scan.json"]
    return []


def encoder_file(name):
    """Input function: a file of the encoder, from the frozen model if it has one, or this run."""

    def path(wildcards):
        folder = FIELDS[wildcards.field]["model"]
        brings = folder is not None and (
            FIELDS[wildcards.field]["archive"] or (Path(folder) / name).is_file()
        )
        return f"{folder if brings else 'results/encoder'}/{name}"

    return path


def sky_of(entry):
    """Input function: the sky of a field's images, where the field's entry of that name has one."""

    def files(wildcards):
        return [f"results/{wildcards.field}/sky.h5"] if FIELDS[wildcards.field][entry] else []

    return files


def transfer_of(wildcards):
    """Input function: the check of a field's frozen model, if it uses one."""
    own = FIELDS[wildcards.field]["model"] is None
    return [] if own else [f"results/{wildcards.field}/transfer.json"]


def held_out_of(wildcards):
    """Input function: held-out galaxies of the field to which the classifier was fitted."""
    model = FIELDS[wildcards.field]["model"]
    if model is None:
        return f"results/{wildcards.field}/held_out.h5"
    parts = Path(model).parts
    # A model unpacked from an archive lies under results/ too, but was not fitted there.
    fitted_here = parts[0::2] == ("results", "model") and parts[1] in FIELDS
    return f"results/{parts[1]}/held_out.h5" if fitted_here else []


def files_given(wildcards):
    """Input function: files with the galaxies to which similar ones are sought."""
    return list(config["similar_to"]["files"]) if config["similar_to"] else []


def labels_of(wildcards):
    """Input function: what the labels of a field tell, if it has some and fits its own model."""
    field = FIELDS[wildcards.field]
    there = field["labels"] and field["model"] is None
    return [f"results/{wildcards.field}/labels.json"] if there else []
