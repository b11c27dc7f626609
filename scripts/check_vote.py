"""Compare the vote with a structureless null and other seeds, and the voters with each other."""

from morphovote.logs import rule_log
from morphovote.storage.model_files import read_groups
from morphovote.vote.controls import check_vote_file

with rule_log(snakemake.log[0]):
    check_vote_file(
        snakemake.input.components,
        snakemake.output.controls,
        snakemake.output.seeds,
        scheme=snakemake.params.scheme,
        groups=read_groups(snakemake.params.groups, snakemake.input.get("groups", [])),
        agreement=snakemake.params.agreement,
        seed=snakemake.params.seed,
        voters=snakemake.params.voters,
        threads=snakemake.threads,
    )
