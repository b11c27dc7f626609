"""Vote on every galaxy of the field."""

from morphovote.logs import rule_log
from morphovote.voting import cast_votes_file

with rule_log(snakemake.log[0]):
    cast_votes_file(snakemake.input.components, snakemake.input.voters, snakemake.output[0])
