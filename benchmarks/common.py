"""What all benchmarks share: where things lie, and the words of their command lines.

A benchmark is run as `python benchmarks/name.py`: Python finds this module beside it. It is
imported before anything of the project, because it says where the library and the tests' helpers
are.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs/figures"
DEMO = ROOT / "results/demo"
# What a benchmark makes on the way and keeps.
WORK = ROOT / "results/benchmarks"
# Real survey data, beside the checkout; not all benchmarks need them.
DATA = ROOT.parent / "shared/data"

# Before this folder, which has a bad_input.py too.
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "scripts")]


def new_parser(doc: str, output: Path | None = None) -> argparse.ArgumentParser:
    """Parser of a benchmark's command line.

    Parameters
    ----------
    doc : str
        The benchmark's docstring; its first paragraph is shown as help.
    output : path, optional
        Default of `--output`: the table that is written, or the folder of several.
    """
    parser = argparse.ArgumentParser(description=doc.split("\n\n")[0])
    if output is not None:
        parser.add_argument("--output", type=Path, default=output)
    return parser
