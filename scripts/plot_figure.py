"""Draw the figure of the rule that runs this script, and write the numbers behind it."""

from importlib import import_module

from morphovote.logs import rule_log
from morphovote.report.figures import style
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    module = import_module(f"morphovote.report.figures.{snakemake.params.figure}")
    figure, numbers = module.draw(**dict(snakemake.input.items()), **snakemake.params.settings)
    if numbers is not None:
        save_numbers(numbers, snakemake.output.table)
    style.save_figure(figure, snakemake.output.figure)
