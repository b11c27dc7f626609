"""Draw the share of each class by redshift and by stellar mass."""

from morphovote.catalogue.reading import read_catalogue, read_sources
from morphovote.checks.class_tests import choose_samples
from morphovote.logs import rule_log
from morphovote.report.figures import population, style
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    catalogue = read_catalogue(snakemake.input.catalogue)
    sources = read_sources(snakemake.input.sources)
    samples = choose_samples(sources, snakemake.params.massive)
    figure, numbers = population.plot_fractions(catalogue, sources, samples)
    save_numbers(numbers, snakemake.output.table)
    style.save_figure(figure, snakemake.output.figure)
