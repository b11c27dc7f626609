"""What all benchmarks share: paths, and the parser of their command lines.

A benchmark is run as `python benchmarks/name.py`: Python finds this module beside it. Import it
before anything of the project, because it adds the library and the tests' helpers to the path.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs/figures"
DEMO = ROOT / "results/demo"
# Intermediate files of benchmarks.
WORK = ROOT / "results/benchmarks"
# Real survey data, beside the checkout; only some benchmarks need them.
DATA = ROOT.parent / "shared/data"

# First in the path, because this folder also has a bad_input.py.
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "scripts")]


def new_parser(doc: str, output: Path | None = None) -> argparse.ArgumentParser:
    """Parser of a benchmark's command line.

    Parameters
    ----------
    doc : str
        The benchmark's docstring; its first paragraph is shown as help.
    output : path, optional
        Default of `--output`: the table to write, or the folder for several.
    """
    parser = argparse.ArgumentParser(description=doc.split("\n\n")[0])
    if output is not None:
        parser.add_argument("--output", type=Path, default=output)
    return parser


def run_workflow(folder: Path, config: Path, target: str | list[str], cores: int) -> None:
    """Run the workflow in a folder, on a config of its own, up to a file, or several."""
    targets = [target] if isinstance(target, str) else target
    command = [sys.executable, "-m", "snakemake", *targets, "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", str(config)]
    command += ["--replace-workflow-config", "--cores", str(cores), "--quiet", "all"]
    subprocess.run(command, check=True)
