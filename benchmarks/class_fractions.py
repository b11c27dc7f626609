"""How often the intervals of the corrected class fractions hold the truth, for docs/classes.md.

    python benchmarks/class_fractions.py results/demo results/second

Each folder is a run of a simulated field with anchors, finished up to classes.h5. From the field's
own galaxies, shifted fields of as many are drawn with known fractions: as they are, with twice as
many spheroids, half as many irregulars, and twice as many late discs. Bins are all galaxies, four
of redshift and four of mass. With `--labels n`, n galaxies drawn at random are classified by eye
(their true types).
"""

from pathlib import Path

import numpy as np
from common import new_parser
from tables import print_table

from morphovote.checks import fractions
from morphovote.classify.anchored import fit_anchored, weigh_anchored
from morphovote.classify.anchors import read_anchors
from morphovote.classify.assignment import read_light
from morphovote.classify.classes import CLASSES, DETECTED
from morphovote.compute.statistics import equal_bins
from morphovote.fields.catalogues import read_table
from morphovote.storage.rows import align_rows
from morphovote.storage.shards import read_shard

SHIFTS = {
    "as it is": {},
    "SPH x 2": {"SPH": 2.0},
    "IRR / 2": {"IRR": 0.5},
    "LTD x 2": {"LTD": 2.0},
}
NAMES = list(CLASSES)
HEAD = ["field", "fractions", "labels", "truth inside", "all galaxies", *(f"{n} in" for n in NAMES)]
HEAD += ["width", "error, corrected", "error, as counted"]


def read_field(folder: Path) -> dict:
    """Anchors as judged, and the detected galaxies: called, true, snr, redshift, mass."""
    anchors, _ = read_anchors(folder / "model/anchors.h5")
    model, held = fit_anchored(anchors)
    votes = read_shard(folder / "votes.h5", ["row", "counts"])
    component = read_shard(folder / "components.h5", ["component"])["component"]
    light = align_rows(votes["row"], read_light(sorted((folder / "cutouts").glob("*.h5"))))
    truth = read_table(folder / "simulated/truth.fits")[votes["row"]]
    use = np.isfinite(component).all(axis=1) & (light["snr"] >= DETECTED)
    called = weigh_anchored(component, votes["counts"], model)[0].argmax(axis=1)
    return {
        "anchors": anchors,
        "got": model["classes"][held.argmax(axis=1)],
        "called": called[use],
        "true": np.array([NAMES.index(str(one).strip()) for one in truth["TYPE"][use]]),
        "snr": light["snr"][use],
        "redshift": np.asarray(truth["Z"][use], dtype=float),
        "mass": np.asarray(truth["LOG_MASS"][use], dtype=float),
    }


def shares_of(values: np.ndarray, bins: list[np.ndarray]) -> np.ndarray:
    """Share of each class (B, C) in bins."""
    return np.array([np.bincount(values[rows], minlength=len(NAMES)) / len(rows) for rows in bins])


def try_field(field: dict, shift: dict, labels: int, seed: int) -> tuple:
    """Whether the truth is inside, widths, and errors of one shifted field, each (B, C)."""
    rng = np.random.default_rng(seed)
    weight = np.array([shift.get(name, 1.0) for name in NAMES])[field["true"]]
    rows = rng.choice(len(weight), len(weight), p=weight / weight.sum())
    called, true, snr = (field[key][rows] for key in ("called", "true", "snr"))
    bins = [np.arange(len(rows))]
    for key in ("redshift", "mass"):
        bins += equal_bins(field[key][rows], fractions.BINS, fractions.FEWEST)
    stratum, of_anchors = fractions.split_by_snr(snr, field["anchors"]["snr"])
    ready = fractions.prepare_anchors(field["anchors"], field["got"], of_anchors, NAMES)
    eye = np.zeros((len(NAMES), len(NAMES)))
    drawn = rng.choice(len(rows), labels, replace=False)
    drawn = drawn[true[drawn] != NAMES.index("UNC")]
    np.add.at(eye, (called[drawn], true[drawn]), 1)
    middle, low, high = fractions.correct(called, stratum, bins, ready, eye, seed)
    truth = shares_of(true, bins)
    inside = (low <= truth) & (truth <= high)
    return inside, high - low, middle - truth, shares_of(called, bins) - truth


def main() -> None:
    """Print the table."""
    parser = new_parser(__doc__)
    parser.add_argument("fields", type=Path, nargs="+", metavar="field", help="results/demo ...")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--labels", type=int, default=0)
    given = parser.parse_args()
    rows = []
    for folder in given.fields:
        field = read_field(folder)
        for name, shift in SHIFTS.items():
            tried = [try_field(field, shift, given.labels, seed) for seed in range(given.draws)]
            inside, width, error, raw = (np.array(part) for part in zip(*tried, strict=True))
            rms = [float(np.sqrt(np.mean(part**2))) for part in (error, raw)]
            found = [inside.mean(), inside[:, 0].mean(), *inside.mean(axis=(0, 1)), width.mean()]
            rows.append([folder.name, name, given.labels, *map(float, found), *rms])
    print_table(HEAD, rows)


if __name__ == "__main__":
    main()
