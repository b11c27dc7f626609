"""Unpack the archive of a frozen model, completely or not at all."""

from morphovote.logs import rule_log
from morphovote.model.archive import unpack_model

with rule_log(snakemake.log[0]):
    unpack_model(snakemake.input.archive, snakemake.params.folder)
