"""Draw what is recovered of injected galaxies, by magnitude, size and class."""

from morphovote import plotting, plotting_classes, shards
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    path = snakemake.input.injections
    found, attributes = shards.read_shard(path), shards.read_attributes(path)
    figure, numbers = plotting_classes.plot_completeness(found, str(attributes["missing"]))
    plotting.save_numbers(numbers, snakemake.output.table)
    plotting.save_figure(figure, snakemake.output.figure)
