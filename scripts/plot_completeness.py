"""Draw what is recovered of injected galaxies, by magnitude, size and class."""

from morphovote.logs import rule_log
from morphovote.report.figures import classes, style
from morphovote.storage import shards
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    path = snakemake.input.injections
    found, attributes = shards.read_shard(path), shards.read_attributes(path)
    figure, numbers = classes.plot_completeness(found, str(attributes["missing"]))
    save_numbers(numbers, snakemake.output.table)
    style.save_figure(figure, snakemake.output.figure)
