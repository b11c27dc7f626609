"""Build the page on which people look at the galaxies: map, pictures, numbers and labels."""

from pathlib import Path

from morphovote.logs import log, rule_log
from morphovote.report import atlas, explore_page
from morphovote.storage.files import write_text
from morphovote.storage.model_folder import read_names

with rule_log(snakemake.log[0]):
    given = snakemake.input
    index, position = explore_page.read_map(given.map, given.components, snakemake.params.seed)
    shown = explore_page.read_shown(given.neighbours, given.components, index, position)
    # "explore.html" has its pictures, if very many, in the folder "explore" beside it.
    folder = Path(snakemake.output[0]).with_suffix("")
    pictures = atlas.build_atlas(given.cutouts, given.denoised, shown["row"], folder)
    data = explore_page.page_data(
        snakemake.wildcards.field,
        shown,
        given.catalogue,
        given.sources,
        given.votes,
        read_names(given.names),
        pictures,
        given.to_label,
    )
    page = explore_page.render_explore_page(
        given.template, given.styles, given.scripts, data, pictures
    )
    write_text(snakemake.output[0], page)
    log.info("%d of %d sources, %.1f MB", len(shown["row"]), data["sources"], len(page) / 1e6)
