# What every stage needs: the checked config, and the paths that depend on it.
import json
import os
from pathlib import Path

ROOT = Path(workflow.current_basedir).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from morphovote.config import complete_config
from morphovote.errors import InputError
from morphovote.provenance import code_digest as digest_of_scripts

try:
    config = complete_config(config, ROOT / "workflow/schemas/config.schema.yaml")
except InputError as error:
    sys.exit(f"ERROR: {error}")

FIELDS = config["fields"]

# Threads that wait for each other sleep instead of spinning: on a shared machine spinning makes
# PyTorch several times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


wildcard_constraints:
    field="[^/]+",
    shard=r"\d{5}",


def code_digest(*rules):
    """Digest of the library code behind rules' scripts."""
    return digest_of_scripts(*(ROOT / "scripts" / f"{rule}.py" for rule in rules))


def field_entry(key):
    """Input or params function: one entry of the field's configuration."""
    return lambda wildcards: FIELDS[wildcards.field][key]


def shards_of(stage):
    """Input function: every shard of a stage, once the sources have been counted."""

    def paths(wildcards):
        listing = checkpoints.list_sources.get(field=wildcards.field).output.shards
        with open(listing) as file:
            count = json.load(file)["shards"]
        return [f"results/{wildcards.field}/{stage}/{i:05d}.h5" for i in range(count)]

    return paths


def model_file(name):
    """Input function: a file of the field's model, its own or the frozen one it uses."""

    def path(wildcards):
        folder = FIELDS[wildcards.field]["model"] or f"results/{wildcards.field}/model"
        return f"{folder}/{name}"

    return path


def figures_of(wildcards):
    """Input function: the figures of a field, in the order of the report."""
    names = ["votes", "galleries", "tsne", "structure", "sizes", "colours"]
    if FIELDS[wildcards.field]["model"] is None:
        names.append("training")
    return [f"results/{wildcards.field}/figures/{name}.png" for name in names]
