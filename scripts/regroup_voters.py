"""Join and split the groups of the voters as the file of names says."""

from morphovote.groups.regrouping import SCHEMES
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    SCHEMES[snakemake.params.scheme](
        snakemake.input.voters,
        snakemake.output.voters,
        snakemake.output.groups,
        snakemake.input.names[0] if snakemake.input.get("names") else None,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
    )
