"""Calibrate errors of parameters and correct them, by anchors that were measured."""

from morphovote.logs import rule_log
from morphovote.measure.calibration_table import calibrate_file

with rule_log(snakemake.log[0]):
    calibrate_file(snakemake.input[0], snakemake.output.model, snakemake.output.table)
