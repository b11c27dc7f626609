"""Test how the classes differ in measured properties, and whether in the published order."""

from astropy.table import Table

from morphovote.catalogue.reading import read_catalogue, read_properties
from morphovote.checks import class_tests
from morphovote.logs import rule_log
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    catalogue = read_catalogue(snakemake.input.catalogue)
    sources = read_properties(snakemake.input.sources)
    samples = class_tests.choose_samples(sources, snakemake.params.massive)
    values = class_tests.measured_values(catalogue, sources)
    tests = class_tests.compare_classes(catalogue["CLASS"], values, samples)
    save_numbers(tests, snakemake.output.tests)
    save_numbers(Table(class_tests.check_ordering(tests)), snakemake.output.ordering)
