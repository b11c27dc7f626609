"""How right the classes of simulated fields are, with and without anchors, for docs/classes.md.

    python benchmarks/anchors.py results/demo results/second results/third

Each folder is a run of a simulated field with anchors, finished up to classes.h5. "Medians" are
the classes that the same run would have given without: groups named from their measured medians.
"""

from pathlib import Path

import numpy as np
from common import new_parser
from class_runs import classify_run, read_run
from tables import print_table

from morphovote.classify.anchored import fit_anchored, weigh_anchored
from morphovote.classify.anchors import KIND, READ
from morphovote.classify.calibration import calibration_error, chance_error
from morphovote.classify.classes import CLASSES, DETECTED
from morphovote.storage import shards
from morphovote.storage.model_files import read_model
from morphovote.storage.model_folder import read_names
from morphovote.storage.rows import align_rows

SURE = 0.8
HEAD = ["field", "names", "accuracy", *(f"{name} found" for name in CLASSES), "called UNC"]
HEAD += ["truly UNC", "error", "by chance", f"wrong above {SURE}"]
ACROSS = ["field", "judged", "anchors", "right among the other's own", "right", *CLASSES, "error"]


def score_classes(run: dict, given: np.ndarray, chance: np.ndarray) -> list:
    """Accuracy, share of each class found, number of UNC, calibration, and number of sure mistakes.

    Parameters
    ----------
    run : dict
        From `class_runs.read_run`.
    given : ndarray of str, shape (N,)
    chance : ndarray, shape (N,)
        CLASS_PROB, NaN where there is none.
    """
    true = run["true"]
    right, known = given == true, np.isfinite(chance)
    found = [float(np.mean(given[true == name] == name)) for name in CLASSES]
    error = calibration_error(chance[known], right[known])
    sure = int((~right & (np.nan_to_num(chance) > SURE)).sum())
    counts = [int((given == "UNC").sum()), int((true == "UNC").sum())]
    return [float(right.mean()), *found, *counts, error, chance_error(chance[known]), sure]


def score_medians(folder: Path, run: dict) -> list | None:
    """The same for the classes that the measured medians of the groups would have given."""
    entries = read_names(folder / "model/names.yaml")["groups"]
    names = {number: entry.get("medians_say", "") for number, entry in entries.items()}
    if not all(names.values()):
        return None
    found, _ = classify_run(run, names)
    seen = run["light"]["snr"] >= DETECTED
    given = np.where(seen, found["class"], "UNC")
    return score_classes(run, given, np.where(seen, found["class_prob"], np.nan))


def score_renderers(folder: Path) -> list[list]:
    """Rows of the second table: anchors of one renderer judged by those of the other.

    Galaxies by a renderer that the classifier has not seen are the nearest thing to another sky.
    """
    arrays, _ = read_model(folder / "model/anchors.h5", KIND, (*READ, "renderer"))
    use = arrays["snr"] >= DETECTED
    arrays = {name: values[use] for name, values in arrays.items()}
    rows = []
    for renderer in sorted(set(arrays["renderer"].astype(str))):
        judged = arrays["renderer"].astype(str) == renderer
        learnt = {name: values[~judged] for name, values in arrays.items()}
        model, left_out = fit_anchored(learnt)
        names = model["classes"]
        own = float(np.mean(names[left_out.argmax(axis=1)] == learnt["class"].astype(str)))
        chance, _ = weigh_anchored(arrays["component"][judged], arrays["counts"][judged], model)
        given, true = names[chance.argmax(axis=1)], arrays["class"][judged].astype(str)
        found = [float(np.mean(given[true == name] == name)) for name in CLASSES]
        error = calibration_error(chance.max(axis=1), given == true)
        cells = [int(judged.sum()), own, float(np.mean(given == true)), *found, error]
        rows.append([folder.name, renderer, *cells])
    return rows


def main() -> None:
    """Print both tables."""
    parser = new_parser(__doc__)
    parser.add_argument("fields", type=Path, nargs="+", metavar="field", help="results/demo ...")
    rows, across = [], []
    for folder in parser.parse_args().fields:
        run = read_run(folder)
        found = shards.read_shard(folder / "classes.h5", ["row", "class", "class_prob"])
        found = align_rows(run["votes"]["row"], found)
        medians = score_medians(folder, run)
        if medians:
            rows.append([folder.name, "medians", *medians])
        chance = found["class_prob"].astype(float)
        rows.append([folder.name, "anchors", *score_classes(run, found["class"], chance)])
        across += score_renderers(folder)
    print_table(HEAD, rows)
    print_table(ACROSS, across)


if __name__ == "__main__":
    main()
