"""Draw vote fraction and kept fraction against magnitude and signal-to-noise ratio."""

from morphovote import diagnostics, plotting, plotting_population
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    catalogue = diagnostics.read_catalogue(snakemake.input.catalogue)
    sources = diagnostics.read_sources(snakemake.input.sources)
    figure, numbers = plotting_population.plot_depth(catalogue, sources)
    plotting.save_numbers(numbers, snakemake.output.table)
    plotting.save_figure(figure, snakemake.output.figure)
