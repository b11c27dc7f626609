"""Time and peak memory of writing the catalogue, for fields of different sizes.

    python benchmarks/catalogue_size.py [--galaxies 100000 1000000] [--shard 10000]
           [--work results/benchmarks/catalogue_size] [--output docs/figures/catalogue_size.csv]

Results of all stages are simulated, with a source catalogue of 20 columns in FITS, and joined in a
process of its own by what the rule `write_catalogue` calls. 10^7 rows take 30 GB of disk.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import FIGURES, WORK, new_parser
from astropy.table import Table
from tables import print_table, write_table
from timing import time_apart

from morphovote.catalogue.cds import write_cds
from morphovote.catalogue.columns import COLUMNS
from morphovote.catalogue.fits_file import write_fits
from morphovote.catalogue.parquet_file import write_parquet
from morphovote.catalogue.stages import catalogue_parts
from morphovote.catalogue.votable_file import write_votable
from morphovote.classify.classes import CLASSES
from morphovote.fields.sources import write_sources
from morphovote.measure.calibration import nothing_known, save_calibration
from morphovote.storage import shards

# Rows that are made and written at once.
PART = 100_000
TEXTS = {"class": list(CLASSES), "class_second": list(CLASSES), "class_origin": ["vote"],
         "class_reason": ["", "no light"]}  # fmt: skip
OUTPUTS = {"parquet": "catalogue.parquet", "fits": "catalogue.fits", "votable": "catalogue.vot",
           "cds": "catalogue.dat"}  # fmt: skip


def simulate(folder: Path, galaxies: int, shard: int) -> None:
    """Write what the stages before the catalogue would have left."""
    row = np.arange(galaxies)
    sky = {"RA": 150 + row / galaxies, "DEC": 2 + np.zeros(galaxies)}
    selected = {"SELECTED": np.ones(galaxies, bool), "REDSHIFT": np.full(galaxies, 0.5, "f4")}
    tiles = Table({"IMAGE": ["a.fits"]})
    tiles.meta = {"PIXSCALE": 0.03, "ZEROPT": 25.0, "KIND": "images", "CATALOG": "", "NOTES": "[]"}
    write_sources(folder / "sources.fits", Table({"ID": row, **sky, **selected}), tiles)
    save_calibration(folder / "measurement.h5", nothing_known(2.0))

    def own(start: int, stop: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(start)
        numbers = {f"flux_{n}": rng.normal(size=stop - start) for n in range(18)}
        names = np.char.add("J", np.char.mod("%012d", row[start:stop]))
        return {"number": row[start:stop], "name": names, **numbers}

    edges = range(0, galaxies, PART)
    parts = (Table(own(start, min(start + PART, galaxies))) for start in edges)
    write_fits(folder / "own.fits", write_parquet(folder / "own.parquet", parts))
    (folder / "own.parquet").unlink()
    for stage in ("cutouts", "measurements"):
        for number, start in enumerate(range(0, galaxies, shard)):
            arrays = results(stage, start, min(start + shard, galaxies))
            shards.write_shard(folder / stage / f"{number:05d}.h5", arrays, {"pixel_scale": 0.03})
    for stage in ("votes", "classes", "neighbours"):
        write_whole(folder / f"{stage}.h5", galaxies, lambda *rows, of=stage: results(of, *rows))


def results(stage: str, start: int, stop: int) -> dict[str, np.ndarray]:
    """Results of a stage for some rows."""
    rng, count = np.random.default_rng(start), stop - start
    arrays = {"row": np.arange(start, stop)}
    if stage in ("cutouts", "measurements"):
        arrays["flags"] = rng.integers(0, 3, count).astype("i4")
    if stage == "measurements":
        arrays["psf_radius"] = np.full(count, 0.05, "f4")
    if stage == "votes":
        arrays["outlier"] = rng.random(count) < 0.01
    if stage == "classes":
        arrays |= {f"p_{name}": rng.random(count).astype("f4") for name in CLASSES}
        arrays["far"] = rng.random(count) < 0.1
    for column in COLUMNS:
        if column.stage != stage:
            continue
        name = column.name.lower()
        if column.dtype == "U":
            arrays[name] = rng.choice(np.array(TEXTS[name], shards.text_type(12)), count)
        elif column.dtype == "f4":
            arrays[name] = rng.gamma(2, 3, count).astype("f4")
        else:
            arrays[name] = rng.integers(0, 2, count).astype(column.dtype)
    return arrays


def write_whole(path: Path, galaxies: int, make: Callable[[int, int], dict]) -> None:
    """Write a stage that has one file, a part at a time."""
    with shards.create_hdf5(path, {}) as file:
        for start in range(0, galaxies, PART):
            stop = min(start + PART, galaxies)
            for name, array in make(start, stop).items():
                if start == 0:
                    shards.create_array(file, name, (galaxies,), array.dtype)
                file[name][start:stop] = array


def write_all(folder: Path) -> dict[str, float]:
    """Write the catalogue as the rule does; processor seconds of each format."""
    seconds, before = {}, time.process_time()
    stages = {
        **{stage: sorted((folder / stage).glob("*.h5")) for stage in ("cutouts", "measurements")},
        **{stage: [folder / f"{stage}.h5"] for stage in ("votes", "classes", "neighbours")},
    }
    parts = catalogue_parts(
        folder / "sources.fits", folder / "own.fits", stages, folder / "measurement.h5"
    )
    for kind, name in OUTPUTS.items():
        if kind == "parquet":
            written = write_parquet(folder / name, parts)
        elif kind == "cds":
            write_cds(folder / name, folder / "ReadMe", written)
        else:
            {"fits": write_fits, "votable": write_votable}[kind](folder / name, written)
        seconds[kind], before = time.process_time() - before, time.process_time()
    return seconds


def main() -> None:
    """Print and write the table."""
    parser = new_parser(__doc__, FIGURES / "catalogue_size.csv")
    parser.add_argument("--galaxies", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--shard", type=int, default=10_000)
    parser.add_argument("--work", type=Path, default=WORK / "catalogue_size")
    options = parser.parse_args()
    rows = []
    for galaxies in options.galaxies:
        folder = (options.work / str(galaxies)).resolve()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        simulate(folder, galaxies, options.shard)
        seconds, cost = time_apart(write_all, folder)
        size = {kind: (folder / name).stat().st_size / 1e6 for kind, name in OUTPUTS.items()}
        rows.append(
            {"galaxies": galaxies, "seconds": cost.seconds, "cpu_seconds": cost.processor,
             "memory_mb": cost.memory, "memory_before_mb": cost.memory_before,
             **{f"{kind}_cpu_seconds": value for kind, value in seconds.items()},
             **{f"{kind}_mb": value for kind, value in size.items()}}
        )  # fmt: skip
        print(rows[-1], flush=True)
        shutil.rmtree(folder)
    write_table(options.output, rows)
    print_table(
        ["rows", "CPU s", *OUTPUTS, "peak MB"],
        [[f"{row['galaxies']:,}", f"{row['cpu_seconds']:.0f}",
          *(f"{row[f'{kind}_cpu_seconds']:.0f}" for kind in OUTPUTS), f"{row['memory_mb']:.0f}"]
         for row in rows],
    )  # fmt: skip


if __name__ == "__main__":
    main()
