"""Draw how well brightness, size, place and the like alone tell the groups."""

from morphovote.logs import rule_log
from morphovote.report.figures import effects, style
from morphovote.report.summary import read_names
from morphovote.storage.numbers import read_numbers

with rule_log(snakemake.log[0]):
    groups, overall = (read_numbers(snakemake.input[name]) for name in ("groups", "overall"))
    entries = read_names(snakemake.input.names)["groups"]
    names = {number: entry["class"] for number, entry in entries.items()}
    figure = effects.plot_confounders(overall, groups, names)
    style.save_figure(figure, snakemake.output.figure)
