"""Draw which galaxies keep their place and group when turned, noisier or blurred."""

from morphovote.checks.stability_scores import summarise_stability
from morphovote.logs import rule_log
from morphovote.report.figures import stability, style
from morphovote.storage import shards
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    table = shards.read_shard(snakemake.input.stability)
    found = summarise_stability(table, shards.read_attributes(snakemake.input.stability))
    figure, numbers = stability.plot_stability(table, found)
    save_numbers(numbers, snakemake.output.table)
    style.save_figure(figure, snakemake.output.figure)
