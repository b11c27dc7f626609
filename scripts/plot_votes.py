"""Draw the kept fraction beside the null's, and the vote fractions."""

from morphovote.catalogue.reading import read_catalogue
from morphovote.logs import rule_log
from morphovote.report import summary
from morphovote.report.figures import style, vote
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    catalogue = read_catalogue(snakemake.input.catalogue)
    controls = summary.read_json(snakemake.input.controls)
    figure, numbers = vote.plot_votes(catalogue, controls)
    save_numbers(numbers, snakemake.output.table)
    style.save_figure(figure, snakemake.output.figure)
