"""Cut, denoise and unwrap the real galaxies of one survey, for the encoder's training."""

import torch

from morphovote.logs import rule_log
from morphovote.pretrain.pictures import list_pictures, prepare_pictures
from morphovote.storage.shards import write_shard

with rule_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    paths = list_pictures(snakemake.input[0])
    arrays = prepare_pictures(paths, snakemake.params.seed, snakemake.threads)
    write_shard(snakemake.output[0], arrays, {})
