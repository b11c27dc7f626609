"""Draw what the vote finds with each number of groups, beside its null."""

from morphovote.logs import rule_log
from morphovote.report import summary
from morphovote.report.figures import group_scan, style
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    figure, numbers = group_scan.plot_groups(summary.read_json(snakemake.input.scan))
    save_numbers(numbers, snakemake.output.table)
    style.save_figure(figure, snakemake.output.figure)
