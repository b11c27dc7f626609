"""Join and split the vote's groups as the file of names says."""

from morphovote.groups import regrouping
from morphovote.groups.regrouping import relabel_unanimous_file
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    names = snakemake.input.names[0] if snakemake.input.get("names") else None
    files = (snakemake.input.voters, snakemake.output.voters, snakemake.output.groups, names)
    if snakemake.params.scheme == "published":
        relabel_unanimous_file(*files)
    else:
        regrouping.regroup_voters_file(
            *files, seed=snakemake.params.seed, threads=snakemake.threads
        )
