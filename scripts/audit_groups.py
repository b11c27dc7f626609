"""Measure how well brightness, size, position and the like alone predict the groups."""

from morphovote.checks import confounders
from morphovote.logs import rule_log
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    values, group = confounders.read_quantities(
        snakemake.input.sources,
        snakemake.input.votes,
        snakemake.input.cutouts,
        snakemake.input.measurements,
        seed=snakemake.params.seed,
    )
    overall, groups = confounders.audit_groups(values, group, seed=snakemake.params.seed)
    save_numbers(groups, snakemake.output.groups)
    save_numbers(overall, snakemake.output.overall)
