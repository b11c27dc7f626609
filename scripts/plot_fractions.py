"""Draw the share of each class by redshift and by stellar mass."""

from morphovote import diagnostics, plotting, plotting_population
from morphovote.logs import rule_log
from morphovote.separation import choose_samples

with rule_log(snakemake.log[0]):
    catalogue = diagnostics.read_catalogue(snakemake.input.catalogue)
    sources = diagnostics.read_sources(snakemake.input.sources)
    samples = choose_samples(sources, snakemake.params.massive)
    figure, numbers = plotting_population.plot_fractions(catalogue, sources, samples)
    plotting.save_numbers(numbers, snakemake.output.table)
    plotting.save_figure(figure, snakemake.output.figure)
