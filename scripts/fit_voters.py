"""Cluster bags of a reference sample of the field and bring the voters to one numbering."""

from morphovote.logs import rule_log
from morphovote.voting import fit_voters_file

with rule_log(snakemake.log[0]):
    fit_voters_file(
        snakemake.input.components,
        snakemake.output[0],
        groups=snakemake.params.groups,
        agreement=snakemake.params.agreement,
        seed=snakemake.params.seed,
        voters=snakemake.params.voters,
        threads=snakemake.threads,
    )
