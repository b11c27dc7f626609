"""Pack a model and its encoder into one archive."""

from morphovote.archives import pack_model
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    pack_model(snakemake.input, snakemake.output[0])
