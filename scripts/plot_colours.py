"""Draw the UVJ diagram by redshift, where the source catalogue has the colours."""

from morphovote import diagnostics, plotting, plotting_population
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    catalogue = diagnostics.read_catalogue(snakemake.input.catalogue)
    sources = diagnostics.read_sources(snakemake.input.sources)
    figure, numbers = plotting_population.plot_colours(catalogue, sources)
    plotting.save_numbers(numbers, snakemake.output.table)
    plotting.save_figure(figure, snakemake.output.figure)
