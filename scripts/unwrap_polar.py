"""Unwrap the denoised galaxies of one shard into polar images."""

import numpy as np
import torch

from morphovote import flags, polar, shards
from morphovote.errors import InputError
from morphovote.logs import rule_log

with rule_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    denoised, cutouts = snakemake.input.denoised, snakemake.input.cutouts
    galaxies = shards.read_shard(denoised, ["row", "id", "image"])
    source = shards.read_shard(cutouts, ["row", "mask", "flags", "x", "y"])
    if not np.array_equal(galaxies["row"], source["row"]):
        raise InputError(
            f"{denoised}: array 'row' differs from that of {cutouts}, expected the same galaxies. "
            "Delete both and run the workflow again."
        )
    unwrapped = polar.unwrap(
        galaxies["image"],
        source["mask"],
        source["x"],
        source["y"],
        scheme=snakemake.params.scheme,
        empty=(source["flags"] & flags.NO_DATA) > 0,
    )
    shards.write_shard(
        snakemake.output[0],
        {"row": galaxies["row"], "id": galaxies["id"], **unwrapped},
        attributes={
            "scheme": snakemake.params.scheme,
            "pixel_scale": shards.read_attributes(denoised).get("pixel_scale", np.nan),
        },
        units={"pole_x": "pix", "pole_y": "pix", "angle": "rad", "radius": "pix"},
    )
