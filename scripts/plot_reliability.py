"""Draw how often classes are right against how probable they are said to be."""

from morphovote.classify import calibration
from morphovote.logs import rule_log
from morphovote.report.figures import classes, style
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    checks = calibration.read_checks(snakemake.input.held_out)
    figure, numbers = classes.plot_reliability(checks)
    save_numbers(numbers, snakemake.output.table)
    style.save_figure(figure, snakemake.output.figure)
