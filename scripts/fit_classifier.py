"""Train a classifier on the galaxies that the vote kept."""

from morphovote.classify.assignment import fit_classifier_file
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    fit_classifier_file(
        snakemake.input.votes,
        snakemake.input.names,
        snakemake.input.components,
        snakemake.output.classifier,
        snakemake.output.held_out,
        anchors=snakemake.input.anchors,
        checked=next(iter(snakemake.input.get("checked", [])), None),
    )
