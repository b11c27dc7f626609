"""Draw what the vote finds with each number of groups, beside its null."""

from morphovote import plotting, plotting_groups, summary
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    figure, numbers = plotting_groups.plot_groups(summary.read_json(snakemake.input.scan))
    plotting.save_numbers(numbers, snakemake.output.table)
    plotting.save_figure(figure, snakemake.output.figure)
