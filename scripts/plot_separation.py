"""Test how the classes differ in what was measured, and draw the effect sizes."""

from astropy.table import Table

from morphovote.catalogue.reading import read_catalogue, read_sources
from morphovote.checks import class_tests
from morphovote.logs import rule_log
from morphovote.report.figures import effects, style

with rule_log(snakemake.log[0]):
    catalogue = read_catalogue(snakemake.input.catalogue)
    sources = read_sources(snakemake.input.sources)
    samples = class_tests.choose_samples(sources, snakemake.params.massive)
    values = class_tests.measured_values(catalogue, sources)
    tests = class_tests.compare_classes(catalogue["CLASS"], values, samples)
    style.save_numbers(tests, snakemake.output.table)
    ordering = Table(class_tests.check_ordering(tests))
    style.save_numbers(ordering, snakemake.output.ordering)
    style.save_figure(effects.plot_separation(tests), snakemake.output.figure)
