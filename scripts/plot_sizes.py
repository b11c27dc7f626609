"""Draw the distributions of Sersic index and effective radius, by class."""

from morphovote import diagnostics, plotting, plotting_sizes
from morphovote.logs import rule_log
from morphovote.separation import choose_samples

with rule_log(snakemake.log[0]):
    catalogue = diagnostics.read_catalogue(snakemake.input.catalogue)
    sources = diagnostics.read_sources(snakemake.input.sources)
    samples = choose_samples(sources, snakemake.params.massive)
    figure, numbers = plotting_sizes.plot_sizes(catalogue, samples)
    plotting.save_numbers(numbers, snakemake.output.table)
    plotting.save_figure(figure, snakemake.output.figure)
