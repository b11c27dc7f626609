"""Overhead of Snakemake and of starting Python, and how planning time grows with shards.

    python benchmarks/overhead.py run [--cores 2] [--work results/benchmarks/overhead]
    python benchmarks/overhead.py plan [--shards 1 1000 10000] [--options ...]

`run` runs the demo field from scratch and counts processor seconds: in total, of Snakemake's own
process, and of starting Python and importing what each job's script imports. Overhead is the sum of
the last two. (The workflow's benchmark files do not help: Snakemake samples a running job every
half minute, and misses what comes after the last sample.) `plan` times a dry run of a field with
that many shards, none of whose files exist yet.
"""

import argparse
import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import yaml
from common import ROOT, WORK, new_parser
from astropy.io import fits
from timing import time_command


def snakemake(folder: Path, config: Path, cores: int, *arguments: str) -> list[str]:
    """Command that runs the workflow in a folder."""
    return [
        sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"),
        "--directory", str(folder), "--configfile", str(config), "--replace-workflow-config",
        "--cores", str(cores), "--quiet", "all", *arguments,
    ]  # fmt: skip


def import_seconds(rule: str) -> float:
    """Processor seconds of starting Python and importing what a rule's script imports."""
    tree = ast.parse((ROOT / f"scripts/{rule}.py").read_text(encoding="utf-8"))
    lines = [
        ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    command = [sys.executable, "-c", "; ".join(lines) or "pass"]
    return min(time_command(command, cwd=ROOT / "scripts").processor for _ in range(2))


def time_run(work: Path, cores: int) -> None:
    """Run the demo; print the time taken and how much of it was overhead."""
    work.mkdir(parents=True, exist_ok=True)
    if (work / "results").exists():
        raise SystemExit(f"{work}/results exists: remove it, the run starts from scratch")
    cost = time_command(snakemake(work, ROOT / "config.yaml", cores))
    rules = [
        path.stem if path.parent.name == "benchmarks" else path.parent.name
        for path in sorted((work / "results").glob("*/benchmarks/**/*.tsv"))
    ]
    once = {rule: import_seconds(rule) for rule in sorted(set(rules))}
    imports = sum(once[rule] for rule in rules)
    overhead, total = cost.own + imports, cost.processor
    print(
        f"{len(rules)} jobs in {cost.seconds:.0f} s on {cores} cores; {total:.0f} processor seconds"
    )
    print(f"of these, {cost.own:.0f} by Snakemake itself, {imports:.0f} for starting and importing")
    print(f"overhead / computing: {overhead / (total - overhead):.3f}")


def time_plan(work: Path, shards: int, options: list[str]) -> None:
    """Print the time of a dry run for a field whose sources have been listed."""
    results = work / "results/many"
    results.mkdir(parents=True, exist_ok=True)
    (work / "cutouts").mkdir(exist_ok=True)
    fits.writeto(work / "cutouts/one.fits", np.zeros((100, 100), np.float32), overwrite=True)
    (work / "many.yaml").write_text(
        yaml.safe_dump({"fields": {"many": {"cutouts": "cutouts/*.fits"}}})
    )
    (results / "sources.fits").touch()
    listing = results / "shards.json"
    listing.write_text(json.dumps({"shards": shards, "galaxies": 10_000 * shards}))
    os.utime(listing)
    command = snakemake(work, work / "many.yaml", 2, "--dry-run", *options)
    command += ["--", "results/many/catalogue.fits"]
    cost = time_command(command, stdout=subprocess.DEVNULL)
    print(
        f"{shards} shards: {cost.seconds:.1f} s, {cost.processor:.1f} processor seconds", flush=True
    )


def main() -> None:
    """Run the benchmark chosen on the command line."""
    parser = new_parser(__doc__)
    parser.add_argument("what", choices=["run", "plan"])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--shards", type=int, nargs="+", default=[1, 1000, 10_000])
    parser.add_argument("--work", type=Path, default=WORK / "overhead")
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[])
    options = parser.parse_args()
    work = options.work.resolve()
    if options.what == "run":
        time_run(work, options.cores)
        return
    for shards in options.shards:
        time_plan(work, shards, options.options)


if __name__ == "__main__":
    main()
