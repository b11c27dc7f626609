"""Simulate the validation set of the encoder's training."""

from morphovote.logs import rule_log
from morphovote.pretrain.training import simulate_validation
from morphovote.storage.shards import write_shard

with rule_log(snakemake.log[0]):
    galaxies = simulate_validation(snakemake.params.galaxies)
    write_shard(snakemake.output[0], galaxies, {"held_out": True})
