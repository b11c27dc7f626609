"""Draw the most typical and the most doubtful members of every group, and members of each class."""

from morphovote.catalogue.reading import read_catalogue
from morphovote.logs import rule_log
from morphovote.report.figures import galleries as galleries_figure
from morphovote.report.figures import style
from morphovote.report.summary import read_names
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    catalogue = read_catalogue(snakemake.input.catalogue)
    distance = galleries_figure.read_distances(snakemake.input.votes, len(catalogue))
    groups = read_names(snakemake.input.names)["groups"]
    names = {number: entry["class"] for number, entry in groups.items()}
    galleries = galleries_figure.choose_galleries(catalogue, distance, names)
    members = galleries_figure.choose_class_members(catalogue, snakemake.params.seed)
    rows = galleries_figure.shown_rows(galleries, members)
    cutouts = galleries_figure.read_stamps(snakemake.input.cutouts, "image", rows)
    rms = galleries_figure.read_stamps(snakemake.input.cutouts, "rms", rows)
    denoised = galleries_figure.read_stamps(snakemake.input.denoised, "image", rows)
    figure, numbers = galleries_figure.plot_galleries(catalogue, galleries, cutouts, denoised, rms)
    save_numbers(numbers, snakemake.output.table)
    style.save_figure(figure, snakemake.output.figure)
    figure, numbers = galleries_figure.plot_class_galleries(catalogue, members, cutouts, rms)
    save_numbers(numbers, snakemake.output.class_table)
    style.save_figure(figure, snakemake.output.class_figure)
