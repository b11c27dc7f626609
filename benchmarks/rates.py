"""Time and memory per galaxy of the stages that work on one shard at a time.

    python benchmarks/rates.py [--galaxies 240] [--copies 6] [--rounds 3] [--cores 2]
           [--work results/benchmarks/rates] [--output docs/figures/rates.csv]

A simulated field is cut, denoised (with random weights, which take as long as fitted ones),
unwrapped, encoded and measured. Each stage runs the function that its rule calls, in a process of
its own, on one core and on all. Fast stages get every galaxy several times. Columns of the table:
milliseconds per galaxy on all cores, processor milliseconds, efficiency (time on one core over time
on all, divided by their number), and peak memory above that of a process with the same imports.
"""

import os
from pathlib import Path

import numpy as np
from common import FIGURES, WORK, new_parser
from tables import write_table
from timing import time_apart

SIZE = 100
# Number of 224 px pictures to encode; each is some thirty times as slow.
PUBLISHED = 192
# As in the workflow: waiting threads sleep.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def prepare(work: Path, galaxies: int, copies: int) -> None:
    """Simulate a field and list its sources; a denoiser and encoders with random weights."""
    from astropy.table import vstack

    from morphovote.denoise import network
    from morphovote.encode import weights as encoder_weights
    from morphovote.fields import sky, sources
    from morphovote.simulate import survey

    names = ("image", "rms", "psf", "catalogue", "noiseless", "truth")
    paths = {name: str(work / f"{name}.fits") for name in names}
    work.mkdir(parents=True, exist_ok=True)
    if not Path(paths["truth"]).exists():
        survey.write_field(survey.simulate_field(galaxies, 1), paths)
    table, tiles = sources.list_sources(
        [paths["image"]], "images", paths["catalogue"], rms=[paths["rms"]], zero_point=25.94
    )
    sources.write_sources(work / "sources.fits", table, tiles)
    sky.write_sky(work / "sky.h5", *sky.model_sky(tiles, "auto"))
    many = vstack([table] * copies, metadata_conflicts="silent")
    many["ROW"] = np.arange(len(many))
    sources.write_sources(work / "many.fits", many, tiles)
    network.save_denoiser(work / "denoiser.safetensors", network.Denoiser(), np.eye(9))
    for name, weights in (("convnext_atto", "bundled"), ("convnext_nano", "random")):
        files = work / f"{name}.safetensors", work / f"{name}.json"
        encoder_weights.fetch_encoder(name, weights, 0, *files)


def cut(work: Path, cores: int, table: str = "sources") -> int:
    """Cut, as make_cutouts does."""
    from morphovote.fields import cutouts, sky, sources
    from morphovote.storage import shards

    found, tiles = sources.read_sources(work / f"{table}.fits")
    level = sky.read_sky(work / "sky.h5")
    arrays = cutouts.make_cutouts(found, tiles, SIZE, threads=cores, sky=level)
    shards.write_shard(work / f"cut_{table}.h5", arrays, {"pixel_scale": 0.03}, cutouts.UNITS)
    return len(found)


def denoise(work: Path, cores: int) -> int:
    """Denoise, as denoise_cutouts does."""
    from morphovote.denoise import network, schemes
    from morphovote.storage import shards

    model = network.load_denoiser(work / "denoiser.safetensors")
    cutouts, output = work / "cut_many.h5", work / "denoised.h5"
    schemes.denoise_shard("recorrupted", model, cutouts, output, threads=cores)
    return shards.count_rows(work / "denoised.h5")


def unwrap(work: Path, cores: int) -> int:
    """Unwrap, as unwrap_polar does."""
    import torch

    from morphovote.polar import schemes
    from morphovote.storage import shards

    torch.set_num_threads(cores)
    schemes.unwrap_shard(work / "denoised.h5", work / "cut_many.h5", work / "polar.h5", "moments")
    return shards.count_rows(work / "polar.h5")


