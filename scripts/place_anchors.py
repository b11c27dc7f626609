"""Project the anchors onto the components, and let the voters vote on them."""

from morphovote.anchors.placing import place_anchors_file
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    given = snakemake.input
    place_anchors_file(
        given.anchors,
        given.pca,
        given.voters,
        given.confidence,
        given.components,
        snakemake.params.scheme,
        snakemake.output[0],
    )
