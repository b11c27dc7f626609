"""Draw a t-SNE map of the components, by class and by vote fraction."""

from morphovote.catalogue.reading import read_catalogue
from morphovote.logs import log, rule_log
from morphovote.report import diagnostics
from morphovote.report.figures import style, vote
from morphovote.storage import shards
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    catalogue = read_catalogue(snakemake.input.catalogue)
    components = shards.read_shard(snakemake.input.components, ["row", "component"])
    log.info("laying out at most %d of %d galaxies", diagnostics.MAP, len(components["row"]))
    index, position = diagnostics.embed_tsne(components["component"], snakemake.params.seed)
    figure, numbers = vote.plot_tsne(catalogue, components["row"][index], position)
    save_numbers(numbers, snakemake.output.table)
    style.save_figure(figure, snakemake.output.figure)
