"""Draw the kept fraction beside the null's, and the vote fractions."""

from morphovote import diagnostics, plotting, plotting_vote, summary
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    catalogue = diagnostics.read_catalogue(snakemake.input.catalogue)
    controls = summary.read_json(snakemake.input.controls)
    figure, numbers = plotting_vote.plot_votes(catalogue, controls)
    plotting.save_numbers(numbers, snakemake.output.table)
    plotting.save_figure(figure, snakemake.output.figure)
