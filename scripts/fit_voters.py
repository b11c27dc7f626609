"""Cluster bags of a reference sample of the field and bring the voters to one numbering."""

from morphovote.logs import rule_log
from morphovote.storage.model_files import read_groups
from morphovote.vote import bagged, unanimous

with rule_log(snakemake.log[0]):
    components, output, params = snakemake.input.components, snakemake.output[0], snakemake.params
    groups = read_groups(params.groups, snakemake.input.get("groups", []))
    if params.scheme == "published":
        unanimous.fit_voters_file(components, output, groups, params.seed)
    else:
        bagged.fit_voters_file(
            components,
            output,
            groups=groups,
            agreement=params.agreement,
            seed=params.seed,
            voters=params.voters,
            threads=snakemake.threads,
        )
