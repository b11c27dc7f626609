"""Draw which galaxies keep their place and group when turned, noisier or blurred."""

from morphovote import plotting, plotting_stability, shards
from morphovote.logs import rule_log
from morphovote.stability_scores import summarise_stability

with rule_log(snakemake.log[0]):
    table = shards.read_shard(snakemake.input.stability)
    found = summarise_stability(table, shards.read_attributes(snakemake.input.stability))
    figure, numbers = plotting_stability.plot_stability(table, found)
    plotting.save_numbers(numbers, snakemake.output.table)
    plotting.save_figure(figure, snakemake.output.figure)
