"""Draw how far a field lies from the reference of its frozen model."""

from morphovote import plotting, plotting_shift, summary
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    figure, numbers = plotting_shift.plot_shift(summary.read_json(snakemake.input.shift))
    plotting.save_numbers(numbers, snakemake.output.table)
    plotting.save_figure(figure, snakemake.output.figure)
