"""Give each galaxy a class: from the vote if it is kept, else from the classifier."""

from morphovote.classify.assignment import classify_file
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    classify_file(
        snakemake.input.votes,
        snakemake.input.names,
        snakemake.input.components,
        snakemake.input.classifier,
        snakemake.input.cutouts,
        snakemake.output[0],
        labels=snakemake.input.get("labels", []),
    )
