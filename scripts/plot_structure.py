"""Draw Gini against M20, concentration against asymmetry, and the MID statistics, by class."""

from morphovote.catalogue.reading import read_catalogue, read_sources
from morphovote.checks.class_tests import choose_samples
from morphovote.logs import rule_log
from morphovote.report.figures import structure, style
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    catalogue = read_catalogue(snakemake.input.catalogue)
    sources = read_sources(snakemake.input.sources)
    samples = choose_samples(sources, snakemake.params.massive)
    figure, numbers = structure.plot_structure(catalogue, samples)
    save_numbers(numbers, snakemake.output.table)
    style.save_figure(figure, snakemake.output.figure)
    mid = structure.read_mid(snakemake.input.measurements, len(catalogue))
    figure, numbers = structure.plot_mid(catalogue, mid)
    save_numbers(numbers, snakemake.output.mid_table)
    style.save_figure(figure, snakemake.output.mid_figure)
