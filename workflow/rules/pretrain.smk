# Takes: config/pretrain.yaml only. Leaves: an encoder trained on simulated galaxies.
# A separate workflow, because it runs once for all fields:
#   snakemake --snakefile workflow/rules/pretrain.smk --configfile config/pretrain.yaml --cores 2
import os
import sys
from pathlib import Path

ROOT = Path(workflow.current_basedir).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from morphovote.errors import InputError
from morphovote.pretrain.training import complete_settings
from morphovote.storage.digests import code_digest as digest_of_scripts

try:
    SETTINGS = complete_settings(config)
except InputError as error:
    sys.exit(f"ERROR: {error}")

# As in the main workflow, waiting threads sleep.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

FOLDER = SETTINGS["output"]


rule pretrained_encoder:
    """The encoder, its card and its loss curve."""
    default_target: True
    input:
        f"{FOLDER}/encoder.safetensors",
        f"{FOLDER}/encoder.json",
        f"{FOLDER}/curve.csv",


rule simulate_training_set:
    """Simulate the validation set, as seen by surveys that training never uses."""
    output:
        f"{FOLDER}/validation.h5",
    log:
        f"{FOLDER}/logs/simulate_training_set.log",
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=digest_of_scripts(ROOT / "scripts/simulate_training_set.py"),
        galaxies=SETTINGS["validation"],
    script:
        "../../scripts/simulate_training_set.py"


rule train_encoder:
    """Train an encoder on galaxies that are simulated during training."""
    input:
        validation=f"{FOLDER}/validation.h5",
    output:
        weights=f"{FOLDER}/encoder.safetensors",
        card=f"{FOLDER}/encoder.json",
        curve=f"{FOLDER}/curve.csv",
    log:
        f"{FOLDER}/logs/train_encoder.log",
    benchmark:
        f"{FOLDER}/benchmarks/train_encoder.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 2
    resources:
        gpu=1,
    params:
        code=digest_of_scripts(ROOT / "scripts/train_encoder.py"),
        settings={key: SETTINGS[key] for key in SETTINGS if key not in ("output", "validation")},
        # Not an output, so that an interrupted run can resume from it.
        checkpoint=f"{FOLDER}/checkpoint",
    script:
        "../../scripts/train_encoder.py"
