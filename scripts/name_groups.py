"""Give each group a class: from a file of names, or suggested from the measurements."""

from morphovote.groups.rematching import name_groups_file
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    name_groups_file(
        snakemake.input.votes,
        snakemake.input.measurements,
        snakemake.input.cutouts,
        snakemake.input.groups,
        snakemake.output[0],
        names=snakemake.input.names[0] if snakemake.input.get("names") else None,
        anchors=snakemake.input.anchors,
        components=snakemake.input.components,
    )
