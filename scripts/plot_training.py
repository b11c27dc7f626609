"""Draw the denoiser's loss curve."""

from morphovote import plotting, plotting_vote
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    history = plotting_vote.read_history(snakemake.input.history)
    figure, numbers = plotting_vote.plot_training(history)
    plotting.save_numbers(numbers, snakemake.output.table)
    plotting.save_figure(figure, snakemake.output.figure)
