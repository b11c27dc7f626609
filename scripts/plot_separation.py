"""Draw the effect sizes between the classes."""

from morphovote.logs import rule_log
from morphovote.report.figures import effects, style
from morphovote.storage.numbers import read_numbers

with rule_log(snakemake.log[0]):
    figure = effects.plot_separation(read_numbers(snakemake.input.tests))
    style.save_figure(figure, snakemake.output.figure)
