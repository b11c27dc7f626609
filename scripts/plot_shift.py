"""Draw how far a field lies from the reference of its frozen model."""

from morphovote.logs import rule_log
from morphovote.report import summary
from morphovote.report.figures import shift, style
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    figure, numbers = shift.plot_shift(summary.read_json(snakemake.input.shift))
    save_numbers(numbers, snakemake.output.table)
    style.save_figure(figure, snakemake.output.figure)
