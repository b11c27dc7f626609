"""Draw the UVJ diagram by redshift, where the source catalogue has the colours."""

from morphovote import diagnostics, plotting, plotting_catalogue
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    catalogue = diagnostics.read_catalogue(snakemake.input.catalogue)
    colours = ("U_V", "V_J", "REDSHIFT")
    sources = diagnostics.read_columns(snakemake.input.sources, colours, "SOURCES")
    figure, numbers = plotting_catalogue.plot_colours(catalogue, sources)
    plotting.save_numbers(numbers, snakemake.output.table)
    plotting.save_figure(figure, snakemake.output.figure)
