"""Join and split the vote's groups as the file of names says."""

from morphovote.groups import regrouping
from morphovote.logs import rule_log
from morphovote.vote import unanimous

with rule_log(snakemake.log[0]):
    names = snakemake.input.names[0] if snakemake.input.get("names") else None
    files = (snakemake.input.voters, snakemake.output.voters, snakemake.output.groups, names)
    if snakemake.params.scheme == "published":
        unanimous.regroup_voters_file(*files)
    else:
        regrouping.regroup_voters_file(
            *files, seed=snakemake.params.seed, threads=snakemake.threads
        )
