"""Draw vote fraction and kept fraction against magnitude and signal-to-noise ratio."""

from morphovote.logs import rule_log
from morphovote.report import diagnostics
from morphovote.report.figures import population, style

with rule_log(snakemake.log[0]):
    catalogue = diagnostics.read_catalogue(snakemake.input.catalogue)
    sources = diagnostics.read_sources(snakemake.input.sources)
    figure, numbers = population.plot_depth(catalogue, sources)
    style.save_numbers(numbers, snakemake.output.table)
    style.save_figure(figure, snakemake.output.figure)
