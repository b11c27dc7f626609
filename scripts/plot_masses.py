"""Draw half-light radius in kpc and Sersic index against stellar mass, by class."""

from morphovote.catalogue.reading import read_catalogue, read_sources
from morphovote.logs import rule_log
from morphovote.report.figures import sizes, style
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    catalogue = read_catalogue(snakemake.input.catalogue)
    sources = read_sources(snakemake.input.sources)
    figure, numbers = sizes.plot_masses(catalogue, sources, snakemake.params.massive)
    save_numbers(numbers, snakemake.output.table)
    style.save_figure(figure, snakemake.output.figure)
