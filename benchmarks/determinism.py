"""Is the catalogue the same, bit for bit, on 1 and 2 cores, with 1 and 7 shards?

python benchmarks/determinism.py               # 42 simulated galaxies, to a CSV in docs/figures
"""

import argparse
import hashlib
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from paths import ROOT
from project import copy_project

RUNS = ((1, 1), (2, 1), (1, 7), (2, 7))


def main() -> None:
    """Run each, compare the files, and where they differ the columns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--galaxies", type=int, default=42)
    parser.add_argument("--output", type=Path, default=ROOT / "docs/figures/determinism.csv")
    options = parser.parse_args()
    lines, first = ["cores,shards,seconds,sha256 of catalogue.fits,columns that differ"], None
    with tempfile.TemporaryDirectory() as folder:
        for cores, shards in RUNS:
            project = copy_project(Path(folder) / f"{cores}_{shards}")
            config = {
                "fields": {"small": {"simulate": {"galaxies": options.galaxies, "seed": 3}}},
                "shard_size": -(-options.galaxies // shards),
                "denoiser": {"epochs": 1},
                "voting": {"groups": 3, "voters": 4},
            }
            begun = time.monotonic()
            arguments = ("--cores", str(cores), "results/small/catalogue.fits")
            project.snakemake(*arguments, config=config)
            path = project.folder / "results/small/catalogue.fits"
            assert len(list((path.parent / "cutouts").glob("*.h5"))) == shards
            table = Table.read(path)
            first = first or table
            differ = [
                name
                for name in table.colnames
                if np.asarray(table[name]).tobytes() != np.asarray(first[name]).tobytes()
            ]
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
            seconds = time.monotonic() - begun
            lines.append(f"{cores},{shards},{seconds:.0f},{digest},{' '.join(differ) or 'none'}")
            print(lines[-1], flush=True)
    options.output.write_text("\n".join(lines) + "\n")
    sys.exit(len({line.split(",")[3] for line in lines[1:]}) != 1)


if __name__ == "__main__":
    main()
