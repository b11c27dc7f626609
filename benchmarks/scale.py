"""Time and memory of the stages after the encoding, for fields of different sizes.

    python benchmarks/scale.py [--galaxies 1000 10000 100000] [--width 320] [--cores 2]
           [--work results/benchmarks/scale] [--output docs/figures/scale.csv]

The workflow itself runs, from embeddings to the catalogue, on embeddings drawn from a mixture of
Gaussians and invented measurements; times and peak memory come from its own benchmark files. The
earlier stages (cutouts to embeddings, measurements) work on one shard at a time;
`benchmarks/rates.py` times them per galaxy.
"""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import yaml
from common import FIGURES, ROOT, WORK, new_parser
from astropy.io import fits
from astropy.table import Table
from tables import print_table, write_table
from vote import draw_mixture

from morphovote.fields import sources
from morphovote.measure import morphology
from morphovote.storage import shards

SHARD = 10_000
EXPLAINED = 320


def write_field(folder: Path, galaxies: int, width: int) -> None:
    """Write the files that the earlier stages would have left for a field."""
    results = folder / "results/scale"
    results.mkdir(parents=True)
    rng = np.random.default_rng(1)
    row = np.arange(galaxies)
    numbers = {name: np.full(galaxies, np.nan, np.float32) for name in
               ("MAG", "REDSHIFT", "LOG_MASS", "U_V", "V_J")}  # fmt: skip
    table = Table(
        {
            "ROW": row, "ID": row, "RA": 150 + rng.random(galaxies), "DEC": rng.random(galaxies),
            "TILE": np.zeros(galaxies, int), "X": np.zeros(galaxies), "Y": np.zeros(galaxies),
            "SELECTED": np.ones(galaxies, bool), "SHARD": row // SHARD, **numbers,
        }
    )  # fmt: skip
    image = folder / "cutouts/one.fits"
    image.parent.mkdir()
    fits.writeto(image, np.zeros((100, 100), np.float32))
    tiles = Table({"IMAGE": [str(image)], "RMS": [""], "WEIGHT": [""], "HDU": [0]})
    tiles.meta = {"PIXSCALE": 0.03, "ZEROPT": np.nan, "KIND": "cutouts", "CATALOG": ""}
    sources.write_sources(results / "sources.fits", table, tiles)
    sources.write_shard_list(results / "shards.json", table)
    points, member = draw_mixture(galaxies, width, seed=0)
    flag = np.zeros(galaxies, np.int32)
    measured = {name: rng.random(galaxies).astype(np.float32) for name in morphology.UNITS}
    # Bulges, discs with bulges and discs: with one class alone no classifier would be fitted.
    measured |= {
        name: np.full(galaxies, value, np.float32)
        for name, value in {"gini": 0.45, "m20": -1.7, "asymmetry": 0.1, "axis_ratio": 0.8}.items()
    }
    measured["sersic_n"] = np.array([4.0, 2.0, 1.0], np.float32)[member % 3]
    measured |= {"measure_flag": flag, "flags": flag}
    attributes = {"encoder": "0" * 64, "name": "mixture", "weights": "file", "rotations": 1,
                  "precision": "float32", "polar": "moments", "input": "normalised"}  # fmt: skip
    stages = {
        "cutouts": ({"flags": flag, "snr": np.full(galaxies, 30.0, np.float32)}, {}),
        "measurements": (measured, {}),
        "embeddings": ({"embedding": points, "picture": points[:, :80].astype("f2")}, attributes),
    }
    # One stage after the other: files older than their input would be made again.
    for stage, (arrays, about) in stages.items():
        for number, start in enumerate(range(0, galaxies, SHARD)):
            part = slice(start, start + SHARD)
            named = {"row": row[part], "id": row[part].astype(str)}
            named |= {name: values[part] for name, values in arrays.items()}
            shards.write_shard(results / stage / f"{number:05d}.h5", named, about)
    config = {"fields": {"scale": {"cutouts": "cutouts/*.fits"}}, "pca": {"components": EXPLAINED}}
    (folder / "scale.yaml").write_text(yaml.safe_dump(config))


def run(folder: Path, cores: int) -> list[dict]:
    """Run the workflow up to the catalogue; seconds and peak memory (MB) of each rule."""
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"),
        "--directory", str(folder), "--configfile", str(folder / "scale.yaml"),
        "--replace-workflow-config", "--cores", str(cores), "--rerun-triggers", "mtime",
        "--quiet", "all", "--", "results/scale/catalogue.fits",
    ]  # fmt: skip
    subprocess.run(command, check=True)
    rows = []
    for path in sorted((folder / "results/scale/benchmarks").glob("*.tsv")):
        with open(path, newline="") as file:
            for found in csv.DictReader(file, delimiter="\t"):
                rows.append(
                    {
                        "rule": path.stem,
                        "seconds": float(found["s"]),
                        "cpu_seconds": float(found["cpu_time"]),
                        "memory_mb": float(found["max_rss"]),
                    }
                )
    return rows


def main() -> None:
    """Print and write the table."""
    parser = new_parser(__doc__, FIGURES / "scale.csv")
    parser.add_argument("--galaxies", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--work", type=Path, default=WORK / "scale")
    options = parser.parse_args()
    rows = []
    for galaxies in options.galaxies:
        folder = (options.work / str(galaxies)).resolve()
        shutil.rmtree(folder, ignore_errors=True)
        write_field(folder, galaxies, options.width)
        for row in run(folder, options.cores):
            rows.append({"galaxies": galaxies, **row})
            print(json.dumps(rows[-1]), flush=True)
        shutil.rmtree(folder)
    write_table(options.output, rows)
    rules = list(dict.fromkeys(row["rule"] for row in rows))
    lines = []
    for rule in [*rules, "all"]:
        cells = [rule]
        for galaxies in options.galaxies:
            some = [r for r in rows if r["galaxies"] == galaxies and rule in (r["rule"], "all")]
            cells += [f"{sum(r['seconds'] for r in some):.0f}"]
            cells += [f"{sum(r['cpu_seconds'] for r in some):.0f}"]
            cells += [f"{max(r['memory_mb'] for r in some):.0f}"]
        lines.append(cells)
    head = [cell for n in options.galaxies for cell in (f"{n:,}: s", "CPU s", "MB")]
    print_table(["rule", *head], lines)


if __name__ == "__main__":
    main()
