"""Check that the catalogue is the same, bit for bit, on 1 and 2 cores, with 1 and 7 shards.

    python benchmarks/determinism.py               # to a CSV in docs/figures

Four runs of 21 simulated galaxies, each in an empty folder; jobs are forked (benchmarks/forked.py).
"""

import copy
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import forked
import yaml
from common import FIGURES, new_parser
from astropy.table import Table
from forked import CATALOGUE, CATALOGUES, TINY
from outputs import differing_columns
from project import copy_project
from tables import print_row, write_table

GALAXIES = 21
RUNS = ((1, 1), (2, 1), (1, 7), (2, 7))


def run(folder: Path, cores: int, shards: int) -> Path:
    """Run up to the catalogue; return the folder of results."""
    copy_project(folder)
    config = copy.deepcopy(TINY)
    config["fields"]["small"]["simulate"]["galaxies"] = GALAXIES
    config |= {"shard_size": GALAXIES // shards, "measure": {"select": {}}}
    (folder / "small.yaml").write_text(yaml.safe_dump(config))
    words = ["--cores", str(cores), "--configfile", "small.yaml", "--replace-workflow-config"]
    if forked.wait(forked.start_snakemake(folder, [*words, CATALOGUE], folder / "run.log")):
        raise subprocess.SubprocessError((folder / "run.log").read_text()[-3000:])
    results = folder / "results/small"
    assert len(list((results / "cutouts").glob("*.h5"))) == shards
    return results


def main() -> None:
    """Run each, and compare the files and the columns of the catalogue."""
    parser = new_parser(__doc__, FIGURES / "determinism.csv")
    options = parser.parse_args()
    forked.import_libraries()
    rows, same = [], True
    with tempfile.TemporaryDirectory() as place:
        for number, (cores, shards) in enumerate(RUNS):
            begun = time.monotonic()
            results = run(Path(place) / f"{cores}_{shards}", cores, shards)
            table = Table.read(results / "catalogue.fits")
            found = {name: (results / name).read_bytes() for name in CATALOGUES}
            digest = forked.content(results.parents[1])["catalogue.fits"][:16]
            if number == 0:
                first, known = table, found
            columns = differing_columns(table, first)
            formats = [name for name in CATALOGUES if found[name] != known[name]]
            same &= not columns and not formats
            row = {"cores": cores, "shards": shards, "seconds": round(time.monotonic() - begun)}
            row |= {
                "sha256 of catalogue.fits": digest,
                "columns that differ": " ".join(columns) or "none",
                "formats that differ": " ".join(formats) or "none",
            }
            rows.append(row)
            print_row(row)
    write_table(options.output, rows)
    sys.exit(not same)


if __name__ == "__main__":
    main()
