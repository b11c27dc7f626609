"""Build the page on which people name the groups, with images and numbers of every group."""

import numpy as np

from morphovote.checks.confounders import summarise_audit
from morphovote.logs import rule_log
from morphovote.report import naming_page, stamps
from morphovote.storage.files import write_text
from morphovote.storage.model_folder import read_names
from morphovote.storage.numbers import read_rows

with rule_log(snakemake.log[0]):
    members = naming_page.read_members(snakemake.input.catalogue, snakemake.input.sources)
    distance = stamps.read_distances(snakemake.input.votes, len(members))
    names = read_names(snakemake.input.names)
    chosen = naming_page.choose_members(members, distance, len(names["groups"]))
    shown = np.unique(np.concatenate([rows[rows >= 0] for rows in chosen.values()]))
    pictures = [
        stamps.read_stamps(snakemake.input[stage], array, shown)
        for stage, array in (("cutouts", "image"), ("denoised", "image"), ("cutouts", "rms"))
    ]
    audit = summarise_audit(read_rows(snakemake.input.confounders), [])
    page = naming_page.render_naming_page(
        snakemake.input.template,
        snakemake.input.styles,
        snakemake.input.scripts,
        naming_page.page_data(snakemake.wildcards.field, members, chosen, names, audit["marked"]),
        {number: naming_page.draw_sprite(rows, *pictures) for number, rows in chosen.items()},
    )
    write_text(snakemake.output[0], page)
