"""Unpack the archive of a frozen model, all of it or nothing."""

from morphovote.archives import unpack_model
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    unpack_model(snakemake.input.archive, snakemake.params.folder)
