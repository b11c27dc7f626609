"""Audit how well brightness, size, place and the like alone tell the groups, and draw it."""

from morphovote.checks import confounders
from morphovote.logs import rule_log
from morphovote.report.figures import effects, style
from morphovote.report.summary import read_names

with rule_log(snakemake.log[0]):
    values, group = confounders.read_quantities(
        snakemake.input.sources,
        snakemake.input.votes,
        snakemake.input.cutouts,
        snakemake.input.measurements,
        seed=snakemake.params.seed,
    )
    overall, groups = confounders.audit_groups(values, group, seed=snakemake.params.seed)
    style.save_numbers(groups, snakemake.output.table)
    style.save_numbers(overall, snakemake.output.overall)
    entries = read_names(snakemake.input.names)["groups"]
    names = {number: entry["class"] for number, entry in entries.items()}
    figure = effects.plot_confounders(overall, groups, names)
    style.save_figure(figure, snakemake.output.figure)
