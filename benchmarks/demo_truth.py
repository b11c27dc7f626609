"""Compare runs of a simulated field with its truth: sizes, indices, parameters, groups, classes.

python benchmarks/demo_truth.py results/demo [results_before/demo ...]
"""

import itertools
from pathlib import Path

import numpy as np
from common import DEMO, new_parser
from astropy.table import Table
from sklearn.metrics import adjusted_mutual_info_score
from tables import markdown

from morphovote.classify.calibration import calibration_error
from morphovote.classify.classes import CLASSES
from morphovote.flags import BEYOND_CUTOUT, FAILED, NO_SERSIC, SERSIC_SUSPECT

SIZES = (0.0, 0.3, 0.5, 2.0)
# Below this S/N single fits scatter by more than a third.
CLEAR = 60
SHOWN = ("R_E", "SERSIC_N", "CONCENTRATION", "GINI", "M20", "ASYMMETRY", "SMOOTHNESS")


def read_run(folder: Path) -> tuple[Table, Table]:
    """Catalogue of a run, and the truth, row by row."""
    catalogue = Table.read(folder / "catalogue.fits")
    truth = Table.read(folder / "simulated/truth.fits")
    assert (catalogue["ID"].astype(str) == truth["ID"].astype(str)).all()
    return catalogue, truth


def ratio_cell(catalogue: Table, truth: Table, name: str, rows: np.ndarray) -> str:
    """Median of measured over true, with the 16th and 84th percentile, and how many."""
    sound = (catalogue["MEASURE_FLAG"] & (FAILED | NO_SERSIC | SERSIC_SUSPECT)) == 0
    ratio = np.asarray(catalogue[name] / truth[name], dtype=float)[rows & sound]
    if not len(ratio):
        return "-"
    low, middle, high = np.percentile(ratio, [16, 50, 84])
    return f"{middle:.2f} ({low:.2f} to {high:.2f}; {len(ratio)})"


def describe_run(folder: Path) -> dict[str, str]:
    """What is shown of one run: label -> text."""
    catalogue, truth = read_run(folder)
    kinds = np.char.strip(np.asarray(truth["TYPE"], dtype=str))
    classes = np.char.strip(np.asarray(catalogue["CLASS"], dtype=str))
    kept, group = np.asarray(catalogue["KEPT"], bool), np.asarray(catalogue["GROUP"])
    single = np.isfinite(truth["SERSIC_N"]) & (kinds != "UNC") & (catalogue["SNR"] >= CLEAR)
    shown = {}
    for low, high in itertools.pairwise(SIZES):
        rows = np.asarray(single & (truth["R_E"] >= low) & (truth["R_E"] < high), bool)
        for name in ("R_E", "SERSIC_N"):
            label = f"{name} over the truth, {low:g} to {high:g} arcsec"
            shown[label] = ratio_cell(catalogue, truth, name, rows)
    for name in SHOWN:
        shown[f"{name}, median"] = f"{np.nanmedian(np.asarray(catalogue[name], float)):.3f}"
    beyond = np.count_nonzero(catalogue["MEASURE_FLAG"] & BEYOND_CUTOUT)
    shown["`beyond_cutout`"] = str(beyond)
    shown["AMI of groups and true types, all"] = f"{adjusted_mutual_info_score(kinds, group):.3f}"
    score = adjusted_mutual_info_score(kinds[kept], group[kept])
    shown["AMI, kept galaxies"] = f"{score:.3f} ({kept.mean():.3f} kept)"
    shown["class right"] = f"{(classes == kinds).mean():.3f}"
    for kind in CLASSES:
        found = (classes[kinds == kind] == kind).mean()
        shown[f"{kind}: found / called"] = f"{found:.2f} / {np.count_nonzero(classes == kind)}"
    sure = np.ma.filled(np.ma.asarray(catalogue["CLASS_PROB"], dtype=float), np.nan)
    known = np.isfinite(sure)
    error = calibration_error(sure[known], (classes == kinds)[known])
    shown["expected calibration error"] = f"{error:.3f}"
    return shown


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("folders", nargs="*", type=Path, default=[DEMO])
    folders = parser.parse_args().folders
    runs = [describe_run(folder) for folder in folders]
    rows = [(label, *(run[label] for run in runs)) for label in runs[0]]
    print(markdown(("", *map(str, folders)), rows))


if __name__ == "__main__":
    main()
