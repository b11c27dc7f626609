"""Draw Gini against M20 and concentration against asymmetry, by class."""

from morphovote import diagnostics, plotting, plotting_catalogue
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    catalogue = diagnostics.read_catalogue(snakemake.input.catalogue)
    figure, numbers = plotting_catalogue.plot_structure(catalogue)
    plotting.save_numbers(numbers, snakemake.output.table)
    plotting.save_figure(figure, snakemake.output.figure)
