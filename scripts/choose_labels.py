"""List the galaxies to classify by eye next: half at random, half where a label teaches most."""

from morphovote.classify.choosing import choose_labels_file
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    choose_labels_file(
        snakemake.input.classes,
        snakemake.input.components,
        snakemake.input.names,
        snakemake.input.get("labels", []),
        snakemake.output[0],
    )
