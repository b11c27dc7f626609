"""Repeat the vote with many numbers of groups, compare each with a null, recommend one."""

from morphovote.logs import rule_log
from morphovote.vote.group_number import choose_groups_file

with rule_log(snakemake.log[0]):
    choose_groups_file(
        snakemake.input.components,
        snakemake.output[0],
        agreement=snakemake.params.agreement,
        seed=snakemake.params.seed,
    )
