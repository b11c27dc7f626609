"""Draw half-light radius in kpc and Sersic index against stellar mass, by class."""

from morphovote.logs import rule_log
from morphovote.report import diagnostics
from morphovote.report.figures import sizes, style

with rule_log(snakemake.log[0]):
    catalogue = diagnostics.read_catalogue(snakemake.input.catalogue)
    sources = diagnostics.read_sources(snakemake.input.sources)
    figure, numbers = sizes.plot_masses(catalogue, sources, snakemake.params.massive)
    style.save_numbers(numbers, snakemake.output.table)
    style.save_figure(figure, snakemake.output.figure)
