# Takes: config/pretrain.yaml and, if it names them, folders of real galaxies.
# Leaves: an encoder trained on simulated galaxies and on these.
# A separate workflow, because it runs once for all fields:
#   snakemake --snakefile workflow/rules/pretrain.smk --configfile config/pretrain.yaml --cores 2
import os
import sys
from pathlib import Path

ROOT = Path(workflow.current_basedir).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from morphovote.errors import InputError
from morphovote.pretrain.recipe import complete_settings
from morphovote.storage.digests import code_digest as digest_of_scripts

try:
    SETTINGS = complete_settings(config)
except InputError as error:
    sys.exit(f"ERROR: {error}")

# As in the main workflow, waiting threads sleep.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

FOLDER = SETTINGS["output"]
# Folders of real galaxies by the name of the survey, which is that of the folder.
SURVEYS = {Path(folder).name: folder for folder in SETTINGS["real_sky"]}


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


rule prepare_sky:
    """Cut, denoise and unwrap the real galaxies of one survey."""
    input:
        lambda wildcards: SURVEYS[wildcards.survey],
    output:
        f"{FOLDER}/sky/{{survey}}.h5",
    log:
        f"{FOLDER}/logs/prepare_sky/{{survey}}.log",
    benchmark:
        f"{FOLDER}/benchmarks/prepare_sky/{{survey}}.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 2
    params:
        code=digest_of_scripts(ROOT / "scripts/prepare_sky.py"),
        seed=SETTINGS["seed"],
    script:
        "../../scripts/prepare_sky.py"


rule draw_sky_views:
    """Draw views of these galaxies: as they are, and as they would look further away."""
    input:
        f"{FOLDER}/sky/{{survey}}.h5",
    output:
        f"{FOLDER}/sky/{{survey}}_views.h5",
    log:
        f"{FOLDER}/logs/draw_sky_views/{{survey}}.log",
    benchmark:
        f"{FOLDER}/benchmarks/draw_sky_views/{{survey}}.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=digest_of_scripts(ROOT / "scripts/draw_sky_views.py"),
        seed=SETTINGS["seed"],
    script:
        "../../scripts/draw_sky_views.py"


rule train_encoder:
    """Train an encoder on galaxies that are simulated during training, and on real ones."""
    input:
        validation=f"{FOLDER}/validation.h5",
        sky=expand(f"{FOLDER}/sky/{{survey}}_views.h5", survey=SURVEYS),
        start=[SETTINGS["start"]] if SETTINGS["start"] else [],
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
        settings={
            key: SETTINGS[key]
            for key in SETTINGS
            if key not in ("output", "validation", "real_sky")
        },
        # Not an output, so that an interrupted run can resume from it.
        checkpoint=f"{FOLDER}/checkpoint",
    script:
        "../../scripts/train_encoder.py"
