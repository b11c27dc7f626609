"""Calibrate vote counts to a confidence, from the votes on galaxies and on the null."""

from morphovote.logs import rule_log
from morphovote.vote.confidence import calibrate_votes_file

with rule_log(snakemake.log[0]):
    calibrate_votes_file(snakemake.input.controls, snakemake.output[0])
