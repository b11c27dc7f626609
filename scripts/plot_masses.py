"""Draw half-light radius in kpc and Sersic index against stellar mass, by class."""

from morphovote import diagnostics, plotting, plotting_sizes
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    catalogue = diagnostics.read_catalogue(snakemake.input.catalogue)
    sources = diagnostics.read_sources(snakemake.input.sources)
    figure, numbers = plotting_sizes.plot_masses(catalogue, sources, snakemake.params.massive)
    plotting.save_numbers(numbers, snakemake.output.table)
    plotting.save_figure(figure, snakemake.output.figure)
