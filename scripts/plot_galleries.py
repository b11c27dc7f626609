"""Draw the most typical and the most doubtful members of every group, and members of each class."""

from morphovote import diagnostics, plotting, plotting_galleries
from morphovote.logs import rule_log
from morphovote.summary import read_names

with rule_log(snakemake.log[0]):
    catalogue = diagnostics.read_catalogue(snakemake.input.catalogue)
    distance = plotting_galleries.read_distances(snakemake.input.votes, len(catalogue))
    groups = read_names(snakemake.input.names)["groups"]
    names = {number: entry["class"] for number, entry in groups.items()}
    galleries = plotting_galleries.choose_galleries(catalogue, distance, names)
    members = plotting_galleries.choose_class_members(catalogue, snakemake.params.seed)
    rows = plotting_galleries.shown_rows(galleries, members)
    cutouts = plotting_galleries.read_stamps(snakemake.input.cutouts, "image", rows)
    rms = plotting_galleries.read_stamps(snakemake.input.cutouts, "rms", rows)
    denoised = plotting_galleries.read_stamps(snakemake.input.denoised, "image", rows)
    figure, numbers = plotting_galleries.plot_galleries(
        catalogue, galleries, cutouts, denoised, rms
    )
    plotting.save_numbers(numbers, snakemake.output.table)
    plotting.save_figure(figure, snakemake.output.figure)
    figure, numbers = plotting_galleries.plot_class_galleries(catalogue, members, cutouts, rms)
    plotting.save_numbers(numbers, snakemake.output.class_table)
    plotting.save_figure(figure, snakemake.output.class_figure)
