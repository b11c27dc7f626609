"""Draw Gini against M20, concentration against asymmetry, and the MID statistics, by class."""

from morphovote import diagnostics, plotting, plotting_structure
from morphovote.logs import rule_log
from morphovote.separation import choose_samples

with rule_log(snakemake.log[0]):
    catalogue = diagnostics.read_catalogue(snakemake.input.catalogue)
    sources = diagnostics.read_sources(snakemake.input.sources)
    samples = choose_samples(sources, snakemake.params.massive)
    figure, numbers = plotting_structure.plot_structure(catalogue, samples)
    plotting.save_numbers(numbers, snakemake.output.table)
    plotting.save_figure(figure, snakemake.output.figure)
    mid = plotting_structure.read_mid(snakemake.input.measurements, len(catalogue))
    figure, numbers = plotting_structure.plot_mid(catalogue, mid)
    plotting.save_numbers(numbers, snakemake.output.mid_table)
    plotting.save_figure(figure, snakemake.output.mid_figure)
