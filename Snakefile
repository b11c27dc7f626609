# morphovote: galaxy morphology without labels.
#
# Survey images -> cutouts -> denoised -> polar -> embeddings -> components -> votes -> classes,
# and beside them the measurements; all of it becomes a catalogue, figures and a report.
# The stages are included below in the order in which the data flow through them.
import sys

from snakemake.utils import min_version

min_version("9.0")


configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/field.smk"
include: "workflow/rules/denoise.smk"
include: "workflow/rules/polar.smk"
include: "workflow/rules/encode.smk"
include: "workflow/rules/reduce.smk"
include: "workflow/rules/vote.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/classify.smk"
include: "workflow/rules/catalogue.smk"
include: "workflow/rules/diagnose.smk"


localrules:
    all,
    fetch_encoder,


rule all:
    """Catalogue, summary and report of every field in the config."""
    default_target: True
    input:
        expand("results/{field}/catalogue.fits", field=FIELDS),
        expand("results/{field}/summary.json", field=FIELDS),
        expand("results/{field}/report.html", field=FIELDS),


onsuccess:
    for field in FIELDS:
        if Path(f"results/{field}/report.html").exists():
            print(
                f"\n{field}: the catalogue is results/{field}/catalogue.fits (also .parquet, .vot)"
            )
            print(f"{field}: the report is results/{field}/report.html")
