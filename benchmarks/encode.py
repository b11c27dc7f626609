"""Time the encoding of a shard, compared with the bare forward pass of the same network.

    python benchmarks/encode.py [--galaxies 2048] [--threads 2] [--rounds 5]
           [--networks bundled convnext_nano] [--rotations 1 2 4] [--output docs/figures/encode.csv]

Both use the same network, number format, batch and number of processors, and run in turn; the table
gives medians over the rounds. The forward pass repeats one batch already in memory, once for each
rotation and mirror image. `encode_shard` additionally reads the shard, makes the network's input
and averages, but saves the stages that rotations share. The published way is timed too: one image
of 224 x 224 px at a time, in float32.
"""

import os
import platform
import tempfile
from pathlib import Path

import numpy as np
import torch
from common import FIGURES, new_parser
from tables import write_table
from timing import wall_seconds

from morphovote.compute.batches import map_ordered
from morphovote.compute.devices import choose_dtype, pick_device
from morphovote.encode import encoding, weights
from morphovote.logs import log
from morphovote.storage import shards


def load(network: str, folder: Path):
    """Network and card: the bundled one, or any ConvNeXt of timm with random weights."""
    bundled = network == "bundled"
    name = "convnext_atto" if bundled else network
    files = folder / f"{network}.safetensors", folder / f"{network}.json"
    weights.fetch_encoder(name, "bundled" if bundled else "random", 0, *files)
    return weights.load_encoder(*files)


def write_polar(path: Path, galaxies: int) -> None:
    """Write a shard of smooth random pictures."""
    rng = np.random.default_rng(0)
    image = rng.random((galaxies, 64, 96), dtype=np.float32)
    row = np.arange(galaxies)
    shards.write_shard(
        path, {"row": row, "id": row.astype(str), "image": image, "angle": row.astype(np.float32)}
    )


def compare(network: str, rotations: int, path: Path, folder: Path, options) -> dict:
    """Galaxies per second, by `encode_shard` and by the forward pass alone."""
    model, card = load(network, folder)
    device = pick_device()
    dtype = choose_dtype("auto", device)
    count = shards.count_rows(path)
    bare = encoding.prepare_model(model, device, dtype)
    batch = shards.read_shard(path, ["image"], slice(encoding.BATCH))["image"]
    ready = encoding.prepare_input(batch, card, dtype).to(device)
    # The same number of pictures as all rotations and mirrors of the shard.
    passes = -(-count // encoding.BATCH) * (2 * rotations if rotations > 1 else 1)

    def forward() -> None:
        done = map_ordered(
            lambda _: encoding.encode_batch(bare, ready, 1).cpu(), range(passes), options.threads
        )
        for _ in done:
            pass

    def encode() -> None:
        encoding.encode_shard(path, model, card, "auto", rotations, options.threads)

    forward()
    times = [(wall_seconds(forward), wall_seconds(encode)) for _ in range(options.rounds)]
    alone, whole = np.median(times, 0)
    return {
        "network": network,
        "rotations": rotations,
        "precision": str(dtype).removeprefix("torch."),
        "encode": count / whole,
        "forward": count / alone,
        "ratio": float(np.median([a / b for a, b in times])),
    }


def one_by_one(network: str, folder: Path, options) -> dict:
    """The published way: one 224 px picture at a time, float32, all processors."""
    model, _ = load(network, folder)
    torch.set_num_threads(options.threads)
    model = model.eval().to(pick_device())
    picture = torch.rand(1, 3, 224, 224, device=pick_device())
    with torch.inference_mode():
        model(picture)
        rate = 1 / np.median([wall_seconds(lambda: model(picture).cpu()) for _ in range(20)])
    return {"network": f"{network}, one by one at 224 px", "precision": "float32", "encode": rate}


def main() -> None:
    """Print and write the table."""
    parser = new_parser(__doc__, FIGURES / "encode.csv")
    parser.add_argument("--galaxies", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--networks", nargs="+", default=["bundled", "convnext_nano"])
    parser.add_argument("--rotations", type=int, nargs="+", default=[1, 2, 4])
    options = parser.parse_args()
    log.setLevel("WARNING")
    print(f"{platform.machine()}, {options.threads} processors, {pick_device()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "polar.h5"
        write_polar(path, options.galaxies)
        rows = []
        for network in options.networks:
            # For larger networks one rotation is enough.
            for rotations in options.rotations if network == "bundled" else [1]:
                rows.append(compare(network, rotations, path, folder, options))
                print(rows[-1], flush=True)
            rows.append(one_by_one(network, folder, options))
            print(rows[-1], flush=True)
    write_table(options.output, rows, 3)


if __name__ == "__main__":
    main()
