"""Draw views of the galaxies of one shard, for adapting the encoder to the field."""

from morphovote.logs import rule_log
from morphovote.pretrain.sky import view_bank
from morphovote.storage.shards import read_shard, write_shard

with rule_log(snakemake.log[0]):
    polar = read_shard(snakemake.input.polar)
    denoised = read_shard(snakemake.input.denoised, ["image"])["image"]
    mask = read_shard(snakemake.input.cutouts, ["mask"])["mask"]
    galaxies = polar | {"denoised": denoised, "mask": mask}
    bank = view_bank(galaxies, int(snakemake.wildcards.shard) * 1_000_000)
    write_shard(snakemake.output[0], bank, {})
