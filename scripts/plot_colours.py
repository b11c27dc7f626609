"""Draw the UVJ diagram by redshift, where the source catalogue has the colours."""

from morphovote.catalogue.reading import read_catalogue, read_sources
from morphovote.logs import rule_log
from morphovote.report.figures import population, style
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    catalogue = read_catalogue(snakemake.input.catalogue)
    sources = read_sources(snakemake.input.sources)
    figure, numbers = population.plot_colours(catalogue, sources)
    save_numbers(numbers, snakemake.output.table)
    style.save_figure(figure, snakemake.output.figure)
