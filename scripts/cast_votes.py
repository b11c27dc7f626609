"""Vote on every galaxy of the field."""

from morphovote.logs import rule_log
from morphovote.vote.schemes import SCHEMES

with rule_log(snakemake.log[0]):
    SCHEMES[snakemake.params.scheme].cast_file(
        snakemake.input.components,
        snakemake.input.voters,
        snakemake.input.confidence,
        snakemake.output[0],
    )
