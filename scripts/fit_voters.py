"""Cluster bags of a reference sample of the field and align the numbering of the voters."""

from morphovote.logs import rule_log
from morphovote.storage.model_files import read_groups
from morphovote.vote.schemes import SCHEMES

with rule_log(snakemake.log[0]):
    params = snakemake.params
    SCHEMES[params.scheme].fit_file(
        snakemake.input.components,
        snakemake.output[0],
        groups=read_groups(params.groups, snakemake.input.get("groups", [])),
        agreement=params.agreement,
        seed=params.seed,
        voters=params.voters,
        threads=snakemake.threads,
    )
