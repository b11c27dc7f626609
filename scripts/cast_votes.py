"""Vote on every galaxy of the field."""

from morphovote import published_vote, voting
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    vote = published_vote if snakemake.params.scheme == "published" else voting
    vote.cast_votes_file(
        snakemake.input.components,
        snakemake.input.voters,
        snakemake.input.confidence,
        snakemake.output[0],
    )