def encode(work: Path, cores: int, name: str, rotations: int, scheme: str = "normalised") -> int:
    """Encode, as encode_polar does; only some of the large published pictures."""
    from morphovote.encode import encoding
    from morphovote.encode import weights as encoder_weights
    from morphovote.storage import shards

    model, card = encoder_weights.load_encoder(work / f"{name}.safetensors", work / f"{name}.json")
    moments = work / "polar.h5"
    if scheme == "published":
        few = shards.read_shard(moments, None, slice(PUBLISHED))
        moments = work / "few.h5"
        shards.write_shard(moments, few)
    return len(encoding.encode_shard(moments, model, card, "auto", rotations, cores, scheme))


def measure(work: Path, cores: int, sersic: bool) -> int:
    """Measure, as measure_morphology does, with or without Sersic fits."""
    from morphovote.fields import psf, sky, sources
    from morphovote.measure import sections

    found, tiles = sources.read_sources(work / "sources.fits")
    at = psf.field_psf(tiles, [str(work / "psf.fits")])
    fits = np.full(len(found), sersic)
    level = sky.read_sky(work / "sky.h5")
    sections.measure_on_images(work / "cut_sources.h5", found, tiles, level, cores, at, fits)
    return len(found)


# Stage: function, its arguments, whether it is so slow that it is timed only once.
STAGES = {
    "cut": (cut, ("sources",), False),
    "denoise": (denoise, (), False),
    "unwrap": (unwrap, (), False),
    "encode, bundled, 1 rotation": (encode, ("convnext_atto", 1), False),
    "encode, bundled, 2 rotations and mirrors": (encode, ("convnext_atto", 2), False),
    "encode, convnext_nano, 64 x 96 px": (encode, ("convnext_nano", 1), False),
    "encode, convnext_nano, 224 px": (encode, ("convnext_nano", 1, "published"), True),
    "measure, Sersic fits too": (measure, (True,), True),
    "measure, no Sersic fits": (measure, (False,), True),
}


def warm_up() -> None:
    """Import what a first call would import, so that it does not count."""
    import torch  # noqa: F401

    from morphovote import logs
    from morphovote.polar import moments  # noqa: F401

    logs.log.setLevel("ERROR")


def run(function, work: Path, cores: int, arguments: tuple = ()) -> tuple:
    """Run a stage in a process of its own: galaxies, seconds, processor seconds, MB."""
    count, cost = time_apart(function, work, cores, *arguments, warm_up=warm_up)
    return count, cost.seconds, cost.processor, cost.memory - cost.memory_before


def main() -> None:
    """Print and write the table."""
    parser = new_parser(__doc__, FIGURES / "rates.csv")
    parser.add_argument("--galaxies", type=int, default=240)
    parser.add_argument("--copies", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--prepare", action="store_true", help="only prepare the input")
    parser.add_argument("--work", type=Path, default=WORK / "rates")
    options = parser.parse_args()
    work = options.work.resolve()
    if options.prepare or not (work / "cut_many.h5").exists():
        prepare(work, options.galaxies, options.copies)
        run(cut, work, options.cores, ("many",))
        if options.prepare:
            return
    times: dict[str, list] = {stage: [] for stage in STAGES}
    for number in range(options.rounds):
        for stage, (function, arguments, slow) in STAGES.items():
            if number == 0 or not slow:
                pair = [run(function, work, cores, arguments) for cores in (1, options.cores)]
                times[stage].append(pair)
                print(number, stage, pair, flush=True)
    rows = []
    for stage, pairs in times.items():
        rates = np.array([[s / n for n, s, _, _ in pair] for pair in pairs])
        rows.append(
            {
                "stage": stage,
                "galaxies": pairs[0][1][0],
                "ms": 1000 * np.median(rates[:, 1]),
                "cpu_ms": 1000 * np.median([pair[1][2] / pair[1][0] for pair in pairs]),
                "efficiency": np.median(rates[:, 0] / rates[:, 1]) / options.cores,
                "memory_mb": max(pair[1][3] for pair in pairs),
            }
        )
    write_table(options.output, rows, 3)
    print(options.output.read_text())


if __name__ == "__main__":
    main()
