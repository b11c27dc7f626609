"""Draw how often classes are right against how probable they are said to be."""

from morphovote import calibration, plotting, plotting_classes
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    checks = calibration.read_checks(snakemake.input.held_out)
    figure, numbers = plotting_classes.plot_reliability(checks)
    plotting.save_numbers(numbers, snakemake.output.table)
    plotting.save_figure(figure, snakemake.output.figure)
