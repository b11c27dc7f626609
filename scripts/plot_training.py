"""Draw the denoiser's loss curve."""

from morphovote.logs import rule_log
from morphovote.report.figures import style, vote
from morphovote.storage.numbers import save_numbers

with rule_log(snakemake.log[0]):
    history = vote.read_history(snakemake.input.history)
    figure, numbers = vote.plot_training(history)
    save_numbers(numbers, snakemake.output.table)
    style.save_figure(figure, snakemake.output.figure)
