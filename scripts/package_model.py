"""Pack a model and its encoder into one archive."""

from morphovote.logs import rule_log
from morphovote.model.archive import pack_model

with rule_log(snakemake.log[0]):
    pack_model(snakemake.input, snakemake.output[0])
