"""Train the classifier: on anchors and labels, or on the galaxies that the vote kept."""

from morphovote.classify.fitting import fit_classifier_file
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    fit_classifier_file(
        snakemake.input.votes,
        snakemake.input.names,
        snakemake.input.components,
        snakemake.output.classifier,
        snakemake.output.held_out,
        labels=snakemake.input.get("labels", []),
        anchors=snakemake.input.anchors,
    )
