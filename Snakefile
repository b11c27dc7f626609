# morphovote: galaxy morphology without labels.
#
# Survey images -> cutouts -> denoised -> polar -> embeddings -> components -> votes -> classes.
# The cutouts are also measured. The results become a catalogue, figures and a report.
# The stages are included below in the order of the data flow.
import shutil
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")


sys.path.insert(0, str(Path(workflow.current_basedir) / "scripts"))

from morphovote.config.check import check_similar, check_until
from morphovote.config.files import check_config_files
from morphovote.errors import InputError
from morphovote.logs import failures, results

# Snakemake would report that a file is not valid YAML, but not where, and takes the last of two keys.
try:
    own = ["config.yaml"] if Path("config.yaml").is_file() else []
    check_config_files(dict.fromkeys([*own, *workflow.configfiles]))
except InputError as error:
    sys.exit(f"ERROR: {error}")


configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/field.smk"
include: "workflow/rules/frozen.smk"
include: "workflow/rules/denoise.smk"
include: "workflow/rules/polar.smk"
include: "workflow/rules/encode.smk"
include: "workflow/rules/reduce.smk"
include: "workflow/rules/vote.smk"
include: "workflow/rules/anchors.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/classify.smk"
include: "workflow/rules/model.smk"
include: "workflow/rules/catalogue.smk"
include: "workflow/rules/similar.smk"
include: "workflow/rules/check.smk"
include: "workflow/rules/adapt.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


try:
    check_similar(sys.argv, config["similar_to"])
    by_shard = [rule.name for rule in workflow.rules if "shard" in rule.wildcard_names]
    uncounted = [f for f in FIELDS if not Path(f"results/{f}/shards.json").is_file()]
    check_until(sys.argv, by_shard, uncounted)
except InputError as error:
    sys.exit(f"ERROR: {error}")


# What a field leaves for its user.
RESULTS = [
    "catalogue.fits",
    "summary.json",
    "report.html",
    "naming.html",
    "explore.html",
    "to_label.csv",
]


localrules:
    all,
    check_fields,
    similar,
    download_file,
    fetch_encoder,
    unpack_model,
    check_model,


rule all:
    """Catalogue, summary, report, pages and list to label of every field in the config."""
    default_target: True
    input:
        CHECKS,
        expand("results/{field}/{file}", field=FIELDS, file=RESULTS),


onsuccess:
    shutil.rmtree(UNPACKED, ignore_errors=True)
    for line in results(FIELDS, config["similar_to"]):
        print(line)


onerror:
    shutil.rmtree(UNPACKED, ignore_errors=True)
    # Snakemake's own lines have pushed the message up the terminal.
    for message in failures(log):
        print(f"\n{message}")
