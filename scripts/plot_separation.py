"""Test how the classes differ in what was measured, and draw the effect sizes."""

from astropy.table import Table

from morphovote import diagnostics, plotting, plotting_tests, separation
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    catalogue = diagnostics.read_catalogue(snakemake.input.catalogue)
    sources = diagnostics.read_sources(snakemake.input.sources)
    samples = separation.choose_samples(sources, snakemake.params.massive)
    values = separation.measured_values(catalogue, sources)
    tests = separation.compare_classes(catalogue["CLASS"], values, samples)
    plotting.save_numbers(tests, snakemake.output.table)
    ordering = Table(separation.check_ordering(tests))
    plotting.save_numbers(ordering, snakemake.output.ordering)
    plotting.save_figure(plotting_tests.plot_separation(tests), snakemake.output.figure)
