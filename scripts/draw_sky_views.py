"""Draw views of the real galaxies of one survey, for the encoder's training."""

from morphovote.logs import rule_log
from morphovote.pretrain.sky import view_bank
from morphovote.storage.shards import read_shard, write_shard

with rule_log(snakemake.log[0]):
    bank = view_bank(read_shard(snakemake.input[0]), snakemake.params.seed)
    write_shard(snakemake.output[0], bank, {})
