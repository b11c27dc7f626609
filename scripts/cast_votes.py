"""Vote on every galaxy of the field."""

from morphovote.logs import rule_log
from morphovote.vote import bagged, unanimous

with rule_log(snakemake.log[0]):
    vote = unanimous if snakemake.params.scheme == "published" else bagged
    vote.cast_votes_file(
        snakemake.input.components,
        snakemake.input.voters,
        snakemake.input.confidence,
        snakemake.output[0],
    )
