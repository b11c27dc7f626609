"""Simulate a survey's images and catalogue of one field; write the truth separately."""

from morphovote.logs import rule_log
from morphovote.simulate.survey import simulate_field, write_field

with rule_log(snakemake.log[0]):
    field = simulate_field(snakemake.params.galaxies, snakemake.params.seed)
    write_field(field, dict(snakemake.output.items()))
