"""How right the classes are with labels by eye, for docs/classes.md.

    python benchmarks/labels.py results/demo results/second

Each folder is a run of a simulated field with anchors, finished up to classes.h5. 25, 50 and 100 of
its galaxies are classified by eye (their true types): all drawn at random, or half at random and
half chosen, as `choose_labels` does. Judged are the field's other detected galaxies, with and
without anchors; mean and standard deviation of five draws.
"""

from pathlib import Path

import numpy as np
from common import new_parser
from tables import print_table

from morphovote.classify.anchored import fit_anchored, weigh_anchored
from morphovote.classify.anchors import read_anchors
from morphovote.classify.assignment import read_light
from morphovote.classify.calibration import calibration_error
from morphovote.classify.choosing import choose_doubtful, doubt_of
from morphovote.classify.classes import CLASSES, DETECTED
from morphovote.classify.taught import fit_taught
from morphovote.fields.catalogues import read_table
from morphovote.storage.rows import align_rows
from morphovote.storage.shards import read_shard

NAMES = list(CLASSES)
SIZES = (25, 50, 100)
HEAD = ["field", "teach", "labels", "drawn", "accuracy", "of draws", "balanced", "error"]


def read_field(folder: Path) -> dict:
    """Anchors, and components, counts and true classes of the detected galaxies."""
    votes = read_shard(folder / "votes.h5", ["row", "counts"])
    component = read_shard(folder / "components.h5", ["component"])["component"]
    light = align_rows(votes["row"], read_light(sorted((folder / "cutouts").glob("*.h5"))))
    truth = read_table(folder / "simulated/truth.fits")[votes["row"]]
    use = np.isfinite(component).all(axis=1) & (light["snr"] >= DETECTED)
    return {
        "anchors": read_anchors(folder / "model/anchors.h5")[0],
        "component": component[use],
        "counts": votes["counts"][use],
        "true": np.array([NAMES.index(str(one).strip()) for one in truth["TYPE"][use]]),
    }


def draw_labels(field: dict, count: int, chosen: bool, rng: np.random.Generator) -> np.ndarray:
    """Rows to label: all at random, or half of them by doubt and variety."""
    order = rng.permutation(len(field["true"]))
    if not chosen:
        return order[:count]
    first = order[: count // 2]
    model, _ = fit_anchored(field["anchors"])
    doubt = doubt_of(weigh_anchored(field["component"], field["counts"], model)[0])
    doubt[first] = 0
    near = field["component"][first]
    others = choose_doubtful(field["component"], doubt, near, count - len(first))
    return np.concatenate([first, others])


def score(field: dict, model: dict, rows: np.ndarray) -> list[float]:
    """Accuracy, balanced accuracy and calibration error of some rows."""
    chance, _ = weigh_anchored(field["component"][rows], field["counts"][rows], model)
    true, given = field["true"][rows], chance.argmax(axis=1)
    each = [(given[true == name] == name).mean() for name in np.unique(true)]
    error = calibration_error(chance.max(axis=1), given == true)
    return [(given == true).mean(), np.mean(each), error]


def main() -> None:
    """Print the table."""
    parser = new_parser(__doc__)
    parser.add_argument("fields", type=Path, nargs="+", metavar="field", help="results/demo ...")
    parser.add_argument("--draws", type=int, default=5)
    given = parser.parse_args()
    rows = []
    for folder in given.fields:
        field = read_field(folder)
        every = np.arange(len(field["true"]))
        alone = score(field, fit_anchored(field["anchors"])[0], every)
        rows.append([folder.name, "anchors", 0, "", alone[0], 0.0, *alone[1:]])
        for anchors in (field["anchors"], None):
            teach = "both" if anchors else "labels"
            for count in SIZES:
                for chosen in (False, True):
                    found = []
                    for seed in range(given.draws):
                        some = draw_labels(field, count, chosen, np.random.default_rng(seed))
                        taught = {key: field[key][some] for key in ("component", "counts")}
                        taught["share"] = np.eye(len(NAMES))[field["true"][some]]
                        model, *_ = fit_taught(anchors, taught, NAMES)
                        found.append(score(field, model, np.setdiff1d(every, some)))
                    mean, spread = np.mean(found, axis=0), np.std(found, axis=0)
                    drawn = "half chosen" if chosen else "random"
                    rows.append([folder.name, teach, count, drawn, mean[0], spread[0], *mean[1:]])
    print_table(HEAD, rows)


if __name__ == "__main__":
    main()
