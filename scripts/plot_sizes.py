"""Draw the distributions of Sersic index and effective radius, by class."""

from morphovote.catalogue.reading import read_catalogue, read_sources
from morphovote.checks.class_tests import choose_samples
from morphovote.logs import rule_log
from morphovote.report.figures import sizes, style
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    catalogue = read_catalogue(snakemake.input.catalogue)
    sources = read_sources(snakemake.input.sources)
    samples = choose_samples(sources, snakemake.params.massive)
    figure, numbers = sizes.plot_sizes(catalogue, samples)
    save_numbers(numbers, snakemake.output.table)
    style.save_figure(figure, snakemake.output.figure)
